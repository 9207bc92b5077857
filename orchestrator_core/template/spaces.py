"""Spaces: sets of combinations that are counted without being listed, and reached by index.

A sequence is a product whose left factor varies slowest, a variant or a wildcard a sum of its alternatives, several
picks are ordered choices. combine.py makes them from a template's tree.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate, permutations, product
from math import prod
from operator import mul

from orchestrator_core.prompt import Component
from orchestrator_core.template.draw import Draw, Parts, Path, Pending
from orchestrator_core.template.joining import cut, joined, wrapped
from orchestrator_core.template.picking import MAX_PICKS, arrangement
from orchestrator_core.template.tree import Count, Node, Span

_MANY = 300  # options of different sizes in one ordered choice
MAX_LENGTH = 20_000_000  # characters of a prompt
_MAX_BITS = 1_000_000  # of a number of combinations
_MAX_VALUE = 10_000  # components of a variable's value


class Dependent(Exception):
    """One choice changes what else can be chosen."""


class Space:
    """``size`` combinations. ``at`` takes any counter ≥ 0; beyond the size it goes round again."""

    size: int = 1
    width: int = 1  # components, at most
    length: int = 0  # characters, at most
    fixed = True  # the same parts at every round, whatever the seed

    def at(self, counter: int) -> Parts:
        raise NotImplementedError

    def items(self) -> Sequence[Parts]:
        return [self.at(index) for index in range(self.size)]


class Listed(Space):
    def __init__(self, parts: Sequence[Parts]) -> None:
        self.parts = parts
        self.size = len(parts)
        self.width = max([len(each) for each in parts], default=0)
        self.length = max([sum([len(part.text) for part in each]) for each in parts], default=0)

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
        variable.length = max(variable.length, min(values.length, 100 * _MAX_VALUE))

    def at(self, counter: int) -> Parts:
        value = self.values.at(counter)
        if len(value) > _MAX_VALUE or sum([len(part.text) for part in value]) > 100 * _MAX_VALUE:
            value = cut(value[:_MAX_VALUE], 0, 100 * _MAX_VALUE)  # a variable that doubles another, many times over
        self.variable.value = value
        return ()


class Recall(Space):
    """The value of a variable, which a Bind further left has given it."""

    fixed = False

    def __init__(self, variable: Pending) -> None:
        self.variable = variable
        self.length = variable.length

    def at(self, counter: int) -> Parts:
        return self.variable.known()


class Product(Space):
    """Raises Dependent where text or number of combinations are beyond measure: drawing knows how to stop."""

    def __init__(self, factors: Sequence[Space]) -> None:
        self.length = sum([factor.length for factor in factors])
        if self.length > MAX_LENGTH or sum([factor.size.bit_length() - 1 for factor in factors]) > _MAX_BITS:
            raise Dependent
        self.factors = factors
        self.size = prod([factor.size for factor in factors])
        self.width = sum([factor.width for factor in factors])
        self.fixed = all(factor.fixed for factor in factors)

    def at(self, counter: int) -> Parts:
        counters = []
        rest = counter  # what is left of it for the factors further left, which vary more slowly
        for factor in reversed(self.factors):
            counters.append(rest if factor.size > 1 else counter)
            rest = rest // factor.size if factor.size > 1 else rest
        found: list[Component] = []
        for factor, own in zip(self.factors, reversed(counters), strict=True):
            found.extend(factor.at(own))
        return tuple(found)


class Sum(Space):
    def __init__(self, terms: Sequence[Space]) -> None:
        self.terms = terms
        self.ends = list(accumulate([term.size for term in terms]))
        self.width = max([term.width for term in terms], default=0)
        self.length = max([term.length for term in terms], default=0)
        self.size = self.ends[-1] if terms else 0
        self.fixed = all(term.fixed for term in terms)

    def at(self, counter: int) -> Parts:
        rounds, digit = divmod(counter, self.size)
        number = bisect_right(self.ends, digit)
        term = self.terms[number]
        return term.at(digit - (self.ends[number] - term.size) + rounds * term.size)


class Ordered(Space):
    """Ordered picks of several of the options: all of the smallest number first. Raises Dependent for too many."""

    def __init__(self, options: Sequence[Space], count: Count, separator: Component) -> None:
        self.options, self.separator = options, separator
        low, high = count.limits(len(options))
        high = min(high, MAX_PICKS)
        self.repeats = count.repeats
        self.sizes = [option.size for option in options]
        self.plain = all(size == 1 for size in self.sizes)
        if (not self.plain and len(options) > _MANY) or sum(self.sizes).bit_length() * high > _MAX_BITS:
            raise Dependent
        self.lengths = list(range(min(low, high), high + 1))
        ways = self.ways(self.sizes, high)
        self.totals = [ways[length] for length in self.lengths]
        self.size = sum(self.totals)
        self.width = high * (1 + max([option.width for option in options], default=0))
        self.length = high * (len(separator.text) + max([option.length for option in options], default=0))
        if self.length > MAX_LENGTH:
            raise Dependent
        self.fixed = all(option.fixed for option in options)

    def ways(self, sizes: Sequence[int], most: int) -> list[int]:
        """How many picks of 0, 1, … ``most`` there are: length! × the elementary symmetric polynomial of the sizes."""
        if self.repeats:
            return list(accumulate([sum(sizes)] * most, mul, initial=1))
        if self.plain:
            return list(accumulate(range(len(sizes), len(sizes) - most, -1), mul, initial=1))
        sums = _polynomials(sizes, most)
        return [number * factorial for number, factorial in zip(sums, _factorials(most), strict=True)]

    def at(self, counter: int) -> Parts:
        rounds, index = divmod(counter, self.size)
        size = 0
        while index >= self.totals[size]:
            index -= self.totals[size]
            size += 1
        picks, index = self.picks(self.lengths[size], index)
        parts = []
        for pick in reversed(picks):
            index, digit = divmod(index, self.sizes[pick])
            parts.append(self.options[pick].at(digit + rounds * self.sizes[pick]))
        return joined(parts[::-1], self.separator)

    def picks(self, length: int, index: int) -> tuple[list[int], int]:
        """The options of the index-th pick, and the index among the combinations of what is inside them."""
        if self.plain:
            return arrangement(len(self.sizes), Count(length, length, repeats=self.repeats), index), 0
        rest = dict(enumerate(self.sizes))
        sums, factorials = _polynomials(self.sizes, length), _factorials(length)
        picks: list[int] = []
        inside = 1
        for remaining in range(length - 1, -1, -1):
            for option, size in rest.items():  # noqa: B007 - the one that the index falls into
                others = sums if self.repeats else _without(sums, size)
                ways = sum(self.sizes) ** remaining if self.repeats else factorials[remaining] * others[remaining]
                if index < inside * size * ways:
                    break
                index -= inside * size * ways
            picks.append(option)
            inside *= size
            sums = others
            if not self.repeats:
                del rest[option]
        return picks, index


def _polynomials(sizes: Sequence[int], most: int) -> list[int]:
    """Elementary symmetric polynomials of degree 0, 1, … ``most``."""
    sums = [1] + [0] * most
    for size in sizes:
        for degree in range(most, 0, -1):
            sums[degree] += sums[degree - 1] * size
    return sums


def _without(sums: Sequence[int], size: int) -> list[int]:
    """The polynomials of the same sizes but one."""
    return list(accumulate(sums[1:], lambda lower, own: own - size * lower, initial=sums[0]))


def _factorials(most: int) -> list[int]:
    return list(accumulate(range(1, most + 1), mul, initial=1))


class Wrapped(Space):
    """One space put into the places that another leaves."""

    def __init__(self, wrapper: Space, inner: Space) -> None:
        self.wrapper, self.inner = wrapper, inner
        self.size = wrapper.size * inner.size
        self.width = wrapper.width + inner.width + 1
        self.length = wrapper.length + inner.length
        self.fixed = wrapper.fixed and inner.fixed

    def at(self, counter: int) -> Parts:
        around = self.wrapper.at(counter // self.inner.size)
        return wrapped(around, self.inner.at(counter))[0]


def unlike_picks(space: Ordered, separator: Component) -> list[Parts]:
    """As peers list them: no pick that holds the same text twice, unless all do, and no two picks alike."""
    items = [option.items() for option in space.options]
    seen: set[tuple[str, ...]] = set()
    found: list[Parts] = []
    doubled: list[Parts] = []
    for length in space.lengths:
        chosen = product(items, repeat=length) if space.repeats else permutations(items, length)
        for pick in chosen:
            for parts in product(*pick):
                texts = tuple(["".join([component.text for component in part]) for part in parts])
                if texts not in seen:
                    seen.add(texts)
                    is_fine = space.repeats or len(set(texts)) == length
                    (found if is_fine else doubled).append(joined(parts, separator))
    return found or doubled or [()]
