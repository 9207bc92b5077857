"""The family of a checkpoint or a diffusion model: what a LoRA has to fit."""

from __future__ import annotations

from pathlib import PurePath

from orchestrator_core.base_models.names import BaseModel, base_model_in
from orchestrator_core.base_models.safetensors import read_raw_header
from orchestrator_core.base_models.tensors import family_of_tensors
from orchestrator_core.errors import FormatError


def family_of_checkpoint(path: str) -> BaseModel:
    """The base model of a checkpoint: family from its tensors, sub-family from its name; never raises.

    Tensors know nothing of Pony and Illustrious, and other formats than safetensors are not looked into: for both the
    name of the file is what there is.
    """
    named = base_model_in(PurePath(path).name)
    try:
        header = read_raw_header(path).whole()
    except (FormatError, OSError):
        return named
    found = family_of_tensors(header.head)
    if not found.family:
        return named
    return named if _agrees(named, found) else found


def _agrees(named: BaseModel, found: BaseModel) -> bool:
    """The name says the same, or the same and more: "chroma" of what has Flux tensors, "Wan 14B" of a "Wan"."""
    return (
        named.family == found.family
        or named.family.startswith(found.family + " ")
        or (found.family == "Flux.1" and named.family == "Chroma")
        or (found.family == "SDXL" and named.family == "Kolors")
        or (found.family == "SD 3" and named.family.startswith("SD 3"))
    )
