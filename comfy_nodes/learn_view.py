"""What was learned, as the page shows it: slots with their values and odds, and what happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Mode = Literal["off", "careful", "fast"]
Direction = Literal["report", "prefer"]


@dataclass(frozen=True, slots=True)
class ValueView:
    """A value of a slot. ``multiplier``: of its odds as the files have them. ``pinned``: None where it may move."""

    key: str
    text: str
    multiplier: float = 1.0
    n: float = 0.0
    why: str = ""
    off: bool = False
    pinned: float | None = None


@dataclass(frozen=True, slots=True)
class SlotView:
    """``moves``: its odds are not as written. ``why``: why, or why not."""

    slot: str
    name: str
    direction: Direction = "report"
    on: bool = True
    moves: bool = False
    why: str = ""
    values: Sequence[ValueView] = ()


@dataclass(frozen=True, slots=True)
class StepView:
    """Something that can be undone: the state before it is that of ``number - 1``."""

    number: int
    at_ms: int
    words: str


@dataclass(frozen=True, slots=True)
class EffectView:
    """How far images are fulfilled: ``before`` by the odds as written, ``after`` by learned ones. ``low``, ``high``: of
    the difference, with 90 % certainty."""

    context: str
    scorer: str
    before: float
    n_before: int
    after: float
    n_after: int
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class PairView:
    """Two values that do other than each alone has one ``expect``; ``sure``: that it is more than chance."""

    first: str
    second: str
    context: str
    n: int
    expected: float
    seen: float
    sure: float


@dataclass(frozen=True, slots=True)
class TimeView:
    """``looked``: how many pairs there were to find any in."""

    effects: Sequence[EffectView] = ()
    pairs: Sequence[PairView] = ()
    looked: int = 0

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class LearningView:
    mode: Mode = "off"
    scores: int = 0
    marks: int = 0
    slots: Sequence[SlotView] = ()
    history: Sequence[StepView] = ()  # the newest first
    problems: Sequence[str] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "mode": self.mode,
            "counts": {"scores": self.scores, "marks": self.marks},
            "slots": [asdict(slot) for slot in self.slots],
            "history": [asdict(step) for step in self.history],
            "problems": list(self.problems),
        }
