"""A bank for tests, which keeps all that it is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class MemoryBank:
    """A ``Bank`` in memory."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, Any]] = {}

    def vectors(self, identity: str) -> Any:
        import numpy as np

        rows = list(self._rows.get(identity, {}).values())
        return np.stack(rows).astype(np.float32) if rows else np.zeros((0, 1), np.float32)

    def add(self, identity: str, vectors: Mapping[str, Any]) -> None:
        self._rows.setdefault(identity, {}).update(vectors)
