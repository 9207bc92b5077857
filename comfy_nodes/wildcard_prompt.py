"""Wildcard Prompt: a template goes in, a drawn prompt comes out, with where each of its words came from."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import ValidationError

from orchestrator_core.errors import OrchestratorError
from orchestrator_core.prompt import PromptDraft
from orchestrator_core.stages.generate_prompt import generate, kept

from .host import current_client, io
from .option_inputs import option_input
from .populate import show_in_image, tell_browser
from .routes import what_is_wrong
from .services import Services
from .sockets import DraftSocket
from .widgets import FIXED, POPULATE, POPULATED, WILDCARD_PROMPT, options_from


class WildcardPrompt(io.ComfyNode):
    services: ClassVar[Services]  # given by registration.py

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id=WILDCARD_PROMPT,
            display_name="Wildcard Prompt",
            category="orchestrator",
            description="Draws a prompt from a template with {variants} and __wildcards__, and remembers where each "
            "word came from.",
            inputs=_inputs(),
            outputs=[
                io.String.Output("positive", display_name="positive", tooltip="The drawn prompt."),
                io.String.Output("negative", display_name="negative", tooltip="The drawn negative prompt."),
                DraftSocket.Output("draft", display_name="draft", tooltip="The prompt with the origin of each word."),
                io.Int.Output("drawn_seed", display_name="seed", tooltip="The seed, for the sampler."),
            ],
            hidden=[io.Hidden.unique_id, io.Hidden.prompt, io.Hidden.extra_pnginfo],
        )

    @classmethod
    def fingerprint_inputs(cls, **values: Any) -> str:
        """What else than its inputs a node's text depends on: the wildcard files, where it has yet to be drawn."""
        if values.get("mode") == FIXED or values.get(POPULATED[0]) or values.get(POPULATED[1]):
            return ""
        cls.services.wildcards.look()
        return cls.services.wildcards.digest()

    @classmethod
    def execute(cls, **values: Any) -> io.NodeOutput:
        texts = (str(values.get(POPULATED[0]) or ""), str(values.get(POPULATED[1]) or ""))
        try:
            options = options_from(values)
            if values.get("mode") == FIXED or any(texts):
                draft = kept(options, *texts, cls.services.wildcards)
            else:
                draft = generate(options, cls.services.wildcards)
                cls._tell(draft)
        except (OrchestratorError, ValidationError) as error:
            # ComfyUI 0.3.64 forgets to block a node that gives no outputs at all
            return io.NodeOutput("", "", None, 0, block_execution=_told(error))
        return io.NodeOutput(draft.positive, draft.negative_prompt, draft, options.seed)

    @classmethod
    def _tell(cls, draft: PromptDraft) -> None:
        """What the handler does before a graph is queued, where it could not know the text."""
        node_id = str(cls.hidden.unique_id)
        show_in_image(cls.hidden.prompt, cls.hidden.extra_pnginfo, node_id, draft)
        tell_browser(cls.services, node_id, draft, current_client())


def _inputs() -> list[io.Input]:
    """In the order of ``widgets.WIDGETS``; all but the first may be missing from the graph of an older version."""
    texts = [
        io.String.Input(name, optional=True, multiline=True, dynamic_prompts=False, default="", tooltip=tooltip)
        for name, tooltip in zip(POPULATED, _POPULATED_TOOLTIPS, strict=True)
    ]
    mode = io.Combo.Input(
        "mode",
        options=[POPULATE, FIXED],
        optional=True,
        default=POPULATE,
        tooltip="populate: a new text is drawn each time. fixed: the drawn text stays, and can be edited.",
    )
    later = ("dialect", "method", "seed", "index", "missing", "rerolls")
    inputs = [option_input(name) for name in ("template", "negative_template")]
    return [*inputs, *texts, mode, *(option_input(name) for name in later)]


_POPULATED_TOOLTIPS = (
    "The prompt that was drawn. Written here before each run; in mode fixed it is what is rendered.",
    "The negative prompt that was drawn.",
)


def _told(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return what_is_wrong(error)
    return str(error)
