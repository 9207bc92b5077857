"""The values of one wildcard, as the sampler needs them: a number in [0, 1) in, a value and its Choice out, O(log n).

A union of several wildcards and a part of one are Values too; their choices name the wildcard that defines them.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from orchestrator_core.prompt import Choice
from orchestrator_core.template.conditions import Condition
from orchestrator_core.template.dialects import Dialect
from orchestrator_core.template.parse import Parsed, parse_value
from orchestrator_core.template.tree import Count

_CACHED = 512  # parsed values kept for each wildcard


@dataclass(frozen=True, slots=True)
class Note:
    """What a value's entry says beside its text and weight."""

    labels: frozenset[str] = frozenset()
    condition: Condition | None = None
    negative: str = ""  # text that this value sends to the negative prompt
    include: str = ""  # the values of this other wildcard stand here


@dataclass(frozen=True, slots=True)
class Value:
    """One value as people see it."""

    text: str
    weight: float
    file: str
    line: int
    name: str  # of the wildcard that defines it


class Values:
    """What can be drawn under one name: a file's own values, or a view on those of others."""

    __slots__ = ("_indexes", "_odds", "conditional", "count", "merged", "name", "notes", "size", "total", "weights")

    def __init__(
        self,
        name: str,
        size: int,
        weights: Sequence[float] | None = None,
        notes: Mapping[int, Note] | None = None,
        count: Count | None = None,
        merged: bool = False,
    ) -> None:
        self.name = name
        self.size = size
        self.weights = weights  # None: all are 1
        self.notes = notes or {}
        self.count = count  # how many are drawn where the template does not say
        self.merged = merged  # from several files, which have no order among them
        self.conditional = any(note.condition is not None for note in self.notes.values())
        self.total = float(size) if weights is None else float(sum(weights))
        self._odds: list[float] | None = None
        self._indexes: dict[str, list[int]] | None = None

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[Value]:
        for index in range(len(self)):
            yield Value(self.text(index), self.weight(index), *self.place(index))

    @property
    def names(self) -> tuple[str, ...]:
        """The wildcards that the values come from."""
        raise NotImplementedError

    def text(self, index: int) -> str:
        raise NotImplementedError

    def place(self, index: int) -> tuple[str, int, str]:
        """File, line and wildcard of a value."""
        raise NotImplementedError

    def key(self, index: int) -> str:
        raise NotImplementedError

    def choice(self, index: int, probability: float | None = None, text: str | None = None) -> Choice:
        """The choice of a value. ``probability``: where something has changed it; ``text``: saves reading it again."""
        raise NotImplementedError

    def tree(self, index: int, dialect: Dialect) -> Parsed | None:
        """The parsed value, or None for plain text."""
        raise NotImplementedError

    def weight(self, index: int) -> float:
        return 1.0 if self.weights is None else self.weights[index]

    def note(self, index: int) -> Note | None:
        return self.notes.get(index)

    def pick(self, number: float) -> int:
        """The value at ``number`` of the way along the weights; -1 if all weights are 0."""
        if self.weights is None:
            return int(number * self.size)
        if self._odds is None:
            self._odds = list(accumulate(self.weights))
        return pick_weighted(self._odds, number)

    def includes(self) -> list[int]:
        """The values that stand for those of another wildcard."""
        return sorted(index for index, note in self.notes.items() if note.include)

    def indexes(self) -> dict[str, list[int]]:
        """Where each key stands; made once, when learned weights first ask for it."""
        if self._indexes is None:
            self._indexes = {}
            for index in range(len(self)):
                self._indexes.setdefault(self.key(index), []).append(index)
        return self._indexes


class FileValues(Values):
    """The values of the wildcard ``name``. ``lines[i]`` is where value i stands; None: value i is on line i + 1."""

    __slots__ = ("_trees", "file", "lines", "prefix", "texts")

    def __init__(
        self,
        name: str,
        file: str,
        texts: Sequence[str],
        weights: Sequence[float] | None = None,
        lines: Sequence[int] | None = None,
        notes: Mapping[int, Note] | None = None,
        count: Count | None = None,
    ) -> None:
        super().__init__(name, len(texts), weights, notes, count)
        self.prefix = value_key(name, "")  # of every key
        self.file = file
        self.texts = texts
        self.lines = lines
        self._trees: dict[tuple[str, int], Parsed | None] = {}

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name,)

    def text(self, index: int) -> str:
        return self.texts[index]

    def place(self, index: int) -> tuple[str, int, str]:
        return self.file, index + 1 if self.lines is None else self.lines[index], self.name

    def key(self, index: int) -> str:
        return self.prefix + self.text(index).strip()

    def choice(self, index: int, probability: float | None = None, text: str | None = None) -> Choice:
        # the hottest place of a draw: written out, not put together from the methods above
        weight = 1.0 if self.weights is None else self.weights[index]
        if probability is None:
            probability = weight / self.total if self.total else 0.0
        if text is None:
            text = self.texts[index]
        line = index + 1 if self.lines is None else self.lines[index]
        return Choice(self.prefix + text.strip(), self.name, self.file, line, weight, probability, self.size)

    def tree(self, index: int, dialect: Dialect) -> Parsed | None:
        try:
            return self._trees[dialect.name, index]
        except KeyError:
            if len(self._trees) >= _CACHED:
                self._trees.clear()
        _, line, name = self.place(index)
        found = self._trees[dialect.name, index] = parse_value(self.texts[index], dialect, f"{name}:{line}")
        return found


