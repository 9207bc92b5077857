"""Generate: a template, what it draws as one types, and the pictures of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import gradio as gr

from orchestrator_app.drawing import new_seed
from orchestrator_app.studio import html, job_html
from orchestrator_app.studio.chosen_html import chosen_loras
from orchestrator_app.studio.clock import Clock
from orchestrator_app.studio.compat import hidden, listen
from orchestrator_app.studio.drawing import Drawn, draw, rerolled
from orchestrator_app.studio.elements import NONE
from orchestrator_app.studio.job import Job, Task
from orchestrator_app.studio.odds import Odds
from orchestrator_app.studio.pages.generate_elements import ASK, PICK, REROLL, RESET, TICK, Asked, GenerateElements
from orchestrator_app.studio.pages.results import run_buttons
from orchestrator_app.studio.pages.wishing import library_choices
from orchestrator_app.studio.prepared_html import prepared_html, ticked
from orchestrator_app.studio.preparing import Prepared, accepted_draft, was_kept
from orchestrator_app.studio.remembering import forget, saver
from orchestrator_app.studio.session import Session
from orchestrator_core.errors import ConfigError, OrchestratorError
from orchestrator_core.pipeline import new_run
from orchestrator_core.prompt import PromptDraft
from orchestrator_core.stages import dispatch

_WRONG = "Nothing is rendered until that is put right."
_BUSY = "This page is still at work. Interrupt it first."
# The details open above the cards, where a person who looks at a card further down does not see them.
_SCROLL = "() => { document.querySelector('#orchestrator_chosen')?.scrollIntoView({block: 'nearest'}); return []; }"
_PREVIEW = 20  # prompts that are drawn as one types
_QUIET: dict[str, Any] = {"show_progress": "hidden"}


class GeneratePage(GenerateElements):
    """``connect`` is called once all pages are there."""

    def connect(self) -> None:
        shown = self.shown
        # change, not input: gradio 6 knows of an input only where a key was pressed, not of a pasted text
        typed = [
            element.change for element in [*self.draw_form.inputs, *self.render_inputs, self.count, self.chooser.target]
        ]
        quiet: dict[str, Any] = {"trigger_mode": "always_last", "concurrency_limit": 4, **_QUIET}
        listen(typed, self._on_change, self.inputs, shown, **quiet)
        listen(self.reroll.change, self._on_reroll, [self.reroll, *self.inputs], shown, **quiet)
        listen(self.tick.change, self._on_accept, [self.tick, *self.inputs], shown, **quiet)
        picked = [self.pick, *self.inputs]
        opened = listen(self.pick.change, self._on_pick, picked, self.results.detail_outputs, **quiet)
        listen(opened.then, None, None, None, js=_SCROLL)
        listen(self.reset.click, self._on_reset, self.inputs, shown, **quiet)
        seed = self.draw_form.elements["seed"]
        listen(self.random.click, lambda: str(new_seed()), None, seed, **quiet)
        listen(self.reuse.click, self._on_reuse, [self.session, seed], seed, **quiet)
        self._connect_opening()
        self._connect_jobs()
        self.results.connect()

    def _connect_opening(self) -> None:
        # gradio 4.40 has no event for the opening of a page inside of another one
        seed, dialect = (self.draw_form.elements[name] for name in ("seed", "dialect"))
        own = [self.opened, seed, dialect, *self.elsewhere.outputs]
        first = listen(self.opened.tick, self._on_open, None, own, **_QUIET)
        listen(first.then, self._on_change, self.inputs, self.shown, **_QUIET)
        for after in self.chooser.connect(self.session, first.then, self.tab.select):
            listen(after, self._on_change, self.inputs, self.shown, **_QUIET)
        for event in (first.then, self.tab.select):
            listen(event, self._on_names, self.named, self.named, **_QUIET)
        story = self.sections.story.story
        listen(story.change, _is_named, story, self.scene_tools, **_QUIET)

    def _connect_jobs(self) -> None:
        outputs = [self.generate, self.interrupt, self.progress, *self.results.outputs]
        long: dict[str, Any] = {"concurrency_limit": None, **_QUIET}
        begun = [listen(self.generate.click, self._on_generate, self.inputs, outputs, **long)]
        for action, button in self.scenes.items():
            chosen = listen(button.click, _always(action), None, self.sections.story.action, **_QUIET)
            begun.append(listen(chosen.then, self._on_generate, self.inputs, outputs, **long))
        begun.append(listen(self.ask.click, self._on_ask, self.inputs, outputs, **long))
        for done in begun:  # a story has gone on, an answer has come
            listen(done.then, self._on_end, self.inputs, self.shown, **_QUIET)
            listen(done.then, self._on_names, self.named, self.named, **_QUIET)
        listen(self.interrupt.click, self._on_interrupt, [self.session], [self.interrupt], **_QUIET)
        self.elsewhere.connect()

    def filled_by(self, event: Any) -> None:
        """Show anew what is drawn, after another page has filled in a story: gradio 6 tells no change of what is in an
        accordion that was never opened.
        """
        listen(event.then, self._on_change, self.inputs, self.shown, **_QUIET)
        listen(event.then, _is_named, self.sections.story.story, self.scene_tools, **_QUIET)

    def follow(self, clock: Clock) -> None:
        """Choose anew where the library has changed: a page that is opened may be ahead of the first look at it."""
        look = hidden("orchestrator_look")  # a small answer to each tick, see compat.folded
        clock.on_tick(self._on_look, [look])
        listen(look.change, self._on_tick, self.inputs, self.shown, **_QUIET)

    # what is drawn

    def _on_change(self, session: Session, count: Any, target: str, *values: Any) -> tuple[Any, ...]:
        """The drawn prompts, what would be rendered, the details that are open of one of them: see ``shown``."""
        try:
            asked = self.asked(count, target, values)
            drawn = self._drawn(session, asked, min(asked.count, _PREVIEW))
            chosen_at = self.live.lora_choices if asked.loras.is_on else 0
            prepared = self._prepared(asked, drawn.drafts)
            accepted = [accepted_draft(one, session.left_out) for one in prepared]
            place = self.live.target(asked.target)
            chosen = chosen_loras(self.live.choosing(asked.loras, place, asked.render.checkpoint), accepted)
        except OrchestratorError as error:
            return self._nothing(html.notice(str(error)), html.summary_html(_WRONG))
        more = 0 if drawn.problem else asked.count - len(drawn.drafts)
        session.drawn = drawn = replace(drawn, drafts=chosen.drafts)
        session.wanted, session.chosen_at = asked.loras, chosen_at
        below = [prepared_html(one, TICK, session.left_out) for one in prepared]
        below = [text + loras for text, loras in zip(below, chosen.below or [""] * len(below), strict=True)]
        can_reroll = asked.draw.method == "random"
        cards = html.prompts_html(drawn, REROLL, PICK, can_reroll=can_reroll, more=more, below=below)
        summary, again = self._summary(asked, drawn, more), self.results.picked_anew(session, asked.render)
        return chosen.notes + cards, summary, _reset_button(session), _ask_button(prepared), *again

    def _drawn(self, session: Session, asked: Asked, count: int) -> Drawn:
        session.odds_at, odds = self.live.odds_number, self._odds(asked)
        return draw(asked.draw, count, self.live.wildcards, session.rerolls, self.live.profiles, odds)

    def _odds(self, asked: Asked) -> Odds:
        who, target = (asked.draw.profiles, asked.draw.genre), self.live.target(asked.target)
        return self.live.odds(*who, target, asked.render.checkpoint)

    def _prepared(self, asked: Asked, drafts: Sequence[PromptDraft]) -> list[Prepared]:
        """As far as that is known without asking a language model. Raises OrchestratorError."""
        preparer = self.live.preparer(asked.wishes)
        checkpoint = self.live.target(asked.target).base_model(asked.render.checkpoint)
        return [preparer.known(draft, checkpoint) for draft in drafts]

    def _summary(self, asked: Asked, drawn: Drawn, more: int) -> str:
        try:
            target = self.live.target(asked.target)
        except OrchestratorError as error:
            return html.notice(str(error))
        requests = [dispatch.request_for(draft, asked.render) for draft in drawn.drafts]
        return html.summary_html(html.summary(requests, len(requests) + more, target))

    def _nothing(self, preview: str, summary: Any) -> tuple[Any, ...]:
        return preview, summary, gr.update(), gr.update(), *self.results.no_details

    # what a person changes

    def _is_same(self, session: Session) -> bool:
        is_chosen = not session.wanted.is_on or session.chosen_at == self.live.lora_choices
        return is_chosen and session.odds_at == self.live.odds_number

    def _on_look(self, session: Session) -> Any:
        """Another text where prompts are to be drawn or chosen for anew."""
        now = f"{session.chosen_at} {self.live.lora_choices} {session.odds_at} {self.live.odds_number}"
        return gr.update() if self._is_same(session) else now

    def _on_tick(self, session: Session, *values: Any) -> tuple[Any, ...]:
        return tuple(gr.update() for _ in self.shown) if self._is_same(session) else self._on_change(session, *values)

    def _on_reroll(self, sent: str, session: Session, count: Any, target: str, *values: Any) -> tuple[Any, ...]:
        seed, _, slot = html.clicked(sent).partition(":")
        try:
            asked = self.asked(count, target, values)
            wildcards, odds = self.live.wildcards, self._odds(asked)
            session.rerolls = rerolled(
                asked.draw, wildcards, session.rerolls, int(seed), slot, self.live.profiles, odds
            )
        except OrchestratorError as error:
            return self._nothing(html.notice(str(error)), gr.update())
        return self._on_change(session, count, target, *values)

    def _on_accept(self, sent: str, session: Session, *values: Any) -> tuple[Any, ...]:
        """Leaves a part of an enhancement out, or takes it in again."""
        session.left_out = ticked(sent, session.left_out)
        return self._on_change(session, *values)

    def _on_pick(self, sent: str, session: Session, count: Any, target: str, *values: Any) -> tuple[Any, ...]:
        """Shows what can be done with a drawn prompt without rendering it."""
        place = int(html.clicked(sent)) - 1
        try:
            asked = self.asked(count, target, values)
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

    def _on_names(self, profiles: Any, genre: Any, story: Any) -> tuple[Any, Any, Any]:
        return library_choices(self.live, profiles, genre, story)

    # jobs

    def _on_generate(self, session: Session, count: Any, target: str, *values: Any) -> Iterator[Any]:
        yield from self._worked(session, lambda: self._job(session, self.asked(count, target, values)))

    def _on_ask(self, session: Session, count: Any, target: str, *values: Any) -> Iterator[Any]:
        """Asks the language model for what is shown, and renders nothing."""

        def job() -> Job:
            asked = self.asked(count, target, values)
            tasks = self.tasks(asked, self.drawn(session, replace(asked, count=min(asked.count, _PREVIEW))))
            wishes = self.live.preparation(asked.wishes, type(asked.loras)(), {})
            return Job(tasks, forget, wishes, renders=False)

        yield from self._worked(session, job, renders=False)

    def _worked(self, session: Session, make: Callable[[], Job], *, renders: bool = True) -> Iterator[Any]:
        if session.generate.is_busy:
            raise gr.Error(_BUSY)
        try:
            made = make()
        except OrchestratorError as error:
            yield (*run_buttons(False), html.notice(str(error)), *self.results.unchanged)
            return
        session.generate.job = job = self.live.jobs.start(made)
        yield (*run_buttons(True), "", *(self.results.cleared(session) if renders else self.results.unchanged))
        for states in job.watch():
            shown = job_html.progress_html(states, job.notes)
            yield (
                *run_buttons(None),
                shown,
                *(self.results.added(session, states) if renders else self.results.unchanged),
            )
        last = self.results.finished(session) if renders else self.results.unchanged
        yield (*run_buttons(False), job_html.progress_html(job.states, job.notes), *last)

    def drafts(self, session: Session, count: Any, target: str, *values: Any) -> tuple[PromptDraft, ...]:
        """What the page shows now (``inputs``), without LoRAs. Raises OrchestratorError where that is nothing."""
        asked = self.asked(count, target, values)
        prepared = self._prepared(asked, self.drawn(session, asked))
        return tuple(accepted_draft(one, session.left_out) for one in prepared)

    def drawn(self, session: Session, asked: Asked) -> tuple[PromptDraft, ...]:
        drawn = self._drawn(session, asked, asked.count)
        if not drawn.drafts:
            raise ConfigError(drawn.problem)
        return drawn.drafts

    def _job(self, session: Session, asked: Asked) -> Job:
        prepare = self.live.preparation(asked.wishes, asked.loras, session.left_out)
        tasks, retries = self.tasks(asked, self.drawn(session, asked)), self.live.retries(asked.rendering.retry)
        return Job(tasks, saver(self.live), prepare, rate=self.live.rate(), retries=retries)

    def tasks(self, asked: Asked, drafts: Sequence[PromptDraft]) -> list[Task]:
        target = self.live.target(asked.target)
        runs = [new_run().replacing(draft=draft) for draft in drafts]
        return [Task(number, target, run, asked.render) for number, run in enumerate(runs, 1)]

    def _on_end(self, session: Session, count: Any, target: str, *values: Any) -> tuple[Any, ...]:
        """The preview anew, where it says something else now: a scene was told, or an answer has come."""
        try:
            is_any = self.asked(count, target, values).wishes.is_any
        except OrchestratorError:
            is_any = False
        return self._on_change(session, count, target, *values) if is_any else tuple(gr.update() for _ in self.shown)

    def _on_interrupt(self, session: Session) -> Any:
        if session.generate.job is not None:
            session.generate.job.stop()
        return gr.update(interactive=False)


def _reset_button(session: Session) -> Any:
    count = sum(len(own) for own in session.rerolls.values())
    value = f"Take back what was drawn again ({html.number(count, 'part')})" if count else RESET
    return gr.update(value=value, interactive=count > 0)


def _ask_button(prepared: Sequence[Prepared]) -> Any:
    """There where something is to be asked."""
    waiting, kept = sum(one.waits for one in prepared), sum(was_kept(one.draft) for one in prepared)
    text = f"{ASK} ({html.number(waiting, 'prompt')})" if waiting else f"Ask again ({html.number(kept, 'prompt')})"
    return gr.update(value=text, visible=bool(waiting or kept))


def _is_named(story: Any) -> Any:
    return gr.update(visible=bool(story) and story != NONE)


def _always(value: str) -> Callable[[], str]:
    return lambda: value
