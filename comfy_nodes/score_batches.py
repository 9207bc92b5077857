"""Images of a batch, taken out in another order or in part, as ComfyUI has them: b × height × width × channels."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

_DIGITS = 16  # of a digest: images of one store, not secrets


def taken(images: Any, numbers: Sequence[int]) -> Any:
    """Those images, in this order; None for none of them, which is no batch."""
    return images[list(numbers)] if numbers else None


def best_first(values: Sequence[float | None]) -> list[int]:
    """The numbers of the images, those with a higher value first; what has none comes last, all as they stand."""
    return sorted(range(len(values)), key=lambda number: -_or_least(values[number]))


def _or_least(value: float | None) -> float:
    return float("-inf") if value is None else value


def digests(pixels: Sequence[Any]) -> list[str]:
    """By which images that are not saved are told apart: of their 8-bit pixels and their size."""
    return [hashlib.sha256(repr(each.shape).encode() + each.tobytes()).hexdigest()[:_DIGITS] for each in pixels]
