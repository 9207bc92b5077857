"""Bank: vectors of the person's own images, against which free text is calibrated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from orchestrator_core.vision.encoders import Vectors

MOST = 400  # images that a text is held against


class Bank(Protocol):
    """Keeps vectors by encoder and hash of the image."""

    def vectors(self, identity: str) -> Vectors:
        """Up to ``MOST`` of those that this encoder made; (n, dimensions)."""

    def add(self, identity: str, vectors: Mapping[str, Any]) -> None:
        """By hash of the image's content: an image that is scored twice is in it once."""


class MemoryBank:
    """A ``Bank`` of the images that this process has scored."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, Any]] = {}

    def vectors(self, identity: str) -> Vectors:
        import numpy as np

        rows = list(self._rows.get(identity, {}).values())[-MOST:]
        return np.stack(rows).astype(np.float32) if rows else np.zeros((0, 1), np.float32)

    def add(self, identity: str, vectors: Mapping[str, Any]) -> None:
        kept = self._rows.setdefault(identity, {})
        kept.update(vectors)
        for key in list(kept)[: max(0, len(kept) - MOST)]:
            del kept[key]
