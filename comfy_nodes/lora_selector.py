"""LoRA Selector: the LoRAs that fit a prompt, loaded, with their trigger words, and the reasons."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from .host import io
from .services import LoraServices
from .sockets import DraftSocket, LoraStackSocket

LORA_SELECTOR = "OrchestratorLoRASelector"


class LoraSelector(io.ComfyNode):
    loras: ClassVar[Callable[[], LoraServices]]  # given by registration.py

    @classmethod
    def define_schema(cls) -> io.Schema:
        from .lora_selecting import inputs  # see there why not before

        return io.Schema(
            node_id=LORA_SELECTOR,
            display_name="LoRA Selector",
            category="orchestrator",
            description="Chooses the LoRAs that fit the prompt and the model, loads them, adds their trigger words, "
            "and says why each was chosen or not.",
            inputs=inputs(),
            outputs=[
                io.Model.Output("model_out", display_name="model", tooltip="The model with the LoRAs."),
                io.Clip.Output("clip_out", display_name="clip", tooltip="The text encoder with the LoRAs."),
                io.String.Output("text_out", display_name="text", tooltip="The prompt with the trigger words."),
                DraftSocket.Output(
                    "draft_out", display_name="draft", tooltip="The prompt, with where its words are from."
                ),
                LoraStackSocket.Output(
                    "lora_stack_out", display_name="lora_stack", tooltip="The LoRAs, to be put into another model too."
                ),
                io.String.Output("report", display_name="report", tooltip="Why each LoRA was chosen, or was not."),
            ],
            hidden=[io.Hidden.unique_id, io.Hidden.prompt, io.Hidden.extra_pnginfo],
        )

    @classmethod
    def validate_inputs(cls, query: str | None = None) -> bool | str:
        """Refuses, before anything is rendered, a query that cannot be read. A linked one is None here."""
        from .lora_selecting import problem_of

        return problem_of(query or "") or True

    @classmethod
    def fingerprint_inputs(cls, **values: Any) -> str:
        from .lora_selecting import fingerprint

        return fingerprint(cls.loras(), values)

    @classmethod
    def execute(cls, model: Any, clip: Any = None, **values: Any) -> io.NodeOutput:
        from .lora_selecting import selected

        return selected(cls.loras(), cls.hidden, model, clip, values)
