"""Generate: a template, what it draws as one types, and the pictures of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from orchestrator_app.drawing import new_seed
from orchestrator_app.studio import html
from orchestrator_app.studio.choosing import Wanted
from orchestrator_app.studio.chosen_html import ChosenLoras, chosen_loras
from orchestrator_app.studio.compat import html_box, kw, listen, plain
from orchestrator_app.studio.drawing import MOST, Drawn, draw, rerolled
from orchestrator_app.studio.elements import StageForm
from orchestrator_app.studio.job import Job, Task
from orchestrator_app.studio.live import LiveEnvironment
from orchestrator_app.studio.pages.choosing import LoraSection
from orchestrator_app.studio.pages.elsewhere import Elsewhere
from orchestrator_app.studio.pages.results import ResultsPanel, run_buttons
from orchestrator_app.studio.pages.target import TargetChooser
from orchestrator_app.studio.remembering import saver
from orchestrator_app.studio.session import Session
from orchestrator_core.errors import ConfigError, OrchestratorError
from orchestrator_core.pipeline import new_run
from orchestrator_core.prompt import PromptDraft
from orchestrator_core.stages import dispatch, generate_prompt

REROLL, PICK = "orchestrator_reroll", "orchestrator_pick"  # text boxes that clicks write to
_EXAMPLE = "a __colors/warm__ {fox|owl} in {the snow|__places/city__}"
_RESET = "Take back what was drawn again"
_WRONG = "Nothing is rendered until that is put right."
# The details open above the cards, where a person who looks at a card further down does not see them.
_SCROLL = "() => { document.querySelector('#orchestrator_chosen')?.scrollIntoView({block: 'nearest'}); return []; }"
_BEGIN, _PREVIEW = 4, 20  # prompts at the beginning; those that are drawn as one types


@dataclass(frozen=True)
class _Asked:
    """The page's elements as values."""

    draw: generate_prompt.Options
    render: dispatch.Options
    loras: Wanted
    count: int
    target: str


