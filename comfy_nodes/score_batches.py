"""Images of a batch, taken out in another order or in part, as ComfyUI has them: b × height × width × channels."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

_DIGITS = 24  # of a digest: images of one store are told apart, nothing is kept secret


def taken(images: Any, numbers: Sequence[int]) -> Any:
    """Those images, in this order; None for none of them, which is no batch."""
    return images[list(numbers)] if numbers else None


def digest_of(pixels: Any) -> str:
    """By which images that are not saved are told apart: of their 8-bit pixels and their size."""
    return hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()[:_DIGITS]
