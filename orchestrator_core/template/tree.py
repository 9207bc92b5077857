"""The tree of a parsed template. Every node knows its span in the source; ``place`` identifies it to the randomness.

A node is pure data: parse.py makes it, sample.py, combine.py and check.py walk it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from orchestrator_core.prompt import Component

if TYPE_CHECKING:
    from orchestrator_core.template.conditions import Condition

Span = tuple[int, int]


class Method(Enum):
    """How a variant or a wildcard is sampled, where the template says so."""

    random = "~"
    combinatorial = "!"
    cyclical = "@"


@dataclass(frozen=True, slots=True)
class Text:
    """Literal text. ``component`` is made once, since a template's own words are the same in every draw."""

    text: str
    span: Span
    component: Component


@dataclass(frozen=True, slots=True)
class Count:
    """How many of the options: ``2-3$$ and $$``."""

    lower: int = 1
    upper: int | None = 1  # None: all there are
    separator: str = ","
    repeats: bool = False  # the same option may come again
    optional: bool = False  # none left to choose from is fine
    prefix: Nodes = ()  # around the joined values; from a wildcard file's own settings
    suffix: Nodes = ()

    def limits(self, available: int) -> tuple[int, int]:
        """Lower and upper bound for so many options, lower ≤ upper."""
        upper = available if self.upper is None else self.upper
        low, high = min(self.lower, upper), max(self.lower, upper)
        return (low, high) if self.repeats else (min(low, available), min(high, available))


@dataclass(frozen=True, slots=True)
class Option:
    """One alternative of a variant."""

    body: Nodes
    text: str  # its source without weight and condition: what a learned weight's key shows
    weight: float = 1.0
    condition: Condition | None = None
    labels: frozenset[str] = frozenset()
    include: str = ""  # "%include": the options are those of this wildcard
    copy: int = 0  # 3#__w__ gives three options of the same text that are not the same option

    @property
    def identity(self) -> str:
        """Options of equal identity are one: a variant never takes both."""
        return f"{self.text}\0{self.copy}" if self.copy else self.text


@dataclass(frozen=True, slots=True)
class Variant:
    """``{fox|2::owl}``"""

    options: tuple[Option, ...]
    count: Count
    method: Method | None
    key: str  # "inline:<hash of the options>"
    source: str  # as written, for leaving it literal
    span: Span
    place: int
    texts: tuple[str, ...]  # of the options


@dataclass(frozen=True, slots=True)
class WildcardRef:
    """``__colors/warm__``; ``name`` is a tree where it is made up of variables or variants."""

    name: str | Nodes
    source: str  # as written, for leaving it literal
    count: Count | None
    method: Method | None
    filter: str | Nodes  # "" for none
    parameters: tuple[tuple[str, Nodes], ...]
    span: Span
    place: int


@dataclass(frozen=True, slots=True)
class Assign:
    """``${name=value}`` and its relatives."""

    name: str
    value: Nodes
    immediate: bool  # =! draws once, now
    keeps: bool  # ?= leaves an existing value alone
    adds: bool  # += appends
    everywhere: bool  # <ppp:set>: outlives the wildcard value that it stands in
    span: Span
    place: int


@dataclass(frozen=True, slots=True)
class Use:
    """``${name:default}``"""

    name: str
    default: Nodes | None
    source: str
    span: Span
    place: int


@dataclass(frozen=True, slots=True)
class Wrap:
    """``%{happy … on a meadow$$fox}``"""

    wrapper: Nodes
    inner: Nodes
    span: Span
    place: int


@dataclass(frozen=True, slots=True)
class If:
    """``<ppp:if a eq 'b'>…<ppp:else>…<ppp:/if>``; the else's condition is None."""

    branches: tuple[tuple[Condition | None, Nodes], ...]
    span: Span
    place: int


@dataclass(frozen=True, slots=True)
class ToNegative:
    """``<ppp:stn>…<ppp:/stn>``: text that a choice sends to the negative prompt."""

    body: Nodes
    at_end: bool
    span: Span
    place: int


Node = Text | Variant | WildcardRef | Assign | Use | Wrap | If | ToNegative
Nodes = tuple[Node, ...]
