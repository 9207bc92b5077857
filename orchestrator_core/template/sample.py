"""What each kind of node gives in a draw: the heart of the engine, read with draw.py beside it."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator_core.prompt import Choice, Component, Origin
from orchestrator_core.template.bias import Bias
from orchestrator_core.template.chance import mix
from orchestrator_core.template.dialects import Dialect
from orchestrator_core.template.draw import Bound, Deferred, Draw, Handler, Parts, Path, Pending, Turn
from orchestrator_core.template.joining import joined, wrapped
from orchestrator_core.template.picking import arrangement, arrangements, distinct, pick_options
from orchestrator_core.template.references import wildcard
from orchestrator_core.template.tree import Assign, If, Option, Span, ToNegative, Use, Variant, WildcardRef, Wrap
from orchestrator_core.template.values import Values
from orchestrator_core.template.wildcards import Wildcards

_MAX_INCLUDED = 100_000


def new_draw(
    wildcards: Wildcards,
    dialect: Dialect,
    seed: int,
    index: int | None = None,
    turn: Turn | None = None,
    bias: Bias | None = None,
    variables: Mapping[str, str] | None = None,
) -> Draw:
    """A draw that is ready to begin: at random, or as ``turn`` says. ``index``: what cyclical elements count by."""
    return Draw(HANDLERS, wildcards, dialect, seed, seed if index is None else index, turn, bias, variables)


def variant(draw: Draw, node: Variant, state: int, path: Path, span: Span | None) -> None:
    if not draw.enter(node.span):
        draw.literal(node.source, path, span, node.span)
        return
    before = draw.turn
    if node.method is not None:
        state = draw.switch(node.method, state)
    if draw.turn is None:
        state = mix(state ^ node.place)
    _options(draw, node, state, path, span)
    draw.turn = before
    draw.levels -= 1


def _options(draw: Draw, node: Variant, state: int, path: Path, span: Span | None) -> None:
    slots = option_slots(draw, node)
    weights = [weight for _, weight, _, _ in slots]
    if draw.bias is not None:
        weights = draw.bias.options(node, weights) if len(slots) == len(node.options) else weights
    texts = [option.identity if values is None else values.text(index) for option, _, values, index in slots]
    if draw.turn is not None:
        able = [number for number, weight in enumerate(weights) if weight > 0]
        able = able if node.count.repeats else distinct(able, [texts[number] for number in able])
        number, state = draw.turn.take(arrangements(len(able), node.count), state)
        picks = [able[i] for i in arrangement(len(able), node.count, number)]
    else:
        picks = pick_options(weights, texts, node.count, state)
    if not picks and node.count.lower > 0 and not node.count.optional:
        draw.note("no-option", "No option is left: all weights are 0, or no condition holds.", node.span)
    total = sum(weights)
    parts: list[Parts] = []
    for number, pick in enumerate(picks):
        parts.append(_slot(draw, node, slots[pick], weights[pick] / total, draw.below(state, number), path, span))
        if len(picks) > 1 and not draw.spend(parts[-1], node.span):
            break
    draw.out.extend(joined(parts, draw.component(node.count.separator, path, span, node.span)))


Slot = tuple[Option, float, Values | None, int]


def option_slots(draw: Draw, node: Variant) -> list[Slot]:
    """The options with their weights; ``%include`` gives way to the values of its wildcard, 0 where an if fails."""
    slots: list[Slot] = []
    for option in node.options:
        weight = option.weight if option.condition is None or draw.holds(option.condition) else 0.0
        if not option.include:
            slots.append((option, weight, None, 0))
        elif found := draw.wildcards.find(option.include, draw.dialect):
            values = found.values
            size = min(len(values), _MAX_INCLUDED - len(slots))
            slots += [(option, weight * values.weight(index), values, index) for index in range(size)]
        else:
            message = f"There is no wildcard {option.include!r} to include.{draw.hint(option.include)}"
            draw.note("missing-wildcard", message, node.span)
    return slots


def _slot(
    draw: Draw, node: Variant, slot: Slot, probability: float, state: int, path: Path, span: Span | None
) -> Parts:
    option, weight, values, index = slot
    if values is None:
        choice = Choice(f"{node.key}#{option.text.strip()}", node.texts, "", 0, weight, probability, len(node.options))
        return draw.aside(option.body, state, (*path, choice), span)
    path = (*path, values.choice(index, probability))
    tree = values.tree(index, draw.dialect)
    inner = node.span if span is None else span
    if tree is None:
        return (Component(values.text(index), Origin.wildcard, path, 1.0, inner),)
    return draw.aside(tree.nodes, state, path, inner)


def assign(draw: Draw, node: Assign, state: int, path: Path, span: Span | None) -> None:
    existing = draw.lookup(node.name)
    if node.keeps and existing is not None:
        return
    bound: Bound = Deferred(node.value, path, span)
    if node.immediate or node.adds:
        if not draw.enter(node.span):
            return
        state = state if draw.turn else mix(state ^ node.place)
        bound = parts = draw.aside(node.value, state, path, span)
        if node.adds and existing is not None:
            before = existing.known() if isinstance(existing, Pending) else existing
            if isinstance(before, Deferred):
                before = draw.aside(before.nodes, state, before.led_here(path), span or before.span)
            bound = (*before, *parts)
        draw.levels -= 1
    draw.frame[node.name] = bound
    if node.everywhere:
        draw.shared[node.name] = bound


def use(draw: Draw, node: Use, state: int, path: Path, span: Span | None) -> None:
    bound = draw.lookup(node.name)
    if isinstance(bound, Pending):
        bound = bound.known()
    if isinstance(bound, tuple):
        if draw.spend(bound, node.span):
            draw.out.extend(bound)
        else:
            draw.literal(node.source, path, span, node.span)
        return
    nodes = bound.nodes if bound is not None else node.default
    if nodes is None:
        message = f"Variable {node.name!r} has no value here; give it one with ${{{node.name}=…}} or a default."
        draw.note("unknown-variable", message, node.span)
        draw.literal(node.source, path, span, node.span)
        return
    if not draw.enter(node.span):
        draw.literal(node.source, path, span, node.span)
        return
    if bound is not None:
        path, span = bound.led_here(path), bound.span if span is None else span
    first = len(draw.out)
    draw.sequence(nodes, state if draw.turn else mix(state ^ node.place), path, span)
    draw.spend(draw.out[first:], node.span)
    draw.levels -= 1


def wrap(draw: Draw, node: Wrap, state: int, path: Path, span: Span | None) -> None:
    if not draw.enter(node.span):
        return
    if draw.turn is None:
        state = mix(state ^ node.place)
    wrapper = draw.aside(node.wrapper, state, path, span)
    inner = draw.aside(node.inner, draw.below(state, 1), path, span)
    parts, marked = wrapped(wrapper, inner)
    if not marked:
        draw.note("no-wrap-mark", "The wrapper has no … for its content; the content was put after it.", node.span)
    draw.out.extend(parts)
    draw.levels -= 1


def conditional(draw: Draw, node: If, state: int, path: Path, span: Span | None) -> None:
    if not draw.enter(node.span):
        return
    if draw.turn is None:
        state = mix(state ^ node.place)
    holding = (body for condition, body in node.branches if condition is None or draw.holds(condition))
    draw.sequence(next(holding, ()), state, path, span)
    draw.levels -= 1


def to_negative(draw: Draw, node: ToNegative, state: int, path: Path, span: Span | None) -> None:
    if not draw.enter(node.span):
        return
    if draw.turn is None:
        state = mix(state ^ node.place)
    parts = draw.aside(node.body, state, path, span)
    draw.levels -= 1
    if "".join([part.text for part in parts]).strip():
        draw.sent.append((node.at_end, parts))


HANDLERS: Mapping[type, Handler] = {
    Variant: variant,
    WildcardRef: wildcard,
    Assign: assign,
    Use: use,
    Wrap: wrap,
    If: conditional,
    ToNegative: to_negative,
}
