"""The tries of a Retry Until so far: which was the best, whether another one is made, and with what."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from .score_telling import percent
from .score_types import Scored


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try. ``changes`` say what was new in it, for a person."""

    value: float | None
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tried:
    """``origin``: the node in the graph that was queued, whose copies make the further tries."""

    origin: str
    attempts: tuple[Attempt, ...] = ()
    best: int = -1  # its number, from 0
    image: Any = None  # the best one, as a batch of one
    scored: Scored | None = None  # of the try that it is of

    def adding(self, images: Any, scored: Scored, changes: tuple[str, ...]) -> Tried:
        """With one try more, whose best image is kept if it is better than those before."""
        number = scored.order[0]
        value = scored.images[number].value
        attempts = (*self.attempts, Attempt(value, changes))
        if self.best >= 0 and _or_least(value) <= _or_least(self.attempts[self.best].value):
            return replace(self, attempts=attempts)
        return Tried(self.origin, attempts, len(attempts) - 1, images[[number]], scored)

    @property
    def value(self) -> float | None:
        return self.attempts[self.best].value if self.best >= 0 else None

    def reaches(self, until: float) -> bool:
        return self.value is not None and self.value >= until

    def ui(self, until: float, *, goes_on: bool) -> dict[str, Any]:
        """What the node shows. ``goes_on``: another try is made, which will show all of them."""
        tries = [
            {"number": n + 1, "value": one.value, "is_best": n == self.best, "changes": list(one.changes)}
            for n, one in enumerate(self.attempts)
        ]
        return {
            "orchestrator_tries": [
                {"tries": tries, "until": until, "is_reached": self.reaches(until), "goes_on": goes_on}
            ]
        }

    def report(self, until: float) -> str:
        lines = [
            f"try {n + 1}: {percent(one.value)}" + (f" ({'; '.join(one.changes)})" if one.changes else "")
            for n, one in enumerate(self.attempts)
        ]
        reached = f"{until:.0%} reached" if self.reaches(until) else f"{until:.0%} not reached"
        return "\n".join([f"{reached}; the best is try {self.best + 1}", *lines])


def _or_least(value: float | None) -> float:
    return float("-inf") if value is None else value
