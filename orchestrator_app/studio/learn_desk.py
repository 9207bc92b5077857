"""What the page Learn asks of the place where odds are learned: a port, and what goes over it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

from orchestrator_app.studio.learn_html import Happening, Move, SlotView
from orchestrator_app.studio.trends_html import OverTime

What = Literal["switch", "mode", "direction", "pin", "unpin", "off", "on", "reset", "undo", "import"]


@dataclass(frozen=True, slots=True)
class Change:
    """Something that a person wants otherwise. ``value``: a bool, a mode, a direction or "off", a number, a file's
    text."""

    what: What
    slot: str = ""
    key: str = ""
    value: Any = None


@dataclass(frozen=True, slots=True)
class Planned:
    """A change that was looked at and not made: what it is in words, and what it would move."""

    change: Change
    title: str
    moves: tuple[Move, ...] = ()
    remarks: tuple[str, ...] = ()  # what of it cannot be, or not yet


@dataclass(frozen=True, slots=True)
class Learned:
    """All that was learned, at one moment."""

    is_on: bool = False
    mode: str = "careful"
    number: int = 0  # of the moment
    images: int = 0
    contexts: Mapping[str, str] = field(default_factory=dict)  # what a person calls each, by context
    context: str = ""  # the one that is shown
    slots: tuple[SlotView, ...] = ()  # those with most images first; values only of ``slot``
    slot: str = ""


class LearnDesk(Protocol):
    """Every method raises OrchestratorError."""

    def moment(self) -> int:
        """The number of the last entry: it is cheap to ask for."""
        ...

    def look(self, context: str = "", slot: str = "") -> Learned:
        """What holds now; with the values of a slot, the first where it is not there."""
        ...

    def planned(self, change: Change, context: str = "") -> Planned:
        """What a change would do. Raises LearningError, FormatError for one that cannot be."""
        ...

    def apply(self, change: Change) -> None: ...

    def happenings(self, most: int) -> Sequence[Happening]:
        """The newest first."""
        ...

    def plot(self, context: str, slot: str) -> str:
        """How the values' scores went, as an SVG; "" where there is nothing to show."""
        ...

    def over_time(self, context: str) -> OverTime:
        """What learned odds have brought, and which values go together."""
        ...

    def exported(self) -> str:
        """All that was learned, as JSON."""
        ...

    def table(self, name: str) -> str:
        """As CSV; one of weights/tables.py."""
        ...


@dataclass(frozen=True, slots=True)
class LearnView:
    """What one open page sees of it. Frozen: several events of a page may run at once, and replace it."""

    context: str = ""
    slot: str = ""
    pending: Change | None = None
    number: int = -1  # of the moment that the page shows
    is_open: bool = False

    def replacing(self, **changes: Any) -> LearnView:
        return replace(self, **changes)