class GeneratePage:
    """Made inside of a gr.Tab; ``connect`` is called once all pages are there."""

    def __init__(self, live: LiveEnvironment, session: Any, tab: Any) -> None:
        self.live, self.session, self.tab = live, session, tab
        self.draw_form = StageForm("generatePrompt", generate_prompt.Options)
        self.render_form = StageForm("dispatch", dispatch.Options)
        with kw(gr.Row, elem_classes=["orc-columns"], equal_height=False):
            with gr.Column(scale=5, min_width=340):
                self._template()
                self.loras = LoraSection()
                self._rendering()
            with gr.Column(scale=6, min_width=340):
                self._output()

    # elements

    def _template(self) -> None:
        form = self.draw_form
        form.add("template", value=_EXAMPLE, lines=3)
        form.add("negative_template")
        with kw(gr.Row, elem_classes=["orc-line"]):
            form.add("seed", scale=3, min_width=120)
            with kw(gr.Column, scale=2, min_width=110, elem_classes=["orc-stack"]):
                self.random = kw(gr.Button, value="New seed", size="sm", elem_id="orchestrator_new_seed")
                self.reuse = kw(gr.Button, value="Last seed", size="sm", elem_id="orchestrator_last_seed")
            self.count = kw(
                gr.Number, label="Prompts", value=_BEGIN, precision=0, step=1, elem_id="orchestrator_count",
                info=plain("How many are drawn; each has the next seed."), elem_classes=["orchestrator-field"],
                scale=2, min_width=90,
            )  # fmt: skip
            form.add("method", scale=3, min_width=130)
        with gr.Accordion("More about drawing", open=False, elem_id="orchestrator_more_drawing"):
            with kw(gr.Row, elem_classes=["orc-line"]):
                form.add("dialect", min_width=170, scale=5)
                form.add("missing", "index", min_width=110, scale=3)
            form.add_rest()
            self.reset = kw(gr.Button, value=_RESET, size="sm", interactive=False, elem_id="orchestrator_reset")

    def _rendering(self) -> None:
        form = self.render_form
        self.chooser = TargetChooser(self.live, form)
        with kw(gr.Row, elem_classes=["orc-line"]):
            form.add("checkpoint", min_width=200, scale=6)
            form.add("sampler", "scheduler", min_width=120, scale=4)
        with kw(gr.Row, elem_classes=["orc-line"]):
            form.add("steps", "cfg", "width", "height", "batch_size", min_width=90)
        with gr.Accordion("More about rendering", open=False, elem_id="orchestrator_more_rendering"):
            with kw(gr.Row, elem_classes=["orc-line"]):
                form.add("vae", "seed", min_width=140)
            with kw(gr.Row, elem_classes=["orc-line"]):
                form.add("denoise", "clip_skip", min_width=140)
            form.add_rest()

    def _output(self) -> None:
        self.summary = html_box("", elem_id="orchestrator_summary")
        with kw(gr.Row, elem_classes=["orc-line"]):
            self.generate = kw(gr.Button, value="Generate", variant="primary", elem_id="orchestrator_generate", scale=3)
            self.interrupt = kw(
                gr.Button, value="Interrupt", elem_id="orchestrator_interrupt", scale=1, min_width=90,
                interactive=False,
            )  # fmt: skip
        self.elsewhere = Elsewhere(self.live)
        self.progress = html_box("", elem_id="orchestrator_progress", elem_classes=["orc-empty"])
        self.results = ResultsPanel(self.live, self.session, lambda session: session.generate, "orchestrator")
        self.preview = html_box("", elem_id="orchestrator_preview")
        self.reroll = kw(gr.Textbox, value="", elem_id=REROLL, elem_classes=["orc-hidden"], show_label=False)
        self.pick = kw(gr.Textbox, value="", elem_id=PICK, elem_classes=["orc-hidden"], show_label=False)
        self.opened = gr.Timer(0.3)

    # what happens

    @property
    def inputs(self) -> list[Any]:
        return [self.session, self.count, self.chooser.target, *self.draw_form.inputs, *self.render_inputs]

    @property
    def render_inputs(self) -> list[Any]:
        """What holds for rows of a batch too: how to render, and which LoRAs to choose."""
        return [*self.render_form.inputs, *self.loras.inputs]

    @property
    def shown(self) -> list[Any]:
        """What a change of the page changes."""
        return [self.preview, self.summary, self.reset, *self.results.detail_outputs]

    def connect(self) -> None:
        shown = self.shown
        # change, not input: gradio 6 knows of an input only where a key was pressed, not of a pasted text
        typed = [
            element.change for element in [*self.draw_form.inputs, *self.render_inputs, self.count, self.chooser.target]
        ]
        quiet: dict[str, Any] = {"trigger_mode": "always_last", "show_progress": "hidden", "concurrency_limit": 4}
        listen(typed, self._on_change, self.inputs, shown, **quiet)
        listen(self.reroll.change, self._on_reroll, [self.reroll, *self.inputs], shown, **quiet)
        picked = [self.pick, *self.inputs]
        opened = listen(self.pick.change, self._on_pick, picked, self.results.detail_outputs, **quiet)
        listen(opened.then, None, None, None, js=_SCROLL)
        listen(self.reset.click, self._on_reset, self.inputs, shown, **quiet)
        seed = self.draw_form.elements["seed"]
        listen(self.random.click, lambda: str(new_seed()), None, seed, **quiet)
        listen(self.reuse.click, self._on_reuse, [self.session, seed], seed, **quiet)
        self._connect_opening()
        self._connect_generate()
        self.results.connect()

    def _connect_opening(self) -> None:
        # gradio 4.40 has no event for the opening of a page inside of another one
        seed, dialect = (self.draw_form.elements[name] for name in ("seed", "dialect"))
        own = [self.opened, seed, dialect, *self.elsewhere.outputs]
        first = listen(self.opened.tick, self._on_open, None, own, show_progress="hidden")
        quiet: dict[str, Any] = {"show_progress": "hidden"}
        listen(first.then, self._on_change, self.inputs, self.shown, **quiet)
        for after in self.chooser.connect(self.session, first.then, self.tab.select):
            listen(after, self._on_change, self.inputs, self.shown, **quiet)

    def _connect_generate(self) -> None:
        outputs = [self.generate, self.interrupt, self.progress, *self.results.outputs]
        listen(
            self.generate.click, self._on_generate, self.inputs, outputs, show_progress="hidden", concurrency_limit=None
        )
        listen(self.interrupt.click, self._on_interrupt, [self.session], [self.interrupt], show_progress="hidden")
        self.elsewhere.connect()

    def _asked(self, count: Any, target: str, values: Sequence[Any]) -> _Asked:
        """Raises ConfigError for what the form cannot mean."""
        size = len(self.draw_form.inputs)
        if not isinstance(count, int | float) or not 1 <= count <= MOST:
            raise ConfigError(f"Prompts is {count if count is not None else 'empty'}; it needs 1 to {MOST:,}.")
        render, loras = self.rendering(values[size:])
        return _Asked(self.draw_form.options(values[:size]), render, loras, int(count), target)

    def rendering(self, values: Sequence[Any]) -> tuple[dispatch.Options, Wanted]:
        """What ``render_inputs`` hold. Raises ConfigError."""
        size = len(self.render_form.inputs)
        options = self.render_form.options(values[:size])
        return options, self.loras.wanted(values[size:], options.checkpoint)

    def _on_change(self, session: Session, count: Any, target: str, *values: Any) -> tuple[Any, ...]:
        """The drawn prompts, what would be rendered, the details that are open of one of them: see ``shown``."""
        try:
            asked = self._asked(count, target, values)
            drawn = draw(asked.draw, min(asked.count, _PREVIEW), self.live.wildcards, session.rerolls)
            chosen_at = self.live.lora_choices if asked.loras.is_on else 0
            chosen = self._chosen(asked, drawn.drafts)
        except OrchestratorError as error:
            return self._nothing(html.notice(str(error)), html.summary_html(_WRONG))
        more = 0 if drawn.problem else asked.count - len(drawn.drafts)
        session.drawn = drawn = replace(drawn, drafts=chosen.drafts)
        session.wanted, session.chosen_at = asked.loras, chosen_at
        can_reroll = asked.draw.method == "random"
        cards = html.prompts_html(drawn, REROLL, PICK, can_reroll=can_reroll, more=more, below=chosen.below)
        summary, again = self._summary(asked, drawn, more), self.results.picked_anew(session, asked.render)
        return chosen.notes + cards, summary, self._reset_button(session), *again

    def follow(self, timer: Any) -> None:
        """Choose anew where the library has changed: a page that is opened may be ahead of the first look at it."""
        listen(timer.tick, self._on_tick, self.inputs, self.shown, show_progress="hidden")

    def _on_tick(self, session: Session, *values: Any) -> tuple[Any, ...]:
        is_same = not session.wanted.is_on or session.chosen_at == self.live.lora_choices
        return tuple(gr.update() for _ in self.shown) if is_same else self._on_change(session, *values)

    def _chosen(self, asked: _Asked, drafts: Sequence[PromptDraft]) -> ChosenLoras:
        """The drafts with their LoRAs, where they are to be chosen. Raises OrchestratorError."""
        target = self.live.target(asked.target)
        return chosen_loras(self.live.choosing(asked.loras, target, asked.render.checkpoint), drafts)

    def _summary(self, asked: _Asked, drawn: Drawn, more: int) -> str:
        try:
            target = self.live.target(asked.target)
        except OrchestratorError as error:
            return html.notice(str(error))
        requests = [dispatch.request_for(draft, asked.render) for draft in drawn.drafts]
        return html.summary_html(html.summary(requests, len(requests) + more, target))

    def _on_reroll(self, sent: str, session: Session, count: Any, target: str, *values: Any) -> tuple[Any, ...]:
        seed, _, slot = html.clicked(sent).partition(":")
        try:
            asked = self._asked(count, target, values)
            session.rerolls = rerolled(asked.draw, self.live.wildcards, session.rerolls, int(seed), slot)
        except OrchestratorError as error:
            return self._nothing(html.notice(str(error)), gr.update())
        return self._on_change(session, count, target, *values)

    def _nothing(self, preview: str, summary: Any) -> tuple[Any, ...]:
        return preview, summary, gr.update(), *self.results.no_details

    def _reset_button(self, session: Session) -> Any:
        count = sum(len(own) for own in session.rerolls.values())
        value = f"Take back what was drawn again ({html.number(count, 'part')})" if count else _RESET
        return gr.update(value=value, interactive=count > 0)

    def _on_pick(self, sent: str, session: Session, count: Any, target: str, *values: Any) -> tuple[Any, ...]:
        """Shows what can be done with a drawn prompt without rendering it."""
        place = int(html.clicked(sent)) - 1
        try:
            asked = self._asked(count, target, values)
        except OrchestratorError:
            return self.results.no_details
        return self.results.pick(session, place, asked.render)

    def _on_reset(self, session: Session, *values: Any) -> tuple[Any, ...]:
        session.rerolls = {}
        return self._on_change(session, *values)

    def _on_reuse(self, session: Session, seed: str) -> str:
        """The seed of the first prompt of the last job."""
        job = session.generate.job
        return str(job.states[0].task.run.draft.seed) if job else seed

    def _on_open(self) -> tuple[Any, ...]:
        """What a page begins with: a seed of its own, the dialect that is set, what another page left running."""
        seed, dialect = str(new_seed()), self.live.settings.dialect
        return gr.Timer(active=False), seed, dialect, *self.elsewhere.look()

    def _on_generate(self, session: Session, count: Any, target: str, *values: Any) -> Iterator[Any]:
        if session.generate.is_busy:
            raise gr.Error("This page is still rendering. Interrupt it first.")
        try:
            tasks = self._tasks(session, self._asked(count, target, values))
        except OrchestratorError as error:
            yield (*run_buttons(False), html.notice(str(error)), *self.results.unchanged)
            return
        session.generate.job = job = self.live.jobs.start(Job(tasks, saver(self.live)))
        yield (*run_buttons(True), "", *self.results.cleared(session))
        for states in job.watch():
            shown = html.progress_html(states, job.notes)
            yield (*run_buttons(None), shown, *self.results.added(session, states))
        yield (*run_buttons(False), html.progress_html(job.states, job.notes), *self.results.finished(session))

    def drafts(self, session: Session, count: Any, target: str, *values: Any) -> tuple[PromptDraft, ...]:
        """What the page draws now (``inputs``), without LoRAs. Raises OrchestratorError where that is nothing."""
        return self._drafts(session, self._asked(count, target, values))

    def _drafts(self, session: Session, asked: _Asked) -> tuple[PromptDraft, ...]:
        drawn = draw(asked.draw, asked.count, self.live.wildcards, session.rerolls)
        if not drawn.drafts:
            raise ConfigError(drawn.problem)
        return drawn.drafts

    def _tasks(self, session: Session, asked: _Asked) -> list[Task]:
        target = self.live.target(asked.target)
        runs = [new_run().replacing(draft=draft) for draft in self._chosen(asked, self._drafts(session, asked)).drafts]
        return [Task(number, target, run, asked.render) for number, run in enumerate(runs, 1)]

    def _on_interrupt(self, session: Session) -> Any:
        if session.generate.job is not None:
            session.generate.job.stop()
        return gr.update(interactive=False)
