"""Engine (port): runs the steps of an attempt one after another. What each left is kept by the step itself.

``DbosEngine`` in its own module does it as a durable workflow; ``PlainEngine`` is a loop, for where DBOS is not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

# Position → {"ok": True}, or {"ok": False, …}, after which no other step runs. JSON values; never raises.
StepFunction = Callable[[int], Mapping[str, Any]]


class Engine(Protocol):
    name: str  # for people
    missing: str  # what is not there, for people; "" where nothing is

    def run(self, workflow: str, count: int, step: StepFunction) -> Mapping[str, Any]:
        """Runs ``step`` for 0 … count - 1 in the caller's thread; what the last said. Raises StoreError."""
        ...

    def close(self) -> None: ...


class PlainEngine:
    """A loop."""

    name = "plain"

    def __init__(self, missing: str = "") -> None:
        self.missing = missing

    def run(self, workflow: str, count: int, step: StepFunction) -> Mapping[str, Any]:
        said: Mapping[str, Any] = {"ok": True}
        for position in range(count):
            said = step(position)
            if not said["ok"]:
                break
        return said

    def close(self) -> None:
        """Nothing is open."""
