"""The elements of the Generate page, and what they hold as options."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from orchestrator_app.studio.choosing import Wanted
from orchestrator_app.studio.compat import html_box, kw, plain
from orchestrator_app.studio.drawing import MOST
from orchestrator_app.studio.elements import StageForm
from orchestrator_app.studio.live import LiveEnvironment
from orchestrator_app.studio.pages.choosing import LoraSection
from orchestrator_app.studio.pages.elsewhere import Elsewhere
from orchestrator_app.studio.pages.results import ResultsPanel
from orchestrator_app.studio.pages.retrying import RetrySection
from orchestrator_app.studio.pages.target import TargetChooser
from orchestrator_app.studio.pages.wishing import SCENE_BUTTONS, WishSections
from orchestrator_app.studio.preparing import Wishes
from orchestrator_core.errors import ConfigError
from orchestrator_core.stages import dispatch, generate_prompt
from orchestrator_core.weights.retrying import Options as RetryOptions

# Text boxes that clicks write to.
REROLL, PICK, TICK = "orchestrator_reroll", "orchestrator_pick", "orchestrator_tick"
ASK = "Ask the language model now"
RESET = "Take back what was drawn again"
_EXAMPLE = "a __colors/warm__ {fox|owl} in {the snow|__places/city__}"
_BEGIN = 4  # prompts at the beginning


@dataclass(frozen=True)
class Rendering:
    """What holds for rows of a batch too: how to render, which LoRAs to choose, the story, the enhancing, the tries."""

    options: dispatch.Options
    loras: Wanted
    wishes: Wishes
    retry: RetryOptions | None = None


@dataclass(frozen=True)
class Asked:
    """The page's elements as values."""

    draw: generate_prompt.Options
    rendering: Rendering
    count: int
    target: str

    @property
    def render(self) -> dispatch.Options:
        return self.rendering.options

    @property
    def loras(self) -> Wanted:
        return self.rendering.loras

    @property
    def wishes(self) -> Wishes:
        return self.rendering.wishes


class GenerateElements:
    """Made inside of a gr.Tab."""

    def __init__(self, live: LiveEnvironment, session: Any, tab: Any) -> None:
        self.live, self.session, self.tab = live, session, tab
        self.draw_form = StageForm("generatePrompt", generate_prompt.Options)
        self.render_form = StageForm("dispatch", dispatch.Options)
        with kw(gr.Row, elem_classes=["orc-columns"], equal_height=False):
            with gr.Column(scale=5, min_width=340):
                self._template()
                self.sections = WishSections()
                self.loras = LoraSection()
                self._rendering()
                self.retry = RetrySection()
            with gr.Column(scale=6, min_width=340):
                self._output()

    # elements

    def _template(self) -> None:
        form = self.draw_form
        form.add("template", value=_EXAMPLE, lines=3)
        form.add("negative_template")
        with kw(gr.Row, elem_classes=["orc-line"]):
            form.add("profiles", scale=3, min_width=170)
            form.add("genre", scale=2, min_width=130)
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
            self.reset = kw(gr.Button, value=RESET, size="sm", interactive=False, elem_id="orchestrator_reset")

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
            self.to_queue = kw(
                gr.Button, value="Add to queue", elem_id="orchestrator_to_queue", scale=1, min_width=90,
                visible=self.live.environment.queue is not None,
            )  # fmt: skip
            self.interrupt = kw(
                gr.Button, value="Interrupt", elem_id="orchestrator_interrupt", scale=1, min_width=90,
                interactive=False,
            )  # fmt: skip
        with kw(gr.Row, elem_classes=["orc-line", "orc-tools"], visible=False) as self.scene_tools:
            self.scenes = {
                action: kw(gr.Button, value=label, size="sm", elem_id=f"orchestrator_scene_{action}")
                for action, label in SCENE_BUTTONS.items()
            }
        self.ask = kw(gr.Button, value=ASK, size="sm", visible=False, elem_id="orchestrator_ask")
        self.elsewhere = Elsewhere(self.live)
        self.progress = html_box("", elem_id="orchestrator_progress", elem_classes=["orc-empty"])
        self.results = ResultsPanel(self.live, self.session, lambda session: session.generate, "orchestrator")
        self.preview = html_box("", elem_id="orchestrator_preview")
        self.reroll, self.pick, self.tick = (
            kw(gr.Textbox, value="", elem_id=name, elem_classes=["orc-hidden"], show_label=False)
            for name in (REROLL, PICK, TICK)
        )
        self.opened = gr.Timer(0.3)

    # what they hold

    @property
    def inputs(self) -> list[Any]:
        return [self.session, self.count, self.chooser.target, *self.draw_form.inputs, *self.render_inputs]

    @property
    def render_inputs(self) -> list[Any]:
        """What holds for rows of a batch too: see Rendering."""
        return [*self.render_form.inputs, *self.loras.inputs, *self.retry.inputs, *self.sections.inputs]

    @property
    def shown(self) -> list[Any]:
        """What a change of the page changes."""
        return [self.preview, self.summary, self.reset, self.ask, *self.results.detail_outputs]

    @property
    def named(self) -> list[Any]:
        """The elements whose choices are names of what is kept here."""
        form = self.draw_form.elements
        return [form["profiles"], form["genre"], self.sections.story.story]

    def asked(self, count: Any, target: str, values: Sequence[Any]) -> Asked:
        """Raises ConfigError for what the form cannot mean."""
        size = len(self.draw_form.inputs)
        if not isinstance(count, int | float) or not 1 <= count <= MOST:
            raise ConfigError(f"Prompts is {count if count is not None else 'empty'}; it needs 1 to {MOST:,}.")
        rendering = self.rendering(values[size:])
        return Asked(self.draw_form.options(values[:size]), rendering, int(count), target)

    def rendering(self, values: Sequence[Any]) -> Rendering:
        """What ``render_inputs`` hold. Raises ConfigError."""
        first = len(self.render_form.inputs)
        last = first + len(self.loras.inputs)
        options = self.render_form.options(values[:first])
        loras = self.loras.wanted(values[first:last], options.checkpoint)
        end = last + len(self.retry.inputs)
        return Rendering(options, loras, self.sections.wishes(values[end:]), self.retry.wanted(values[last:end]))