class _View(Values):
    """Values that other Values hold."""

    __slots__ = ()

    def source(self, index: int) -> tuple[Values, int]:
        """Whose value it is, and which of them."""
        raise NotImplementedError

    def text(self, index: int) -> str:
        values, inner = self.source(index)
        return values.text(inner)

    def place(self, index: int) -> tuple[str, int, str]:
        values, inner = self.source(index)
        return values.place(inner)

    def key(self, index: int) -> str:
        values, inner = self.source(index)
        return values.key(inner)

    def choice(self, index: int, probability: float | None = None, text: str | None = None) -> Choice:
        file, line, _ = self.place(index)
        weight = self.weight(index)
        if probability is None:
            probability = weight / self.total if self.total else 0.0
        return Choice(self.key(index), self.name, file, line, weight, probability, self.size)

    def tree(self, index: int, dialect: Dialect) -> Parsed | None:
        values, inner = self.source(index)
        return values.tree(inner, dialect)


class UnionValues(_View):
    """The values of several wildcards in a row: of a glob, or of a wildcard that includes others."""

    __slots__ = ("members", "offsets")

    def __init__(
        self, name: str, members: Sequence[tuple[Values, float]], count: Count | None = None, merged: bool = False
    ) -> None:
        """``members``: with what their weights are multiplied by."""
        self.members = [values for values, _ in members]
        self.offsets = list(accumulate([len(values) for values in self.members], initial=0))
        weights = None
        if any(scale != 1.0 or values.weights is not None for values, scale in members):
            weights = array("d", [values.weight(i) * scale for values, scale in members for i in range(len(values))])
        notes = {
            offset + index: note
            for offset, values in zip(self.offsets, self.members, strict=False)
            for index, note in values.notes.items()
        }
        super().__init__(name, self.offsets[-1], weights, notes, count, merged)

    def source(self, index: int) -> tuple[Values, int]:
        number = bisect_right(self.offsets, index) - 1
        return self.members[number], index - self.offsets[number]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for values in self.members for name in values.names))


class _Subset(_View):
    __slots__ = ("chosen", "whole")

    def __init__(self, whole: Values, chosen: Sequence[int]) -> None:
        self.whole = whole
        self.chosen = chosen
        weights = None if whole.weights is None else array("d", [whole.weight(index) for index in chosen])
        notes = {number: note for number, index in enumerate(chosen) if (note := whole.note(index))}
        super().__init__(whole.name, len(chosen), weights, notes, whole.count, whole.merged)

    def source(self, index: int) -> tuple[Values, int]:
        return self.whole, self.chosen[index]

    @property
    def names(self) -> tuple[str, ...]:
        return self.whole.names


def subset(values: Values, indexes: Sequence[int]) -> Values:
    """Some of the values, with their places, weights and notes."""
    return _Subset(values, indexes)


def with_included(values: Values, find: Callable[[str], Values | None]) -> Values:
    """Values that include another wildcard give way to its values, with their weights multiplied."""
    members: list[tuple[Values, float]] = []
    first = 0
    for index in [*values.includes(), len(values)]:
        if index > first:
            members.append((subset(values, range(first, index)), 1.0))
        if index < len(values):
            inner = find(values.text(index).strip())
            if inner is not None and len(inner):
                members.append((inner, values.weight(index)))
        first = index + 1
    return UnionValues(values.name, members, values.count)


def value_key(name: str, text: str) -> str:
    """What a learned weight attaches to: ``colors/warm#crimson``; a # in the name is written %23."""
    return f"{name.replace('#', '%23') if '#' in name else name}#{text.strip()}"


def pick_weighted(cumulative: Sequence[float], number: float) -> int:
    """The index at ``number`` (0 ≤ number < 1) of the way along cumulative weights; -1 if they are all 0."""
    total = cumulative[-1] if cumulative else 0.0
    if total <= 0:
        return -1
    wanted = number * total
    return bisect_right(cumulative, wanted) if wanted < total else bisect_left(cumulative, total)
