"""An image as the input of a model, by its folder's own preprocessor_config.json.

The image processors of transformers want torchvision since version 5, and do nothing else than this.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator_core.errors import ScorerError

if TYPE_CHECKING:
    from orchestrator_core.vision.port import Pixels

CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
_MOST_SIDE = 4096


@dataclass(frozen=True, slots=True)
class ImageInput:
    """The whole image is squashed to height × width: nothing that a prompt speaks of is cut off."""

    height: int
    width: int
    mean: tuple[float, ...] = CLIP_MEAN
    std: tuple[float, ...] = CLIP_STD

    def tensor(self, images: Sequence[Pixels]) -> Any:
        """float32, (images, 3, height, width)."""
        import numpy as np
        import torch
        from PIL import Image

        size = (self.width, self.height)
        rows = [np.asarray(Image.fromarray(each).resize(size, Image.Resampling.BICUBIC)) for each in images]
        values = np.stack(rows).astype(np.float32) / 255
        values = (values - np.array(self.mean, np.float32)) / np.array(self.std, np.float32)
        return torch.from_numpy(np.ascontiguousarray(values.transpose(0, 3, 1, 2), dtype=np.float32))


def image_input_of(folder: Path, side: int) -> ImageInput:
    """As the folder says; ``side`` where it does not. Raises ScorerError for values that no image can have."""
    path = folder / "preprocessor_config.json"
    try:
        told = json.loads(path.read_bytes()) if path.is_file() else {}
        size = told.get("size") or {}
        if not isinstance(size, dict):
            size = {"height": size, "width": size}
        height, width = (int(size.get(name) or size.get("shortest_edge") or side) for name in ("height", "width"))
        mean, std = (tuple(map(float, told.get(name) or usual)) for name, usual in _USUAL)
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ScorerError(f"{path}: it cannot be read: {error}") from error
    return checked_input(path, height, width, mean, std)


def checked_input(place: Path, height: int, width: int, mean: tuple[float, ...], std: tuple[float, ...]) -> ImageInput:
    """``place``: where that is said. Raises ScorerError for values that no image can have."""
    is_right = min(height, width) > 0 and max(height, width) <= _MOST_SIDE and len(mean) == len(std) == 3
    if not is_right or not all(map(math.isfinite, (*mean, *std))) or min(std) <= 0:
        raise ScorerError(f"{place}: no image can be of {width} × {height} with mean {mean} and deviation {std}.")
    return ImageInput(height, width, mean, std)


_USUAL = (("image_mean", CLIP_MEAN), ("image_std", CLIP_STD))
