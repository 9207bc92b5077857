"""A request as the arguments of a pipeline of diffusers, and what of it cannot be done there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PureWindowsPath
from typing import Any

from orchestrator_core.formats.comfy_graph import text_and_loras
from orchestrator_core.generators.embedded_sampling import sampling_problems
from orchestrator_core.generators.forge_payload import one_of_batch
from orchestrator_core.prompt import MAX_SEED, LoraUse
from orchestrator_core.request import GenerationRequest

_BLOCK = 8  # pixels: what diffusers wants sides to be multiples of
_WEIGHTED = re.compile(r"(?<!\\)\(([^()\\]*?)(?::\s*[+-]?[\d.]+\s*)?\)")
_ESCAPED = re.compile(r"\\([()\[\]\\])")
_BREAK = re.compile(r"\s*\bBREAK\b\s*")


def problems_of(request: GenerationRequest, name: str, config: Mapping[str, Any]) -> tuple[str, ...]:
    """A line for each thing that the pipeline of this name cannot do; ``config`` is its own scheduler's."""
    problems = sampling_problems(request.sampler, request.scheduler, config)
    if request.checkpoint and not _is_same(request.checkpoint, name):
        problems.append(f"checkpoint: there is {name!r} alone, and not {request.checkpoint!r}.")
    if request.vae:
        problems.append(f"VAE: the pipeline has its own; {request.vae!r} cannot take its place.")
    if request.denoise != 1.0:
        problems.append("denoise: all of an image is painted here; leave it at 1.")
    for side in ("width", "height"):
        if (value := getattr(request, side)) % _BLOCK:
            below = value - value % _BLOCK or _BLOCK
            problems.append(f"{side}: {value} is no multiple of {_BLOCK}; the nearest below is {below}.")
    problems += [f"{key}: a pipeline of diffusers has no such thing." for key in request.extra if key != "batch_index"]
    return tuple(problems)


def loras_of(request: GenerationRequest) -> tuple[LoraUse, ...]:
    return text_and_loras(request)[1]


def arguments_of(request: GenerationRequest) -> dict[str, Any]:
    """Those of the pipeline's call. Each image has a generator of its own, so that it can be rendered again alone."""
    import torch

    seed, count = one_of_batch(request)
    seeds = [(seed + number) & MAX_SEED for number in range(count)]
    return {
        "prompt": [plain(text_and_loras(request)[0])] * count,
        "negative_prompt": [plain(request.negative)] * count,
        "num_inference_steps": request.steps,
        "guidance_scale": request.cfg,
        "width": request.width,
        "height": request.height,
        "clip_skip": request.clip_skip - 1 or None,
        "generator": [torch.Generator("cpu").manual_seed(each) for each in seeds],
        "output_type": "pil",
    }


def images_of(request: GenerationRequest, name: str) -> list[GenerationRequest]:
    """The request of each image, which renders it again alone."""
    seed, count = one_of_batch(request)
    extra = {key: value for key, value in request.extra.items() if key != "batch_index"}
    made = request.replacing(batch_size=1, extra=extra, checkpoint=request.checkpoint or name)
    return [made.replacing(seed=(seed + number) & MAX_SEED) for number in range(count)]


def plain(text: str) -> str:
    """The prompt without ``(word:1.2)`` and BREAK, which diffusers would read as words."""
    before = None
    while before != text:
        before, text = text, _WEIGHTED.sub(r"\1", text)
    return _ESCAPED.sub(r"\1", _BREAK.sub(", ", text)).strip()


def _is_same(asked: str, name: str) -> bool:
    forms = [PureWindowsPath(each).stem.casefold() for each in (asked, name)]
    return asked.casefold() == name.casefold() or forms[0] == forms[1]
