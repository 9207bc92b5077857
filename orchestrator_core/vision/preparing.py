"""Images as a model's input, whole: squashed or padded, never cropped, as prompts also speak of what is at the edges.

Cropping the middle out of a portrait of 832 × 1216 would lose a third of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from orchestrator_core.vision.image_input import ImageInput

if TYPE_CHECKING:
    from orchestrator_core.vision.port import Pixels

Fit = Literal["squash", "pad"]


def prepared(images: Sequence[Pixels], place: ImageInput, fit: Fit = "squash") -> Any:
    """A float32 tensor (n, 3, height, width). "pad": the shape is kept, with the model's mean colour around it."""
    return place.tensor([padded(image, place) for image in images] if fit == "pad" else images)


def padded(image: Pixels, place: ImageInput) -> Pixels:
    """With borders that give it the shape of the input."""
    import numpy as np

    height, width = image.shape[:2]
    tall = max(height, round(width * place.height / place.width))
    wide = max(width, round(height * place.width / place.height))
    found = np.empty((tall, wide, 3), np.uint8)
    found[:] = np.clip(np.array(place.mean) * 255, 0, 255).round()
    top, left = (tall - height) // 2, (wide - width) // 2
    found[top : top + height, left : left + width] = image
    return found
