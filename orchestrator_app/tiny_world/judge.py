"""Judge: a small network that reads the five attributes off a picture, and that no learning ever sees.

What the scorer believes is learned from; what the judge finds says whether that was worth anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator_app.tiny_world.scenes import ATTRIBUTES, pixels

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WEIGHTS = "judge.safetensors"


def network() -> Any:
    """48 × 48 pixels to one number for each value of each attribute, in the order of ``ATTRIBUTES``."""
    from torch import nn

    def block(before: int, after: int) -> list[Any]:
        return [nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU(), nn.MaxPool2d(2)]

    values = sum(len(values) for values in ATTRIBUTES.values())
    return nn.Sequential(
        *block(3, 24), *block(24, 48), *block(48, 64), *block(64, 64), nn.Flatten(), nn.Dropout(0.2),
        nn.Linear(64 * 9, 96), nn.ReLU(), nn.Linear(96, values),
    )  # fmt: skip


class Judge:
    """Open with ``Judge.open(folder)``. Needs torch and safetensors."""

    def __init__(self, model: Any) -> None:
        self._model = model.eval()

    @classmethod
    def open(cls, folder: Path) -> Judge:
        from safetensors.torch import load_file

        model = network()
        model.load_state_dict({name: value.float() for name, value in load_file(folder / WEIGHTS).items()})
        return cls(model)

    def read(self, images: Sequence[NDArray[np.uint8]]) -> list[Mapping[str, str]]:
        """For each picture of 48 × 48 the most likely value of each attribute."""
        import torch

        if len(images) == 0:
            return []
        with torch.inference_mode():
            rows = self._model(pixels(images))
        return [dict(zip(ATTRIBUTES, _best(row), strict=True)) for row in rows]


def _best(row: Any) -> list[str]:
    found, start = [], 0
    for values in ATTRIBUTES.values():
        found.append(values[int(row[start : start + len(values)].argmax())])
        start += len(values)
    return found
