"""Searches a regular expression in a text, in time that a stranger's expression cannot make long.

What tries few ways from each place goes to ``re``. All else is searched for in one walk over the text, with the set of
all states that the expression may be in (Thompson 1968; the sets that were met are kept, so a step is mostly one look
into a dictionary). Looking ahead or behind is a walk of its own, backward or forward, that marks the places.
An ``Effort`` bounds what all searches of one scan may cost; it counts steps, not seconds, so the result is the same on
every machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from orchestrator_core.errors import FormatError
from orchestrator_core.lore.pattern_reading import read_pattern
from orchestrator_core.lore.pattern_tree import (
    WORD,
    Chars,
    Either,
    Look,
    Node,
    Place,
    Repeat,
    Sequence,
    backward,
    in_python,
    size,
    ways,
)

MAX_STATES = 1000
_FEW_WAYS = 50
_CHEAP = 8  # characters that are walked over for the price of one state that is looked at
_WORD = Chars(WORD)
_LINE_ENDS = "\n\r\u2028\u2029"
_LINE_PLACES = {"line_start": -1, "line_end": 0}  # which of the two characters beside a place it is about


class Effort:
    """How many steps of searching are left. Raises FormatError when there are none."""

    def __init__(self, steps: int = 1_000_000) -> None:
        self.left = steps

    def spend(self, steps: int) -> None:
        self.left -= steps
        if self.left < 0:
            raise FormatError("The expressions of this lore take too long to search for.")


class Pattern:
    """A regular expression, ready to be searched for. Raises FormatError for one that cannot be used."""

    def __init__(self, text: str, flags: str = "") -> None:
        node = read_pattern(text, flags)
        if size(node) > MAX_STATES:
            raise FormatError(f"The expression is too large: it has more than {MAX_STATES:,} states.")
        ignore_case = "i" in flags
        self._ways = ways(node)
        self._quick = re.compile(in_python(node), re.IGNORECASE * ignore_case) if self._ways <= _FEW_WAYS else None
        self._walk = None if self._quick else _Walk(node, ignore_case)

    def found(self, text: str, effort: Effort) -> bool:
        """Whether it is anywhere in the text."""
        if self._quick is not None:
            effort.spend(1 + int(len(text) * self._ways) // _FEW_WAYS)
            return self._quick.search(text) is not None
        assert self._walk is not None
        return any(self._walk.ends(text, effort))


class _Walk:
    """The states of an expression, and the sets of them that were met."""

    def __init__(self, node: Node, ignore_case: bool, reverse: bool = False) -> None:
        self._ignore_case, self._reverse = ignore_case, reverse
        self._chars: dict[int, tuple[Chars, int]] = {}  # state → (what it reads, the state after it)
        self._free: dict[int, list[tuple[int, int]]] = {}  # state → (place that must hold or -1, state)
        self._places: list[tuple[Place | None, _Walk | None, bool]] = []  # (place, or walk of a look, and negated)
        self._states = 2
        self._build(backward(node) if reverse else node, 0, 1)
        self._sets: dict[frozenset[int], int] = {frozenset(): 0}
        self._members: list[frozenset[int]] = [frozenset()]
        self._closed: dict[tuple[int, int], tuple[frozenset[int], bool]] = {}
        self._steps: dict[tuple[int, int, str], int] = {}

    def _new(self) -> int:
        self._states += 1
        return self._states - 1

    def _link(self, start: int, end: int, place: int = -1) -> None:
        self._free.setdefault(start, []).append((place, end))

    def _build(self, node: Node, start: int, end: int) -> None:
        if isinstance(node, Chars):
            entry = self._new()  # a state reads one thing, and may be linked to many
            self._link(start, entry)
            self._chars[entry] = (node, end)
        elif isinstance(node, Sequence):
            for item in node.items:
                after = self._new()
                self._build(item, start, after)
                start = after
            self._link(start, end)
        elif isinstance(node, Either):
            for item in node.items:
                self._build(item, start, end)
        elif isinstance(node, Repeat):
            self._build_repeat(node, start, end)
        else:
            self._link(start, end, self._place(node))

    def _build_repeat(self, node: Repeat, start: int, end: int) -> None:
        for _ in range(node.least):
            after = self._new()
            self._build(node.item, start, after)
            start = after
        if node.most is None:
            again = self._new()
            self._link(start, again)
            self._build(node.item, again, again)
            start = again
        for _ in range((node.most or 0) - node.least):
            self._link(start, end)
            after = self._new()
            self._build(node.item, start, after)
            start = after
        self._link(start, end)

    def _place(self, node: Place | Look) -> int:
        if isinstance(node, Place):
            self._places.append((node, None, False))
        else:  # what is ahead of a place is found from the text's end
            self._places.append((None, _Walk(node.item, self._ignore_case, node.ahead), node.negated))
        return len(self._places) - 1

    def ends(self, text: str, effort: Effort) -> Iterator[bool]:
        """For each place of the text, in the walk's direction, whether the expression ends there."""
        holding = self._holding(text, effort)
        effort.spend(1 + len(text) // _CHEAP)
        current = 0
        for walked in range(len(text) + 1):
            place = len(text) - walked if self._reverse else walked
            holds = holding[place] if holding else 0
            closed, matched = self._closed.get((current, holds)) or self._close(current, holds, effort)
            yield matched
            if walked == len(text):
                return
            char = text[place - 1] if self._reverse else text[place]
            step = self._steps.get((current, holds, char))
            if step is None:
                step = self._step(current, holds, closed, char, effort)
            current = step

    def _close(self, current: int, holds: int, effort: Effort) -> tuple[frozenset[int], bool]:
        """The states that are reached without reading, the first among them: a match may begin anywhere."""
        reached = {0, *self._members[current]}
        ahead = list(reached)
        while ahead:
            for place, state in self._free.get(ahead.pop(), ()):
                if state not in reached and (place < 0 or holds >> place & 1):
                    reached.add(state)
                    ahead.append(state)
        effort.spend(len(reached))
        found = self._closed[current, holds] = (frozenset(reached & self._chars.keys()), 1 in reached)
        return found

    def _step(self, current: int, holds: int, closed: frozenset[int], char: str, effort: Effort) -> int:
        effort.spend(len(closed) + 1)
        reads = ((self._chars[state]) for state in closed)
        after = frozenset(state for chars, state in reads if chars.has(char, self._ignore_case))
        number = self._sets.setdefault(after, len(self._members))
        if number == len(self._members):
            self._members.append(after)
        self._steps[current, holds, char] = number
        return number

    def _holding(self, text: str, effort: Effort) -> list[int]:
        """For each place of the text the places and looks of the expression that hold there, as bits."""
        holding = [0] * (len(text) + 1) if self._places else []
        for bit, (place, walk, negated) in enumerate(self._places):
            for at, holds in enumerate(_at_places(place, text) if place else _at_looks(walk, text, effort)):
                if holds != negated:
                    holding[at] |= 1 << bit
        effort.spend(len(holding) * len(self._places) // _CHEAP)
        return holding


def _at_looks(walk: _Walk | None, text: str, effort: Effort) -> list[bool]:
    assert walk is not None
    marks = list(walk.ends(text, effort))
    return marks[::-1] if walk._reverse else marks


def _at_places(place: Place, text: str) -> Iterator[bool]:
    last = len(text)
    if place.kind in ("start", "end"):
        wanted = 0 if place.kind == "start" else last
        yield from (at == wanted for at in range(last + 1))
    elif place.kind in _LINE_PLACES:
        for at in range(last + 1):
            beside = at + _LINE_PLACES[place.kind]
            yield not 0 <= beside < last or text[beside] in _LINE_ENDS
    else:
        words = [False, *(_WORD.has(char, False) for char in text), False]
        yield from ((words[at] != words[at + 1]) == (place.kind == "word") for at in range(last + 1))
