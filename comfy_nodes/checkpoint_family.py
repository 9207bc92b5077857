"""Which base model a MODEL is: the family from ComfyUI's own detection, the sub-family from the file's name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator_core.base_models import BaseModel, base_model_in
from orchestrator_core.errors import FormatError
from orchestrator_core.formats.comfy_links import link_of

_MOST_HOPS = 100
_FILES = ("ckpt_name", "unet_name", "model_name", "model_path")  # the widgets of loaders, core's and of other packs
# ComfyUI's classes (comfy/supported_models.py, from 0.3.64 to today) → families. A class that is not here may derive
# from one that is: the first of its ancestors decides.
FAMILIES: Mapping[str, str] = {
    "SD15": "SD 1.5",
    "SD20": "SD 2.x",
    "SDXL": "SDXL",
    "SDXLRefiner": "SDXL",
    "SVD_img2vid": "SVD",
    "Stable_Cascade_C": "Stable Cascade",
    "SD3": "SD 3",
    "AuraFlow": "AuraFlow",
    "PixArtAlpha": "PixArt",
    "HunyuanDiT": "Hunyuan DiT",
    "Flux": "Flux.1",
    "Flux2": "Flux.2",
    "Chroma": "Chroma",
    "GenmoMochi": "Mochi",
    "LTXV": "LTX",
    "LTXAV": "LTX 2",
    "HunyuanVideo": "HunyuanVideo",
    "HunyuanImage21": "Hunyuan Image",
    "CosmosT2V": "Cosmos",
    "CosmosI2V": "Cosmos",
    "CosmosT2IPredict2": "Cosmos",
    "CosmosI2VPredict2": "Cosmos",
    "Anima": "Anima",
    "Lumina2": "Lumina",
    "ZImage": "Z-Image",
    "WAN21_T2V": "Wan",
    "HiDream": "HiDream",
    "QwenImage": "Qwen-Image",
}
_WAN_SIZES = {1536: "Wan 1.3B", 3072: "Wan 5B", 5120: "Wan 14B"}  # by the width of the transformer


def checkpoint_of(kinds: Sequence[str], width: int, file: str) -> BaseModel:
    """``kinds``: the class of the model's config and its ancestors; ``file``: "" where no loader is found.

    ComfyUI looked at the tensors, so a name may add to the family, and never contradict it. A model of a class that is
    not known here is what its file is called.
    """
    named = base_model_in(file)
    family = next((FAMILIES[kind] for kind in kinds if kind in FAMILIES), "")
    if family == "Wan":
        family = _WAN_SIZES.get(width, family)
    if not family or named.family == family or named.family.startswith(f"{family} "):
        return named if named.family or not family else BaseModel(family)
    return named if (family, named.family) == ("SDXL", "Kolors") else BaseModel(family)


def family_in(prompt: Any) -> str:
    """Of the model that a graph renders with, by its file's name: all that is known before it runs. "" if none."""
    from orchestrator_core.formats.comfy_graph_reader import request_from_graph  # no start of ComfyUI waits for it

    try:
        return base_model_in(request_from_graph(prompt).checkpoint).family
    except (FormatError, TypeError, ValueError, AttributeError, KeyError):  # a stranger's graph
        return ""


def loader_file(prompt: Any, node_id: str, name: str = "model", files: Sequence[str] = _FILES) -> str:
    """The file of the loader that a node's model comes from, by the graph; "" where none is found."""
    seen: set[str] = set()
    for _ in range(_MOST_HOPS):
        inputs = _inputs(prompt, node_id)
        file = next((inputs[key] for key in files if isinstance(inputs.get(key), str)), "")
        if file and seen:
            return file
        seen.add(node_id)
        link = link_of(inputs.get(name)) or _only_link(inputs)
        if link is None or link[0] in seen:
            return ""
        node_id, name = link[0], "model"
    return ""


def _inputs(prompt: Any, node_id: str) -> Mapping[str, Any]:
    node = prompt.get(node_id) if isinstance(prompt, dict) else None
    inputs = node.get("inputs") if isinstance(node, dict) else None
    return inputs if isinstance(inputs, dict) else {}


def _only_link(inputs: Mapping[str, Any]) -> tuple[str, int] | None:
    """A node that hands on what it gets, as a reroute or a switch, calls its input as it likes."""
    links = [link for value in inputs.values() if (link := link_of(value))]
    return links[0] if len(links) == 1 else None
