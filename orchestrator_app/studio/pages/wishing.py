"""Story and Enhance: whose next scene a prompt is, and what a language model may add to it; both off at first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from orchestrator_app.studio.compat import kw
from orchestrator_app.studio.elements import NONE, StageForm
from orchestrator_app.studio.live import LiveEnvironment
from orchestrator_app.studio.preparing import Wishes
from orchestrator_core.errors import OrchestratorError
from orchestrator_core.stages import follow_story, llm_enhance

# What the buttons beside Generate say, and the action of the story that each begins with.
SCENE_BUTTONS = {
    "continue": "Continue the scene",
    "develop": "Develop a character",
    "new_scene": "New scene",
}


class StorySection:
    """Made where it is to be seen."""

    def __init__(self) -> None:
        self.form = StageForm("followStory", follow_story.Options)
        with gr.Accordion("Story", open=False, elem_id="orchestrator_story") as self.accordion:
            with kw(gr.Row, elem_classes=["orc-line"]):
                self.form.add("story", scale=3, min_width=180)
                self.form.add("action", scale=2, min_width=130)
            with kw(gr.Row, elem_classes=["orc-line"]):
                self.form.add("where", "when", "mood", min_width=110)
            with kw(gr.Row, elem_classes=["orc-line"]):
                self.form.add("who", "outfit", min_width=140, lines=2)
            with gr.Accordion("More about the story", open=False, elem_id="orchestrator_more_story"):
                with kw(gr.Row, elem_classes=["orc-line"]):
                    self.form.add("lore", "lore_tokens", "recent_scenes", min_width=110)
                self.form.add_rest()

    @property
    def story(self) -> Any:
        return self.form.elements["story"]

    @property
    def action(self) -> Any:
        return self.form.elements["action"]


class EnhanceSection:
    """Made where it is to be seen."""

    def __init__(self) -> None:
        self.form = StageForm("llmEnhance", llm_enhance.Options)
        with gr.Accordion("Enhance", open=False, elem_id="orchestrator_enhancing"):
            self.is_on = kw(
                gr.Checkbox, label="Enhance each prompt; your own words stay as they are", value=False,
                elem_id="orchestrator_enhance_on", elem_classes=["orchestrator-field"],
            )  # fmt: skip
            with kw(gr.Row, elem_classes=["orc-line"]):
                self.form.add("mode", "style", min_width=120)
            with kw(gr.Row, elem_classes=["orc-line"]):
                self.form.add("instruction", scale=3, min_width=180)
                self.form.add("amount", scale=2, min_width=170)
            with gr.Accordion("More about enhancing", open=False, elem_id="orchestrator_more_enhancing"):
                with kw(gr.Row, elem_classes=["orc-line"]):
                    self.form.add("keep", "forbidden", min_width=140, lines=2)
                with kw(gr.Row, elem_classes=["orc-line"]):
                    self.form.add("temperature", scale=3, min_width=170)
                    self.form.add("on_error", scale=2, min_width=110)
                with kw(gr.Row, elem_classes=["orc-line"]):
                    self.form.add("max_tokens", "seed", "refresh", min_width=110)
                self.form.add_rest()

    @property
    def inputs(self) -> list[Any]:
        return [self.is_on, *self.form.inputs]


class WishSections:
    """Both, one below the other. ``inputs`` are what ``wishes`` reads."""

    def __init__(self) -> None:
        self.story, self.enhance = StorySection(), EnhanceSection()

    @property
    def inputs(self) -> list[Any]:
        return [*self.story.form.inputs, *self.enhance.inputs]

    def wishes(self, values: Sequence[Any]) -> Wishes:
        """From what ``inputs`` hold; what is off may hold anything. Raises ConfigError."""
        size = len(self.story.form.inputs)
        story, (is_on, *enhance) = values[:size], values[size:]
        named = story[list(self.story.form.elements).index("story")] not in (None, "", NONE)
        return Wishes(
            self.story.form.options(story) if named else follow_story.Options(),
            self.enhance.form.options(enhance) if is_on else None,
        )


def library_choices(live: LiveEnvironment, profiles: Any, genre: Any, story: Any) -> tuple[Any, Any, Any]:
    """The lists of these elements as they are now, whose values stay."""
    library = live.profiles
    genres = library.genres if library else ()
    names = [name for name in (library.names if library else ()) if name not in genres]
    return (
        gr.update(choices=_with(names, profiles or [])),
        gr.update(choices=_with([NONE, *genres], [genre])),
        gr.update(choices=_with([NONE, *_stories(live)], [story])),
    )


def _stories(live: LiveEnvironment) -> list[str]:
    stories = live.environment.stories
    try:
        return [brief.name for brief in stories.list()] if stories else []
    except OrchestratorError:  # which is said as soon as one is chosen
        return []


def _with(names: Sequence[str], chosen: Sequence[Any]) -> list[str]:
    return list(dict.fromkeys([*names, *(str(name) for name in chosen if name)]))
