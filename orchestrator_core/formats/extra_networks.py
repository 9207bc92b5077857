"""``<lora:name:0.8>`` tags in prompt text: found, taken out, and written.

The syntax is A1111's and Forge's (``modules/extra_networks.py``, ``extra_networks_lora.py`` there):
``<lora:name>``, ``<lora:name:both>``, ``<lora:name:text encoder:unet>`` and the named ``te=``, ``unet=``.
The text encoder comes first, unlike in ComfyUI's LoraLoader. Other ``<…>`` is text and stays text.
"""

from __future__ import annotations

import math
import re

from orchestrator_core.prompt import LoraUse

_TAG = re.compile(r"<(?:lora|lyco):([^<>]+)>")  # the hosts know lyco as another name of lora


def extract_loras(text: str) -> tuple[str, tuple[LoraUse, ...]]:
    """The text without its LoRA tags, and the LoRAs in their order.

    A tag that no host could use (``<lora:name:strong>``) stays in the text, for a person to see.
    """
    loras: list[LoraUse] = []

    def take(match: re.Match[str]) -> str:
        lora = _parse_arguments(match[1].split(":"))
        if lora is None:
            return match[0]
        loras.append(lora)
        return ""

    return _TAG.sub(take, text), tuple(loras)


def _parse_arguments(arguments: list[str]) -> LoraUse | None:
    name, *rest = arguments
    named = dict(argument.split("=", 1) for argument in rest if "=" in argument)
    te, unet = ([argument for argument in rest if "=" not in argument] + ["", ""])[:2]
    te = named.get("te", te) or "1"
    clip, model = parse_number(te), parse_number(named.get("unet", unet) or te)
    if clip is None or model is None or not name.strip():
        return None
    return LoraUse(name, strength_model=model, strength_clip=clip)


def parse_number(text: str) -> float | None:
    """The number that a text stands for; None for what is none, and for infinities."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def lora_tag(lora: LoraUse) -> str:
    """``<lora:name:0.8>``, or ``<lora:name:text encoder:unet>`` where the two strengths differ."""
    clip, model = format_number(lora.strength_clip), format_number(lora.strength_model)
    return f"<lora:{lora.name}:{clip}>" if clip == model else f"<lora:{lora.name}:{clip}:{model}>"


def format_number(value: float) -> str:
    """The shortest text that reads back as this number; ``1.0`` gives ``1``."""
    return repr(float(value)).removesuffix(".0")
