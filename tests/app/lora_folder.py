"""A folder of six LoRAs with what people have beside them, for the command line's tests and its documentation."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from tests.core.loras.library_files import LONG_AGO
from tests.core.loras.lora_files import KOHYA, SD, XL, tensors, unet, write_lora

SDXL = tensors(unet(XL), KOHYA, 2048)


def make_loras(folder: Path) -> Path:
    """ink_wash with Civitai's answer and its copy, mira with A1111's sidecar, hat without anything, broken cut short,
    lines that two sources contradict one another about."""
    ink = write_lora(folder / "styles" / "ink_wash.safetensors", SDXL)
    _beside(ink, ".civitai.info", _INK)
    (folder / "styles" / "ink_wash.preview.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    shutil.copy(ink, folder / "ink_copy.safetensors")
    kohya = {"ss_network_module": "networks.lora", "ss_sd_model_name": "ponyDiffusionV6XL.safetensors"}
    mira = write_lora(folder / "characters" / "mira.safetensors", tensors(unet(XL[:3]), KOHYA, 2048), kohya)
    _beside(mira, ".json", {"activation text": "mira, green eyes", "preferred weight": 0.7, "notes": "from the comic"})
    write_lora(folder / "clothing" / "hat.safetensors")
    shapes = tensors(unet(SD[:-1]), KOHYA, 768)
    lines = write_lora(folder / "styles" / "lines.safetensors", shapes, {"ss_base_model_version": "sd_v1"})
    _beside(lines, ".json", {"sd version": "SDXL", "activation text": "thin lines"})
    whole = write_lora(folder / "broken.safetensors", SDXL, {"ss_output_name": "broken"}).read_bytes()
    (folder / "broken.safetensors").write_bytes(whole[:-100])
    for path in folder.rglob("*"):
        os.utime(path, (LONG_AGO, LONG_AGO))
    return folder


def _beside(model: Path, suffix: str, value: Any) -> None:
    model.with_suffix(suffix).write_text(json.dumps(value))


_INK: dict[str, Any] = {
    "id": 11,
    "modelId": 7,
    "name": "v1.0",
    "baseModel": "Illustrious",
    "trainedWords": ["ink wash", "ink wash, paper texture"],
    "model": {"name": "Ink Wash", "type": "LORA", "nsfw": False, "tags": ["style", "ink"]},
    "description": "<p>Soft ink on rough paper.</p>",
    "images": [
        {"meta": {"prompt": "ink wash, a heron on wet paper, mist <lora:ink_wash:0.6>"}},
        {"meta": {"prompt": "ink wash, a monk crossing a bridge <lora:ink_wash:0.8>"}},
    ],
}
