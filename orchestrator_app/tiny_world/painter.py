"""Painter: pictures of many prompts at once from the tiny diffusion model, in memory.

    painter = Painter.open(loras={"flawed": 1.0})
    pictures = painter.paint(["two striped red star, mint background"], seeds=[7])

It is for measurements and demonstrations with hundreds of pictures; whoever wants files with all that made them has
``generators.embedded``, with ``request_for`` as the request. The two do not give the same pictures for a seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator_app.tiny_world.diffusion_model import CFG, SIZE, STEPS, draw_pictures
from orchestrator_core.prompt import LoraUse
from orchestrator_core.request import GenerationRequest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MODELS = Path(__file__).parent / "models"
DIFFUSION, LORAS = MODELS / "diffusion", MODELS / "loras"
_AT_ONCE = 32


class Painter:
    """The model's parts in memory. Needs torch, diffusers and transformers; peft for LoRAs."""

    def __init__(self, unet: Any, text_encoder: Any, tokenizer: Any) -> None:
        self._parts = (unet, text_encoder, tokenizer)

    @classmethod
    def open(cls, folder: Path = DIFFUSION, loras: Mapping[str, float] | None = None, where: Path = LORAS) -> Painter:
        """``loras``: strengths, by the names of files in the folder ``where``."""
        unet, text_encoder, tokenizer = parts_of(folder)
        names = list(loras or {})
        for name in names:
            unet.load_lora_adapter(_weights_of(where / f"{name}.safetensors"), adapter_name=name, prefix="unet")
        if loras:
            unet.set_adapters(names, list(loras.values()))
        return cls(unet.eval(), text_encoder.eval(), tokenizer)

    def paint(self, prompts: Sequence[str], seeds: Sequence[int], steps: int = STEPS) -> list[NDArray[np.uint8]]:
        """A picture of (48, 48, 3) for each; its seed says which."""
        pictures: list[Any] = []
        for start in range(0, len(prompts), _AT_ONCE):
            end = start + _AT_ONCE
            pictures += list(draw_pictures(*self._parts, prompts[start:end], seeds[start:end], steps))
        return pictures


def request_for(positive: str, seed: int, loras: Sequence[LoraUse] = ()) -> GenerationRequest:
    """With the settings at which the tiny model draws best."""
    return GenerationRequest(
        positive,
        loras=tuple(loras),
        sampler="dpmpp_2m",
        steps=STEPS,
        cfg=CFG,
        width=SIZE,
        height=SIZE,
        seed=seed,
    )


def parts_of(folder: Path) -> tuple[Any, Any, Any]:
    """(UNet, text encoder, tokenizer) of a saved pipeline, in float32."""
    import torch
    from diffusers import UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

    unet = UNet2DConditionModel.from_pretrained(folder, subfolder="unet").float()
    text_encoder = CLIPTextModel.from_pretrained(folder / "text_encoder").float()
    return unet.to(memory_format=torch.channels_last), text_encoder, CLIPTokenizer.from_pretrained(folder / "tokenizer")


def _weights_of(path: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    weights: dict[str, Any] = load_file(path)
    return weights
