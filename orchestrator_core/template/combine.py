"""Tree → space of all combinations.

A part that stays random or cyclical counts as one. Where one choice changes what else can be chosen, the space
branches over the values of the variable that says so; templates in which that is not enough (assignments inside
options, values that write into the negative prompt) have no space: script.py lists them by trying.
"""

from __future__ import annotations

from orchestrator_core.prompt import Choice, Component, Origin
from orchestrator_core.template.draw import Deferred, Draw, NeedsValue, Parts, Path, Pending
from orchestrator_core.template.picking import distinct
from orchestrator_core.template.references import able_values, left, name_of, resolve
from orchestrator_core.template.spaces import (
    Bind,
    Dependent,
    Drawn,
    Listed,
    Ordered,
    Product,
    Recall,
    Space,
    Sum,
    Wrapped,
    unlike_picks,
)
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
_LISTED_PARTS = 64 * LISTED  # in all of its combinations together


class Builder:
    """Tree → space, for one set of wildcards. Raises Dependent where there is none."""

    def __init__(self, draw: Draw) -> None:
        self.draw = draw
        self.pending: dict[tuple[int, Path], Pending] = {}

    def sequence(self, nodes: Nodes, path: Path, span: Span | None, scoped: bool) -> Space:
        """``scoped``: what is assigned here is seen here only, not by what stands around it."""
        factors: list[Space] = []
        for number, node in enumerate(nodes):
            if isinstance(node, Text):
                component = node.component if span is None and not path else None
                factors.append(Listed([(component or self.draw.component(node.text, path, span, node.span),)]))
            elif not isinstance(node, Assign):
                factors.append(self.node(node, path, span))
            elif not scoped:
                raise Dependent
            elif rest := self.assign(node, nodes[number + 1 :], path, span):
                factors.append(rest)
                break
        return self.listed(Product(factors)) if len(factors) != 1 else factors[0]

    def assign(self, node: Assign, rest: Nodes, path: Path, span: Span | None) -> Space | None:
        """Binds a variable. One with several values takes the rest of its sequence with it, which is returned."""
        draw = self.draw
        if node.adds or node.everywhere:
            raise Dependent
        if node.keeps and draw.lookup(node.name) is not None:
            return None
        if not node.immediate:
            draw.frame[node.name] = Deferred(node.value)
            return None
        values = self.unlike(self.sequence(node.value, path, span, scoped=False))
        if values.fixed and values.size == 1:
            draw.frame[node.name] = values.at(0)
            return None
        variable = self.pending.setdefault((id(node), path), Pending(node.name))
        frame = {**draw.frame, node.name: variable}
        draw.frame = dict(frame)
        try:
            return Product([Bind(variable, values), self.sequence(rest, path, span, scoped=True)])
        except NeedsValue as need:
            if need.variable is not variable or not values.fixed or values.size > LISTED:
                raise
        terms = []
        for parts in values.items():
            draw.frame = {**frame, node.name: parts}
            terms.append(Product([Bind(variable, Listed([parts])), self.sequence(rest, path, span, scoped=True)]))
        draw.frame[node.name] = variable
        return Sum(terms)

    def listed(self, space: Space) -> Space:
        """Small spaces as lists: faster, and no two alternatives alike."""
        if not space.fixed or not 1 < space.size <= LISTED or isinstance(space, Listed):
            return space
        if space.size * space.width > _LISTED_PARTS:
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
                ends = [self.sequence(part, path, span, scoped=False) for part in (node.wrapper, node.inner)]
                return self.listed(Wrapped(ends[0], ends[1]))
        finally:
            draw.levels -= 1
        raise Dependent

    def variant(self, node: Variant, path: Path, span: Span | None) -> Space:
        if any(option.include for option in node.options):
            raise Dependent
        able = [
            number
            for number, option in enumerate(node.options)
            if option.weight > 0 and (option.condition is None or self.draw.holds(option.condition))
        ]
        able = able if node.count.repeats else distinct(able, [node.options[number].identity for number in able])
        total = sum(option.weight for option in node.options)
        spaces = []
        for number in able:
            option = node.options[number]
            key = f"{node.key}#{option.text.strip()}"
            choice = Choice(key, node.texts, "", 0, option.weight, option.weight / total, len(node.texts))
            spaces.append(self.sequence(option.body, (*path, choice), span, scoped=False))
        return self.several(spaces, node.count, self.draw.component(node.count.separator, path, span, node.span))

    def several(self, spaces: list[Space], count: Count, separator: Component) -> Space:
        if not spaces:
            return Listed([()])
        if count.lower == 1 == count.upper:
            return self.unlike(Sum(spaces))
        space = Ordered([self.unlike(space) for space in spaces], count, separator)
        if not space.fixed or space.size > LISTED:
            return space
        return Listed(unlike_picks(space, separator))

    def wildcard(self, node: WildcardRef, path: Path, span: Span | None) -> Space:
        draw = self.draw
        if not isinstance(node.name, str) and any(isinstance(part, Variant | WildcardRef) for part in node.name):
            raise Dependent  # one name of several, and each has values of its own
        name = node.name if isinstance(node.name, str) else name_of(draw, node.name, 0)
        values = resolve(draw, node, name, 0)
        if values is None:
            return Listed([(draw.component(left(draw, node, name), path, span, node.span),)])
        if any(note.negative for note in values.notes.values()):
            raise Dependent
        frame = draw.frame
        count = node.count or values.count or Count()
        inner = node.span if span is None else span
        draw.frame = {**frame, **{key: Deferred(nodes) for key, nodes in node.parameters}}
        try:
            spaces = self.values(values, count, path, inner)
            between = draw.component(count.separator, path, span if node.count else inner, node.span)
            drawn = self.several(spaces, count, between)
            if count.prefix or count.suffix:
                ends = [self.sequence(nodes, path, inner, scoped=True) for nodes in (count.prefix, count.suffix)]
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
            if plain:
                spaces.append(Listed(plain))
                plain = []
            if tree is not None:
                frame = self.draw.frame
                self.draw.frame = dict(frame)
                spaces.append(self.sequence(tree.nodes, inner, span, scoped=True))
                self.draw.frame = frame
        return [*spaces, Listed(plain)] if plain else spaces

    def use(self, node: Use, path: Path, span: Span | None) -> Space:
        bound = self.draw.lookup(node.name)
        if isinstance(bound, Pending):
            return Recall(bound)
        if isinstance(bound, tuple):
            return Listed([bound if self.draw.spend(bound, node.span) else ()])
        nodes = bound.nodes if bound is not None else node.default
        if nodes is None:
            return Listed([self.draw.aside((node,), 0, path, span)])
        return self.sequence(nodes, path, span, scoped=False)
