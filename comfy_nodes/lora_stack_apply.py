"""Apply LoRA Stack: puts the LoRAs of a stack, ours or another pack's, into a model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from .host import io
from .image_info import note_loaded
from .lora_names import read_stack
from .services import LoraServices
from .sockets import LoraStackSocket

LORA_STACK_APPLY = "OrchestratorLoRAStackApply"


class LoraStackApply(io.ComfyNode):
    loras: ClassVar[Callable[[], LoraServices]]  # given by registration.py

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id=LORA_STACK_APPLY,
            display_name="Apply LoRA Stack",
            category="orchestrator",
            description="Loads the LoRAs of a stack, as the LoRA Selector and other packs' stackers give it.",
            inputs=[
                io.Model.Input("model", tooltip="What the LoRAs are put into."),
                io.Clip.Input("clip", optional=True, tooltip="The text encoder, which most LoRAs change too."),
                LoraStackSocket.Input("lora_stack", tooltip="Names and strengths; any pack's."),
            ],
            outputs=[
                io.Model.Output("model_out", display_name="model", tooltip="The model with the LoRAs."),
                io.Clip.Output("clip_out", display_name="clip", tooltip="The text encoder with the LoRAs."),
            ],
            hidden=[io.Hidden.unique_id, io.Hidden.extra_pnginfo],
        )

    @classmethod
    def execute(cls, model: Any, lora_stack: Any, clip: Any = None) -> io.NodeOutput:
        from .lora_uses import as_stack  # costs a server's start too much

        loras, stack = cls.loras(), read_stack(lora_stack)
        files, unknown = loras.files.found(stack.items)
        loaded = loras.loading.apply(model, clip, files)
        problems = [*stack.problems, *unknown, *loaded.problems]
        noted = note_loaded(cls.hidden.extra_pnginfo, str(cls.hidden.unique_id), as_stack(loaded.files))
        ui = {"orchestrator_loras": [{"base": "", "loras": [], "problems": problems, "loaded": noted}]}
        return io.NodeOutput(loaded.model, loaded.clip, ui=ui)
