"""``__name__`` in a draw: the reference is resolved, filtered, drawn from, and what was drawn is drawn in turn."""

from __future__ import annotations

from orchestrator_core.prompt import Component, Origin
from orchestrator_core.template.chance import mix, unit
from orchestrator_core.template.draw import STEP_LENGTH, Deferred, Draw, Parts, Path
from orchestrator_core.template.joining import joined
from orchestrator_core.template.parse import is_syntax
from orchestrator_core.template.picking import arrangement, arrangements, distinct, pick_values, share
from orchestrator_core.template.tree import Count, Nodes, Span, Use, WildcardRef
from orchestrator_core.template.values import Note, Values, pick_weighted, subset

_ONE = Count()


def wildcard(draw: Draw, node: WildcardRef, state: int, path: Path, span: Span | None) -> None:
    if not draw.enter(node.span):
        draw.literal(node.source, path, span, node.span)
        return
    before, frame = draw.turn, draw.frame
    if node.method is not None:
        state = draw.switch(node.method, state)
    if draw.turn is None:
        state = mix(state ^ node.place)
    name = node.name if isinstance(node.name, str) else name_of(draw, node.name, state)
    values = resolve(draw, node, name, state)
    if values is None:
        draw.literal(left(draw, node, name), path, span, node.span)
    else:
        if node.parameters:
            draw.frame = {**frame, **{key: Deferred(nodes) for key, nodes in node.parameters}}
        _draw_from(draw, node, values, state, path, span)
        draw.chain.pop()
    draw.frame = frame
    draw.turn = before
    draw.levels -= 1


def left(draw: Draw, node: WildcardRef, name: str) -> str:
    """What stands in the place of a wildcard that is not there: as written, but for a name that was put together."""
    if not draw.keeps_missing:
        return ""
    return node.source if isinstance(node.name, str) else f"__{name}__"


def name_of(draw: Draw, nodes: Nodes, state: int) -> str:
    """A name that is made up of variables; one that is not set stands for its own name."""
    found = []
    for node in nodes:
        if isinstance(node, Use) and node.default is None and draw.lookup(node.name) is None:
            found.append(node.name)
            continue
        text = "".join([part.text for part in draw.aside((node,), state, (), None)])
        found.append(text.strip() if isinstance(node, Use) else text)
    return "".join(found).strip()


def resolve(draw: Draw, node: WildcardRef, name: str, state: int) -> Values | None:
    """The values that can be drawn; puts the name on the chain unless there are none of that name."""
    found = draw.wildcards.find(name, draw.dialect)
    if found is None:
        draw.missing(name, node.span)
        return None
    if found.note:
        draw.note("other-wildcard", found.note, node.span)
    values, handed_down = found.values, ""
    if node.filter:
        written = node.filter if isinstance(node.filter, str) else name_of(draw, node.filter, state)
        values, handed_down = _filtered(draw, values, written)
    if values.conditional:
        able = [index for index in range(len(values)) if _is_able(draw, values.note(index))]
        values = values if len(able) == len(values) else subset(values, able)
    draw.chain.append((name, handed_down))
    return values


def _is_able(draw: Draw, note: Note | None) -> bool:
    return note is None or note.condition is None or draw.holds(note.condition)


def _filtered(draw: Draw, values: Values, written: str) -> tuple[Values, str]:
    """Values by index or label, ``2,cat+small``. ``#`` only hands the filter down, ``^name`` takes it from there."""
    wanted = written.lstrip("#")
    if wanted.startswith("^"):
        wanted = next((handed for name, handed in reversed(draw.chain) if name == wanted[1:]), "")
    if written.startswith("#") or not wanted:
        return values, wanted
    chosen = [index for index in range(len(values)) if _matches(wanted, index, values.note(index))]
    return subset(values, chosen), wanted


def _matches(wanted: str, index: int, note: Note | None) -> bool:
    labels = note.labels if note else frozenset()
    return any(all(_is(part.strip().lower(), index, labels) for part in term.split("+")) for term in wanted.split(","))


def _is(part: str, index: int, labels: frozenset[str]) -> bool:
    low, dash, high = part.partition("-")
    if low.isdigit() and (not dash or high.isdigit()):
        return int(low) <= index <= int(high or low)
    return part in labels


def _draw_from(draw: Draw, node: WildcardRef, values: Values, state: int, path: Path, span: Span | None) -> None:
    count = node.count or values.count
    inner = node.span if span is None else span
    odds = None if draw.bias is None else draw.bias.odds(values)
    if count is not None or draw.turn is not None:
        _draw_several(draw, node, values, count or _ONE, state, path, span)
        return
    number = unit(state)
    index = (values.pick(number) if odds is None else pick_weighted(odds, number)) if values.size else -1
    if index < 0:
        _nothing(draw, node, values)
        return
    emit(draw, values, index, None if odds is None else share(odds, index), state, path, inner)


def _nothing(draw: Draw, node: WildcardRef, values: Values) -> None:
    count = node.count or values.count
    if not (count and count.optional):
        message = f"Wildcard {values.name!r} has no value to draw: all weights are 0, or none fits the conditions."
        draw.note("no-value", message, node.span)


def _draw_several(
    draw: Draw, node: WildcardRef, values: Values, count: Count, state: int, path: Path, span: Span | None
) -> None:
    inner = node.span if span is None else span
    odds = None if draw.bias is None else draw.bias.odds(values)
    if draw.turn is not None:
        able = able_values(values, count)
        number, state = draw.turn.take(arrangements(len(able), count), state)
        picks = [able[i] for i in arrangement(len(able), count, number)]
    else:
        picks = pick_values(values, odds, count, state)
    if not picks and count.lower > 0:
        _nothing(draw, node, values)
    parts: list[Parts] = []
    for number, index in enumerate(picks):
        kept, draw.out = draw.out, []
        probability = None if odds is None else share(odds, index)
        emit(draw, values, index, probability, draw.below(state, number), path, inner)
        parts.append(tuple(draw.out))
        draw.out = kept
        if len(picks) > 1 and not draw.spend(parts[-1], node.span):
            break
    between = draw.component(count.separator, path, span if node.count else inner, node.span)
    draw.sequence(count.prefix, state, path, inner)
    draw.out.extend(joined(parts, between))
    draw.sequence(count.suffix, state, path, inner)


def able_values(values: Values, count: Count) -> list[int]:
    """The values that can be drawn at all, in the order in which they are listed; of equal ones the first.

    A file's own order is its author's. Several files have none among them: their values are sorted.
    """
    able = [index for index in range(len(values)) if values.weight(index) > 0]
    if values.merged:
        able.sort(key=values.text)
    return able if count.repeats else distinct(able, [values.text(index) for index in able])


def emit(draw: Draw, values: Values, index: int, probability: float | None, state: int, path: Path, span: Span) -> None:
    """One value with all that is nested in it. ``probability`` None: as the weights in the file say."""
    text = values.text(index)
    draw.steps += len(text) // STEP_LENGTH
    path = (*path, values.choice(index, probability, text))
    if not is_syntax(text):
        draw.out.append(Component(text, Origin.wildcard, path, 1.0, span))
    elif tree := values.tree(index, draw.dialect):
        frame = draw.frame
        draw.frame = dict(frame)  # what a value sets is its own
        draw.sequence(tree.nodes, state, path, span)
        draw.frame = frame
    note = values.note(index) if values.notes else None
    if note is not None and note.negative:
        draw.sent.append((False, (Component(note.negative, Origin.wildcard, path, 1.0, span),)))
