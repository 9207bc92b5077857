"""Spaces: sets of combinations that are counted without being listed, and reached by index.

A sequence is a product whose left factor varies slowest, a variant or a wildcard a sum of its alternatives, several
picks are ordered choices. combine.py makes them from a template's tree.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, permutations, product
from math import factorial, perm, prod

from orchestrator_core.prompt import Component
from orchestrator_core.template.draw import Draw, Parts, Path, Pending
from orchestrator_core.template.joining import joined, wrapped
from orchestrator_core.template.picking import MAX_PICKS, arrangement
from orchestrator_core.template.tree import Count, Node, Span

_MANY = 300  # options of different sizes in one ordered choice


class Dependent(Exception):
    """One choice changes what else can be chosen."""


class Space:
    """``size`` combinations. ``at`` takes any counter ≥ 0; beyond the size it goes round again."""

    size: int = 1
    fixed = True  # the same parts at every round, whatever the seed

    def at(self, counter: int) -> Parts:
        raise NotImplementedError

    def items(self) -> Sequence[Parts]:
        return [self.at(index) for index in range(self.size)]


class Listed(Space):
    def __init__(self, parts: Sequence[Parts]) -> None:
        self.parts = parts
        self.size = len(parts)

    def at(self, counter: int) -> Parts:
        return self.parts[counter % self.size]

    def items(self) -> Sequence[Parts]:
        return self.parts


class Drawn(Space):
    """A part that is drawn, not listed: random or cyclical inside a combinatorial template."""

    fixed = False

    def __init__(self, draw: Draw, node: Node, path: Path, span: Span | None) -> None:
        self.draw, self.node, self.path, self.span = draw, node, path, span
        self.frame = draw.frame

    def at(self, counter: int) -> Parts:
        draw = self.draw
        draw.frame, draw.index, draw.steps = self.frame, counter, 0
        return draw.aside((self.node,), counter, self.path, self.span)


class Bind(Space):
    """Gives a variable its value, and no text."""

    fixed = False

    def __init__(self, variable: Pending, values: Space) -> None:
        self.variable, self.values, self.size = variable, values, values.size

    def at(self, counter: int) -> Parts:
        self.variable.value = self.values.at(counter)
        return ()


class Recall(Space):
    """The value of a variable, which a Bind further left has given it."""

    fixed = False

    def __init__(self, variable: Pending) -> None:
        self.variable = variable

    def at(self, counter: int) -> Parts:
        return self.variable.known()


class Product(Space):
    def __init__(self, factors: Sequence[Space]) -> None:
        self.factors = factors
        self.size = prod([factor.size for factor in factors])
        self.fixed = all(factor.fixed for factor in factors)
        self.strides = [prod([later.size for later in factors[i + 1 :]]) for i in range(len(factors))]

    def at(self, counter: int) -> Parts:
        found: list[Component] = []
        for factor, stride in zip(self.factors, self.strides, strict=True):
            found.extend(factor.at(counter // stride if factor.size > 1 else counter))
        return tuple(found)


class Sum(Space):
    def __init__(self, terms: Sequence[Space]) -> None:
        self.terms = terms
        self.ends = list(accumulate([term.size for term in terms]))
        self.size = self.ends[-1] if terms else 0
        self.fixed = all(term.fixed for term in terms)

    def at(self, counter: int) -> Parts:
        rounds, digit = divmod(counter, self.size)
        number = bisect_right(self.ends, digit)
        term = self.terms[number]
        return term.at(digit - (self.ends[number] - term.size) + rounds * term.size)


class Ordered(Space):
    """Ordered picks of several of the options: all of the smallest number first."""

    def __init__(self, options: Sequence[Space], count: Count, separator: Component) -> None:
        self.options, self.separator = options, separator
        low, high = count.limits(len(options))
        self.repeats = count.repeats
        self.sizes = [option.size for option in options]
        self.plain = all(size == 1 for size in self.sizes)
        if not self.plain and len(options) > _MANY:
            raise Dependent
        self.lengths = list(range(low, min(high, MAX_PICKS) + 1))
        self.totals = [self.ways(self.sizes, length) for length in self.lengths]
        self.size = sum(self.totals)
        self.fixed = all(option.fixed for option in options)

    def ways(self, sizes: Sequence[int], length: int) -> int:
        """How many picks of ``length``: length! × the elementary symmetric polynomial of the sizes."""
        if self.repeats:
            return int(sum(sizes) ** length)
        if self.plain:
            return perm(len(sizes), length)
        sums = [1] + [0] * length
        for size in sizes:
            for k in range(length, 0, -1):
                sums[k] += sums[k - 1] * size
        return factorial(length) * sums[length]

    def at(self, counter: int) -> Parts:
        rounds, index = divmod(counter, self.size)
        for length, total in zip(self.lengths, self.totals, strict=True):
            if index < total:
                picks, index = self.picks(length, index)
                break
            index -= total
        parts = []
        for number, pick in enumerate(picks):
            stride = prod([self.sizes[later] for later in picks[number + 1 :]])
            digit = (index // stride) % self.sizes[pick]
            parts.append(self.options[pick].at(digit + rounds * self.sizes[pick]))
        return joined(parts, self.separator)

    def picks(self, length: int, index: int) -> tuple[list[int], int]:
        """The options of the index-th pick, and the index among the combinations of what is inside them."""
        if self.plain:
            return arrangement(len(self.sizes), Count(length, length, repeats=self.repeats), index), 0
        rest = list(range(len(self.sizes)))
        picks: list[int] = []
        inside = 1
        for position in range(length):
            for option in rest:
                others = rest if self.repeats else [other for other in rest if other != option]
                ways = self.ways([self.sizes[other] for other in others], length - position - 1)
                block = inside * self.sizes[option] * ways
                if index < block:
                    picks.append(option)
                    inside *= self.sizes[option]
                    rest = others
                    break
                index -= block
        return picks, index


class Wrapped(Space):
    """One space put into the places that another leaves."""

    def __init__(self, wrapper: Space, inner: Space) -> None:
        self.wrapper, self.inner = wrapper, inner
        self.size = wrapper.size * inner.size
        self.fixed = wrapper.fixed and inner.fixed

    def at(self, counter: int) -> Parts:
        around = self.wrapper.at(counter // self.inner.size)
        return wrapped(around, self.inner.at(counter))[0]


def unlike_picks(space: Ordered, separator: Component) -> list[Parts]:
    """As peers list them: no pick that holds the same text twice, no two picks alike."""
    items = [option.items() for option in space.options]
    seen: set[tuple[str, ...]] = set()
    found = []
    for length in space.lengths:
        chosen = product(items, repeat=length) if space.repeats else permutations(items, length)
        for pick in chosen:
            for parts in product(*pick):
                texts = tuple(["".join([component.text for component in part]) for part in parts])
                if texts not in seen and (space.repeats or len(set(texts)) == length):
                    seen.add(texts)
                    found.append(joined(parts, separator))
    return found or [()]


def walk(space: Space, start: int) -> Iterator[Parts]:
    """All combinations from the start-th on, in order."""
    if not (isinstance(space, Product) and all(isinstance(factor, Listed) for factor in space.factors)):
        for index in range(start, space.size):
            yield space.at(index)
        return
    lists = [factor.items() for factor in space.factors]
    yield from _walk((), lists, space.strides, start)


def _walk(before: Parts, lists: Sequence[Sequence[Parts]], strides: Sequence[int], start: int) -> Iterator[Parts]:
    if not lists:
        yield before
        return
    first, rest = divmod(start, strides[0])
    if len(lists) == 1:
        for parts in lists[0][first:]:
            yield before + parts
        return
    for parts in lists[0][first:]:
        yield from _walk(before + parts, lists[1:], strides[1:], rest)
        rest = 0
