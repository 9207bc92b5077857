"""Bank: vectors of the person's own images, against which free text is calibrated."""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from orchestrator_core.errors import StoreError
from orchestrator_core.vision.vector_cache import VectorCache

if TYPE_CHECKING:
    from orchestrator_core.vision.encoders import Vectors

MOST = 400  # images that a text is held against
_PLACES = 1024


class Bank(Protocol):
    """Keeps vectors by encoder and hash of the image."""

    def vectors(self, identity: str) -> Vectors:
        """Up to ``MOST`` of those that this encoder made; (n, dimensions)."""

    def add(self, identity: str, vectors: Mapping[str, Any]) -> None:
        """By hash of the image's content: an image that is scored twice is in it once."""


class VectorStore(VectorCache, Protocol):
    """A ``VectorCache`` that also gives vectors without being asked for each: the store's ``Embeddings``."""

    def some(self, embedder: str, most: int, /) -> list[bytes]: ...


class StoreBank:
    """A ``Bank`` that lasts, in the store beside the vectors of texts. A store that fails leaves it empty.

    It has a fixed number of places, which an image's hash chooses among: it does not grow, and new images come into it
    in place of old ones.
    """

    def __init__(self, vectors: VectorStore) -> None:
        self._kept = vectors

    def vectors(self, identity: str) -> Vectors:
        import numpy as np

        try:
            rows = self._kept.some(_name(identity), MOST)
        except StoreError:
            rows = []
        lengths = {len(row) for row in rows}
        if len(lengths) != 1 or not lengths.isdisjoint({0}) or lengths.pop() % 2:
            return np.zeros((0, 1), np.float32)
        return np.stack([np.frombuffer(row, dtype="<f2") for row in rows]).astype(np.float32)

    def add(self, identity: str, vectors: Mapping[str, Any]) -> None:
        with contextlib.suppress(StoreError):
            self._kept.put(_name(identity), {_place(key): row.astype("<f2").tobytes() for key, row in vectors.items()})


def _place(key: str) -> str:
    return f"{zlib.crc32(key.encode()) % _PLACES:04x}"


def _name(identity: str) -> str:
    return f"image:{identity}"
