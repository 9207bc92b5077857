"""LLM Enhance: a prompt goes in, a richer one that has every word of it comes out, and what came of asking is said."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from .host import io
from .sockets import DraftSocket
from .widgets import LLM_ENHANCE

if TYPE_CHECKING:
    from .llm_part import LlmServices


class LlmEnhance(io.ComfyNode):
    language: ClassVar[Callable[[], LlmServices]]  # given by registration.py

    @classmethod
    def define_schema(cls) -> io.Schema:
        from .llm_inputs import enhance_inputs  # costs more than ComfyUI's start should wait for

        return io.Schema(
            node_id=LLM_ENHANCE,
            display_name="LLM Enhance",
            category="orchestrator",
            description="Adds to a prompt what a language model, or rules without one, think goes with it. Your own "
            "words, weights, LoRAs and all other syntax stay as they are.",
            inputs=enhance_inputs(),
            outputs=[
                DraftSocket.Output("draft_out", display_name="draft", tooltip="The prompt with the origin of words."),
                io.String.Output("positive", display_name="positive", tooltip="The prompt with the new words."),
                io.String.Output("negative", display_name="negative", tooltip="The negative prompt, as it was."),
                io.String.Output("natural", display_name="natural", tooltip="In mode tags+natural: the sentences."),
                io.String.Output("status", display_name="status", tooltip="enhanced, cached, unchanged or kept."),
                io.String.Output("report", display_name="report", tooltip="What was added, by whom, or why not."),
            ],
            hidden=[io.Hidden.unique_id, io.Hidden.prompt, io.Hidden.extra_pnginfo],
        )

    @classmethod
    def validate_inputs(cls, instruction: str | None = None) -> bool | str:
        """Refuses, before anything is rendered, what is too long. A linked one is None here."""
        from .llm_asking import problem_of

        return problem_of({"instruction": instruction or ""}) or True

    @classmethod
    def fingerprint_inputs(cls, **values: Any) -> str:
        from .llm_asking import fingerprint

        return fingerprint(cls.language().enhancing, values)

    @classmethod
    def execute(cls, **values: Any) -> io.NodeOutput:
        from .llm_asking import enhanced

        return enhanced(cls.language().enhancing, cls.hidden, values)
