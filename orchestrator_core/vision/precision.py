"""In which dtype an image tower computes: a shorter one where that gains, held against float32 before it is trusted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from orchestrator_core.vision.image_input import ImageInput

_GAINS = frozenset({"amx_bf16", "avx512_bf16"})  # of processors whose bfloat16 is faster than their float32
_LARGE = 20_000_000  # parameters: below it the time of a processor goes elsewhere
_MOST_CHECKED = 700_000_000  # above it a forward in float32 on the processor takes too long, and only NaN is looked for
_LEAST_COSINE = 0.999


def chosen_dtype(tower: Any, place: ImageInput, wanted: str, of_residence: str) -> str:
    """``wanted`` "auto": the residence's, or bfloat16 on a processor that is faster in it.

    A dtype in which the tower gives other vectors than in float32 is not taken. The tower comes in float32.
    """
    dtype = of_residence if wanted == "auto" else wanted
    size = sum(parameter.numel() for parameter in tower.parameters())
    if wanted == "auto" and dtype == "float32" and size >= _LARGE and gains_by_bfloat16():
        dtype = "bfloat16"
    if dtype == "float32" or size > _MOST_CHECKED or agrees(tower, place, dtype):
        return dtype
    return "float32"


def gains_by_bfloat16() -> bool:
    """Whether models run on the processor here, and it computes in bfloat16 itself."""
    import torch

    if torch.cuda.is_available():
        return False
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    flags = next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), [])
    return bool(_GAINS.intersection(flags))


def agrees(tower: Any, place: ImageInput, dtype: str) -> bool:
    """Whether two images, of noise and of a slope, get nearly the same vectors as in float32."""
    import copy

    import torch

    images = _probes(place)
    kind = getattr(torch, dtype)
    with torch.inference_mode():
        exact = tower(images).float()
        short = copy.deepcopy(tower).to(kind)(images.to(kind)).float()
    cosines = torch.nn.functional.cosine_similarity(exact, short, dim=-1)
    return bool((cosines >= _LEAST_COSINE).all())  # NaN is not


def _probes(place: ImageInput) -> Any:
    import torch

    noise = torch.rand((3, place.height, place.width), generator=torch.Generator().manual_seed(1))
    slope = torch.linspace(0, 1, place.width).expand(3, place.height, place.width)
    mean, std = (torch.tensor(each).view(3, 1, 1) for each in (place.mean, place.std))
    return (torch.stack([noise, slope]) - mean) / std
