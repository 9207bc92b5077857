"""LLM Model: which language model is asked, as a socket. Nothing is loaded or connected until a prompt needs it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from .host import io
from .sockets import LlmSocket

if TYPE_CHECKING:
    from .llm_part import LlmServices

LLM_MODEL = "OrchestratorLLMModel"


class LlmModel(io.ComfyNode):
    language: ClassVar[Callable[[], LlmServices]]  # given by registration.py

    @classmethod
    def define_schema(cls) -> io.Schema:
        from .llm_inputs import model_inputs  # costs more than ComfyUI's start should wait for

        return io.Schema(
            node_id=LLM_MODEL,
            display_name="LLM Model",
            category="orchestrator",
            description="Which language model enriches prompts and develops stories: a server as Ollama or LM Studio, "
            "a model in this process, or rules that need none.",
            inputs=model_inputs(),
            outputs=[LlmSocket.Output("llm", display_name="llm", tooltip="The language model.")],
            hidden=[io.Hidden.unique_id, io.Hidden.prompt],
        )

    @classmethod
    def validate_inputs(cls, url: str | None = None, folder: str | None = None) -> bool | str:
        """Refuses, before anything is rendered, what is no address or no folder. Linked ones are None here."""
        from .llm_settings import problem_of

        return problem_of(url or "", folder or "") or True

    @classmethod
    def fingerprint_inputs(cls, **values: Any) -> str:
        from .llm_settings import fingerprint

        return fingerprint(cls.language().models, values)

    @classmethod
    def execute(cls, clip: Any = None, **values: Any) -> io.NodeOutput:
        from .llm_settings import model_of

        return io.NodeOutput(model_of(cls.language().models, values, clip, cls.hidden))
