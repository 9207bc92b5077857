"""All combinations of a template: counted without listing them, reached by index, listed lazily.

The tree becomes a *space*: a sequence is a product whose left factor varies slowest, a variant or a wildcard is a sum
of its alternatives, several picks are ordered choices. A part that stays random or cyclical counts as one. Templates
in which one choice changes what else can be chosen (conditions, names made of variables) have no such product:
script.py lists them by trying.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, permutations, product
from math import factorial, perm, prod

from orchestrator_core.prompt import Choice, Component, Origin
from orchestrator_core.template.draw import Deferred, Draw, Parts, Path
from orchestrator_core.template.joining import joined
from orchestrator_core.template.picking import MAX_PICKS, arrangement, distinct
from orchestrator_core.template.references import able_values, name_of, resolve
from orchestrator_core.template.tree import (
    Assign,
    Count,
    Method,
    Node,
    Nodes,
    Span,
    Text,
    Use,
    Variant,
    WildcardRef,
    Wrap,
)
from orchestrator_core.template.values import Values

LISTED = 4096  # spaces up to this size are listed once, which also drops alternatives of the same text
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


class Builder:
    """Tree → space, for one set of wildcards. Raises Dependent where there is none."""

    def __init__(self, draw: Draw) -> None:
        self.draw = draw
        self.bound: dict[str, Parts] = {}

    def sequence(self, nodes: Nodes, path: Path, span: Span | None) -> Space:
        factors: list[Space] = []
        for node in nodes:
            if isinstance(node, Text):
                component = node.component if span is None and not path else None
                factors.append(Listed([(component or self.draw.component(node.text, path, span, node.span),)]))
            elif not isinstance(node, Assign):
                factors.append(self.node(node, path, span))
            elif node.immediate or node.adds or node.keeps or node.everywhere or path:
                raise Dependent
            else:
                self.draw.frame[node.name] = Deferred(node.value)
        return self.listed(Product(factors)) if len(factors) != 1 else factors[0]

    def listed(self, space: Space) -> Space:
        """Small spaces as lists: faster, and no two alternatives alike."""
        if not space.fixed or not 1 < space.size <= LISTED or isinstance(space, Listed):
            return space
        return Listed(space.items())

    def unlike(self, space: Space) -> Space:
        """A listed space without alternatives of the same text."""
        listed = self.listed(space)
        if not isinstance(listed, Listed) or listed.size < 2:
            return listed
        texts = ["".join([component.text for component in parts]) for parts in listed.parts]
        keep = distinct(range(len(texts)), texts)
        return Listed([listed.parts[index] for index in keep])

    def node(self, node: Node, path: Path, span: Span | None) -> Space:
        method = getattr(node, "method", None)
        if method in (Method.random, Method.cyclical):
            return Drawn(self.draw, node, path, span)
        draw = self.draw
        if not draw.enter(node.span):
            source = getattr(node, "source", "")
            return Listed([(draw.component(source, path, span, node.span),)])
        try:
            if isinstance(node, Variant):
                return self.variant(node, path, span)
            if isinstance(node, WildcardRef):
                return self.wildcard(node, path, span)
            if isinstance(node, Use):
                return self.use(node, path, span)
            if isinstance(node, Wrap):
                return Product([self.wrapped(node, path, span)])
        finally:
            draw.levels -= 1
        raise Dependent

    def variant(self, node: Variant, path: Path, span: Span | None) -> Space:
        if any(option.condition is not None or option.include for option in node.options):
            raise Dependent
        able = [number for number, option in enumerate(node.options) if option.weight > 0]
        able = able if node.count.repeats else distinct(able, [node.options[number].identity for number in able])
        total = sum(option.weight for option in node.options)
        texts = tuple([option.text for option in node.options])
        spaces = []
        for number in able:
            option = node.options[number]
            key = f"{node.key}#{option.text.strip()}"
            choice = Choice(key, texts, "", 0, option.weight, option.weight / total, len(texts))
            spaces.append(self.sequence(option.body, (*path, choice), span))
        return self.several(spaces, node.count, self.draw.component(node.count.separator, path, span, node.span))

    def several(self, spaces: list[Space], count: Count, separator: Component) -> Space:
        if not spaces:
            return Listed([()])
        if count.lower == 1 == count.upper:
            return self.unlike(Sum(spaces))
        space = Ordered(spaces, count, separator)
        if not space.fixed or space.size > LISTED:
            return space
        return Listed(_unlike_picks(space, separator))

    def wildcard(self, node: WildcardRef, path: Path, span: Span | None) -> Space:
        draw = self.draw
        if not isinstance(node.name, str) and any(isinstance(part, Variant | WildcardRef) for part in node.name):
            raise Dependent
        name = node.name if isinstance(node.name, str) else name_of(draw, node.name, 0)
        values = resolve(draw, node, name, 0)
        if values is None:
            return Listed([(draw.component(node.source, path, span, node.span),)])
        if values.conditional or any(note.negative for note in values.notes.values()):
            raise Dependent
        frame = draw.frame
        count = node.count or values.count or Count()
        inner = node.span if span is None else span
        draw.frame = {**frame, **{key: Deferred(nodes) for key, nodes in node.parameters}}
        try:
            spaces = self.values(values, count, path, inner)
            drawn = self.several(spaces, count, draw.component(count.separator, path, inner, inner))
            if count.prefix or count.suffix:
                ends = [self.sequence(nodes, path, inner) for nodes in (count.prefix, count.suffix)]
                return self.listed(Product([ends[0], drawn, ends[1]]))
            return drawn
        finally:
            draw.frame = frame
            draw.chain.pop()

    def values(self, values: Values, count: Count, path: Path, span: Span) -> list[Space]:
        spaces: list[Space] = []
        plain: list[Parts] = []
        single = count.lower == 1 == count.upper
        for index in able_values(values, count):
            inner = (*path, values.choice(index))
            tree = values.tree(index, self.draw.dialect)
            if tree is None:
                plain.append((Component(values.text(index), Origin.wildcard, inner, 1.0, span),))
                if single:
                    continue  # a run of plain values is one list
            elif any(isinstance(part, Assign) for part in tree.nodes):
                raise Dependent
            if plain:
                spaces.append(Listed(plain))
                plain = []
            if tree is not None:
                spaces.append(self.sequence(tree.nodes, inner, span))
        return [*spaces, Listed(plain)] if plain else spaces

    def use(self, node: Use, path: Path, span: Span | None) -> Space:
        bound = self.draw.lookup(node.name)
        if isinstance(bound, tuple):
            return Listed([bound])
        nodes = bound.nodes if bound is not None else node.default
        if nodes is None:
            return Listed([self.draw.aside((node,), 0, path, span)])
        return self.sequence(nodes, path, span)

    def wrapped(self, node: Wrap, path: Path, span: Span | None) -> Space:
        wrapper, inner = self.sequence(node.wrapper, path, span), self.sequence(node.inner, path, span)
        if not (wrapper.fixed and inner.fixed and wrapper.size * inner.size <= LISTED):
            raise Dependent
        literal = self.draw.handlers[Wrap]
        found = []
        for around, within in product(wrapper.items(), inner.items()):
            both = [_as_nodes(parts) for parts in (around, within)]
            kept, self.draw.out = self.draw.out, []
            literal(self.draw, Wrap(both[0], both[1], node.span, node.place), 0, (), None)
            found.append(tuple(self.draw.out))
            self.draw.out = kept
        return Listed(found)


def _as_nodes(parts: Parts) -> Nodes:
    return tuple([Text(part.text, part.span or (0, 0), part) for part in parts])


def _unlike_picks(space: Ordered, separator: Component) -> list[Parts]:
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
