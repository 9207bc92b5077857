"""Searches a regular expression in a text, in time that a stranger's expression cannot make long.

What tries few ways from each place goes to ``re``. All else is searched for in one walk over the text, with the set of
all states that the expression may be in; the sets that were met are kept, so a step is mostly one look into a
dictionary. Looking ahead or behind is a walk of its own, backward or forward, that marks the places.
An ``Effort`` bounds what all searches of one scan may cost; it counts steps, not seconds, so the result is the same on
every machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from orchestrator_core.errors import FormatError
from orchestrator_core.lore.pattern_reading import read_pattern
from orchestrator_core.lore.pattern_states import END, START, States
from orchestrator_core.lore.pattern_tree import Place, gaps_and_ways, in_python, size, text_before, text_within

MAX_STATES = 3000
_FEW_WAYS = 50
_FEW_STEPS = 500_000
_QUICK = 100  # steps of ``re`` for the price of one state that is looked at
_CHEAP = 8  # characters that are walked over for the price of one state that is looked at
_WORD = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz")
_LINE_ENDS = "\n\r\u2028\u2029"
_LINE_PLACES = {"line_start": -1, "line_end": 0}  # which of the two characters beside a place it is about


class Effort:
    """How many steps of searching are left. Raises FormatError when there are none."""

    def __init__(self, steps: int = 500_000) -> None:
        self.left = steps

    def spend(self, steps: int) -> None:
        self.left -= steps
        if self.left < 0:
            raise FormatError("The expressions of this lore take too long to search for.")


@dataclass(frozen=True, slots=True)
class _Ready:
    """What is made of an expression once.

    ``quick`` is for ``re``, if there are few ``ways`` to try and no more than one gap of many lengths. ``before``: what
    all finds begin with, ``within``: what they have; "" if nothing is sure.
    """

    quick: re.Pattern[str] | None
    gaps: int
    ways: float
    states: States
    before: str
    within: str
    ignore_case: bool


@lru_cache(maxsize=2048)
def _ready(text: str, flags: str) -> _Ready:
    node = read_pattern(text, flags)
    if size(node) > MAX_STATES:
        raise FormatError(f"The expression is too large: it has more than {MAX_STATES:,} states.")
    ignore_case = "i" in flags
    gaps, ways = gaps_and_ways(node)
    is_quick = gaps <= 1 and ways <= _FEW_WAYS
    quick = re.compile(in_python(node), re.IGNORECASE * ignore_case) if is_quick else None
    before, within = (part.lower() if ignore_case else part for part in (text_before(node), text_within(node)))
    return _Ready(quick, gaps, ways, States(node, ignore_case), before, within, ignore_case)


class Pattern:
    """A regular expression, ready to be searched for. Raises FormatError for one that cannot be used."""

    def __init__(self, text: str, flags: str = "") -> None:
        self._ready = _ready(text, flags)
        self._walk: Walk | None = None

    def found(self, text: str, effort: Effort) -> bool:
        """Whether it is anywhere in the text."""
        ready = self._ready
        if ready.within and self._count(ready.within, text) == 0:
            return False
        if ready.quick is not None:
            steps = self._steps(text)
            if steps <= _FEW_STEPS:
                effort.spend(1 + steps // _QUICK)
                return ready.quick.search(text) is not None
        if self._walk is None:
            self._walk = Walk(ready.states)
        return any(self._walk.ends(text, effort))

    def _steps(self, text: str) -> int:
        """How many steps ``re`` may take at the most."""
        before = self._ready.before
        # Finds that overlap are counted once: "aa" is twice in "aaaa", and begins there three times.
        starts = self._count(before, text) * len(before) if before else len(text) + 1
        return int(starts * self._ready.ways * len(text) ** self._ready.gaps)

    def _count(self, part: str, text: str) -> int:
        """How often, at the most, a part of the expression is in the text."""
        if not self._ready.ignore_case:
            return text.count(part)
        # Beyond ASCII, what is the same in another case is not always what lower() makes of it.
        return text.lower().count(part) if text.isascii() and part.isascii() else len(text) + 1


class Walk:
    """Walks over texts with the states of an expression, and keeps the sets of them that it met."""

    def __init__(self, states: States) -> None:
        self._states = states
        self._places = [place if isinstance(place, Place) else Walk(place) for place, _ in states.places]
        self._sets: dict[frozenset[int], int] = {frozenset(): 0}
        self._members: list[frozenset[int]] = [frozenset()]
        self._closed: dict[tuple[int, int], tuple[frozenset[int], bool]] = {}
        self._steps: dict[tuple[int, int, str], int] = {}

    def ends(self, text: str, effort: Effort) -> Iterator[bool]:
        """For each place of the text, in the walk's direction, whether the expression ends there."""
        holding = self._holding(text, effort)
        effort.spend(1 + len(text) // _CHEAP)
        current = 0
        reverse = self._states.reverse
        for walked in range(len(text) + 1):
            place = len(text) - walked if reverse else walked
            holds = holding[place] if holding else 0
            closed, matched = self._closed.get((current, holds)) or self._close(current, holds, effort)
            yield matched
            if walked == len(text):
                return
            char = text[place - 1] if reverse else text[place]
            step = self._steps.get((current, holds, char))
            if step is None:
                step = self._step(current, holds, closed, char, effort)
            current = step

    def _close(self, current: int, holds: int, effort: Effort) -> tuple[frozenset[int], bool]:
        """The states that are reached without reading, the first among them: a match may begin anywhere."""
        reached = {START, *self._members[current]}
        ahead = list(reached)
        while ahead:
            for place, state in self._states.free.get(ahead.pop(), ()):
                if state not in reached and (place < 0 or holds >> place & 1):
                    reached.add(state)
                    ahead.append(state)
        effort.spend(len(reached))
        found = self._closed[current, holds] = (frozenset(reached & self._states.chars.keys()), END in reached)
        return found

    def _step(self, current: int, holds: int, closed: frozenset[int], char: str, effort: Effort) -> int:
        effort.spend(len(closed) + 1)
        reads = (self._states.chars[state] for state in closed)
        after = frozenset(state for chars, state in reads if chars.has(char, self._states.ignore_case))
        number = self._sets.setdefault(after, len(self._members))
        if number == len(self._members):
            self._members.append(after)
        self._steps[current, holds, char] = number
        return number

    def _holding(self, text: str, effort: Effort) -> list[int]:
        """For each place of the text the places and looks of the expression that hold there, as bits."""
        holding = [0] * (len(text) + 1) if self._places else []
        for bit, (place, (_, negated)) in enumerate(zip(self._places, self._states.places, strict=True)):
            for at, holds in enumerate(_at_places(place, text) if isinstance(place, Place) else place.at(text, effort)):
                if holds != negated:
                    holding[at] |= 1 << bit
        effort.spend(len(holding) * len(self._places) // _CHEAP)
        return holding

    def at(self, text: str, effort: Effort) -> list[bool]:
        """For each place of the text, from its start, whether the expression ends there."""
        marks = list(self.ends(text, effort))
        return marks[::-1] if self._states.reverse else marks


def _at_places(place: Place, text: str) -> list[bool]:
    last = len(text)
    if place.kind in ("start", "end"):
        wanted = 0 if place.kind == "start" else last
        return [at == wanted for at in range(last + 1)]
    if place.kind in _LINE_PLACES:
        beside = _LINE_PLACES[place.kind]
        ends = [True, *(char in _LINE_ENDS for char in text), True]
        return ends[1 + beside : last + 2 + beside]
    words = [False, *(char in _WORD for char in text), False]
    boundary = place.kind == "word"
    return [(before != after) == boundary for before, after in pairwise(words)]
