"""An encoder for tests, whose vectors are colours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orchestrator_core.errors import Cancelled
from orchestrator_core.llm.port import IsCancelled, never


class ColourEncoder:
    """An encoder in whose space an image is its mean colour, and a text the colours that it names."""

    identity, scale, bias = "colours", 10.0, None

    def image_vectors(self, images: Sequence[Any], is_cancelled: IsCancelled = never) -> Any:
        if is_cancelled():
            raise Cancelled
        return self.unit([image.reshape(-1, 3).mean(axis=0) for image in images])

    def text_vectors(self, texts: Sequence[str], is_cancelled: IsCancelled = never) -> Any:
        return self.unit([[float(name in text) for name in ("red", "green", "blue")] for text in texts])

    def rest(self) -> None: ...

    def release(self) -> None: ...

    @staticmethod
    def unit(rows: Any) -> Any:
        import numpy as np

        rows = np.asarray(rows, dtype=np.float32).reshape(-1, 3)
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


def filled(red: int, green: int, blue: int) -> Any:
    """An image of one colour."""
    import numpy as np

    return np.full((4, 4, 3), (red, green, blue), dtype=np.uint8)
