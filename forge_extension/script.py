"""The script in txt2img and img2img: its elements, and the host's calls handed on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr

from forge_extension.host import hooks

if TYPE_CHECKING:
    from forge_extension.drawing import ScriptOptions
    from forge_extension.resolver import Resolver

TITLE = "Orchestrator"
# Short enough for a line each, or their elements would not stand side by side.
_INFO = {
    "dialect": "The template's syntax.",
    "method": "How values are chosen.",
    "missing": "What an unknown wildcard leaves.",
    "profiles": "Names, with commas: mira, ink.",
    "genre": "A template around your words.",
    "story": "A new name begins one.",
    "story_action": "How the story goes on.",
    "enhance": "Your own words stay.",
}


class Script(hooks.Script):  # type: ignore[misc]  # the host's class is not known to mypy
    """A class for each load of the extension is made of it, with these three; the host makes the objects."""

    resolver: Callable[[], Resolver]
    defaults: Callable[[], ScriptOptions]
    genres: Callable[[], Sequence[str]]

    def title(self) -> str:
        return TITLE

    def show(self, is_img2img: bool) -> Any:
        return hooks.AlwaysVisible

    def ui(self, is_img2img: bool) -> list[Any]:
        """The elements, in the order of ``drawing.ELEMENTS``."""
        from forge_extension.pasting import FIELDS

        own = type(self).defaults()
        with hooks.InputAccordion(own.enabled, label=TITLE, elem_id=self.elem_id("enabled")) as enabled:
            with gr.Row():
                chosen = [self._choice(name, getattr(own, name)) for name in ("dialect", "method", "missing")]
                seed = gr.Number(
                    own.prompt_seed, label="Prompt seed", precision=0, elem_id=self.elem_id("prompt_seed"),
                    info="-1: each image's own seed.",
                )  # fmt: skip
            more = self._more()
            gr.Markdown(
                "`{fox|owl}` and `__colors/warm__` in the prompts are drawn for each image anew. "
                "The tab *Orchestrator* lists your wildcards."
            )
        elements = [enabled, *chosen, seed, *more]
        for element in (*elements, enabled.accordion):
            element.do_not_save_to_config = True  # "Settings" has their defaults
        self.infotext_fields = list(zip(elements, FIELDS, strict=True))
        return elements

    def _more(self) -> list[Any]:
        """Who is in the prompt, its story, and whether it is enhanced; all of the story's and the enhancing's options
        are in the tab."""
        from forge_extension.settings import choices_of
        from orchestrator_core.stages import follow_story

        with gr.Row():
            profiles = self._text("profiles")
            genre = gr.Dropdown(
                ["", *type(self).genres()], value="", label="Genre", info=_INFO["genre"], allow_custom_value=True,
                elem_id=self.elem_id("genre"),
            )  # fmt: skip
        with gr.Row():
            story = self._text("story")
            action = gr.Dropdown(
                list(choices_of(follow_story.Options, "action")), value="continue", label="Story action",
                info=_INFO["story_action"], elem_id=self.elem_id("story_action"),
            )  # fmt: skip
            enhance = gr.Checkbox(False, label="Enhance", info=_INFO["enhance"], elem_id=self.elem_id("enhance"))
        return [profiles, genre, story, action, enhance]

    def _choice(self, name: str, value: str) -> Any:
        from forge_extension.drawing import ScriptOptions
        from forge_extension.settings import choices_of

        return gr.Dropdown(
            list(choices_of(ScriptOptions, name)), value=value, label=name.capitalize(), elem_id=self.elem_id(name),
            info=_INFO[name],
        )  # fmt: skip

    def _text(self, name: str) -> Any:
        return gr.Textbox("", label=name.capitalize(), info=_INFO[name], max_lines=1, elem_id=self.elem_id(name))

    def process(self, p: Any, *arguments: Any) -> None:
        type(self).resolver().process(p, arguments)

    def before_process_batch(self, p: Any, *arguments: Any, batch_number: int = 0, **_: Any) -> None:
        type(self).resolver().at_image(p, batch_number * p.batch_size)

    def postprocess_image(self, p: Any, pp: Any, *arguments: Any) -> None:
        type(self).resolver().at_image(p, getattr(pp, "index", 0))

    def postprocess(self, p: Any, processed: Any, *arguments: Any) -> None:
        type(self).resolver().finish(p, processed)


def script_class(
    resolver: Callable[[], Resolver],
    defaults: Callable[[], ScriptOptions],
    genres: Callable[[], Sequence[str]],
) -> type:
    """The class that the host is to find."""
    parts = {"resolver": staticmethod(resolver), "defaults": staticmethod(defaults), "genres": staticmethod(genres)}
    return type("OrchestratorScript", (Script,), parts)
