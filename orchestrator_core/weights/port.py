"""RunLearner: the port over which scored runs are taken in."""

from __future__ import annotations

from typing import Protocol

from orchestrator_core.run import Run


class RunLearner(Protocol):
    """Learns, where a person wants that."""

    def learn(self, run: Run) -> int:
        """How many observations were taken in. Raises StoreError."""
        ...
