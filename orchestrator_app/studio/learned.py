"""What was learned, from the ledger, as the page Learn shows it; and what a change of it would move."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator_app.studio.learn_desk import Change, Learned
from orchestrator_app.studio.learn_html import Direction, Move, SlotView, ValueView
from orchestrator_app.studio.trends_html import EffectView, OverTime, PairView
from orchestrator_core.errors import WildcardError
from orchestrator_core.template.values import value_key
from orchestrator_core.weights.learner import State
from orchestrator_core.weights.observation import (
    INLINE,
    context_words,
    probability,
    scorer_words,
    slot_of,
    value_of,
    variant_words,
)
from orchestrator_core.weights.odds import FEW, Odds, SlotOdds, ValueOdds, odds, slot_odds
from orchestrator_core.weights.pairs import pairs_of
from orchestrator_core.weights.plots import trend_svg
from orchestrator_core.weights.trends import Effect, effects_of, slot_trends

if TYPE_CHECKING:
    from orchestrator_core.template import Wildcards

_SHOWN = 200  # values of a slot
_PAIRS = 12
_DIRECTIONS = {
    "prefer": "Have {} prefer what works",
    "report": "Have {} report alone",
    "off": "Switch {} off: nothing moves in it, whatever is seen",
}


def learned_of(state: State, context: str, slot: str, wildcards: Wildcards | None) -> Learned:
    """What holds, in one context; the first where that is not there, and its slot with most images."""
    contexts = {each: context_words(each) for each in state.contexts()}
    chosen = context if context in contexts else next(iter(contexts), "")
    slots = sorted(
        (_slot(state, slot_odds(state, chosen, each)) for each in state.slots(chosen)),
        key=lambda view: (-view.n, view.name),
    )
    named = slot if any(view.name == slot for view in slots) else (slots[0].name if slots else "")
    views = tuple(_with_values(state, chosen, view, wildcards) if view.name == named else view for view in slots)
    settings = state.settings
    return Learned(settings.on, settings.mode, state.number, len(state.images), contexts, chosen, views, named)


def _slot(state: State, found: SlotOdds) -> SlotView:
    images = {(one.run_id, one.image) for one in state.observations if one.slot == found.slot}
    settings = state.settings
    direction: Direction = "off" if found.slot in settings.off_slots else settings.direction(found.slot)
    title = _title(found.slot, [value.key for value in found.values])
    moves = found.moves and settings.on
    moved = _moved(found) if moves else ""
    return SlotView(found.slot, title, direction, moves, len(images), found.why, moved=moved)


def _moved(found: SlotOdds) -> str:
    """The values that are drawn most more, and most less, often."""
    ends = dict.fromkeys((found.values[0], found.values[-1])) if found.values else {}
    return ", ".join(f"{value_of(value.key)} {value.multiplier:.2g}×" for value in ends)


def _title(slot: str, keys: Iterable[str]) -> str:
    return variant_words(keys) if slot.startswith(INLINE) else f"__{slot}__"


def titles_of(state: State) -> Mapping[str, str]:
    """What a person calls each slot; a variant, whose slot is a number, by its values."""
    keys: dict[str, dict[str, None]] = {}
    for one in state.observations:
        keys.setdefault(one.slot, {})[one.key] = None
    return {slot: _title(slot, found) for slot, found in keys.items()}


def _with_values(state: State, context: str, view: SlotView, wildcards: Wildcards | None) -> SlotView:
    found = {value.key: value for value in slot_odds(state, context, view.name).values}
    record = state.record(context, view.name)
    author = _authors(view.name, found, record.options if record else 0, wildcards)
    moved = odds(state, context).multipliers
    total = sum(author.values()) or 1.0
    now_total = sum(share * moved.get(key, 1.0) for key, share in author.items()) or 1.0
    values = [
        _value(state, key, share / total, share * moved.get(key, 1.0) / now_total, found.get(key))
        for key, share in author.items()
    ]
    values.sort(key=lambda value: (-value.now, value.text))
    return replace(view, values=tuple(values[:_SHOWN]))


def _value(state: State, key: str, author: float, now: float, found: ValueOdds | None) -> ValueView:
    settings = state.settings
    multiplier = now / author if author else 0.0
    known = found is not None and found.n >= FEW
    return ValueView(
        key,
        value_of(key),
        author,
        now,
        multiplier,
        found.n if found else 0.0,
        probability(found.mean) if found and known else None,
        probability(found.low) if found else 0.0,
        probability(found.high) if found else 1.0,
        found.best if found and known else None,
        key in settings.pins,
        key in settings.off_values,
        found.why if found else "",
    )


def _authors(
    slot: str, known: Mapping[str, ValueOdds], options: int, wildcards: Wildcards | None
) -> Mapping[str, float]:
    """The weights as their author wrote them, by key; all alike where the wildcard is not here, or a variant."""
    if wildcards is not None and not slot.startswith(INLINE):
        try:
            values = wildcards.values(slot.replace("%23", "#"))
        except WildcardError:
            values = None
        if values is not None and len(values) <= 10 * _SHOWN:
            return {value_key(value.name, value.text): value.weight for value in values}
    return dict.fromkeys(known, 1.0)


# changes


def moves(before: Odds, after: Odds, titles: Mapping[str, str]) -> tuple[Move, ...]:
    """What is drawn otherwise. ``titles``: of slots."""
    one, other = before.multipliers, after.multipliers
    keys = dict.fromkeys([*one, *other])
    named = ((key, titles.get(slot_of(key), slot_of(key))) for key in keys)
    return tuple(Move(slot, value_of(key), one.get(key, 1.0), other.get(key, 1.0)) for key, slot in named)


def title_of(change: Change, titles: Mapping[str, str]) -> str:
    """A change in words. ``titles``: of slots."""
    value, slot = change.value, titles.get(change.slot, change.slot)
    name = value_of(change.key) or slot
    return {
        "switch": f"Switch learning {'on' if value else 'off'}",
        "mode": f"Learn in the mode {value}",
        "direction": _DIRECTIONS.get(str(value), "").format(slot),
        "pin": f"Pin {name} as it is now",
        "unpin": f"Let {name} move again",
        "off": f"Leave {name} out",
        "on": f"Use {name} again",
        "reset": f"Forget what was learned of {slot}" if change.slot else "Forget all that was learned",
        "undo": f"Go back to moment {value}",
        "import": "Take in what was learned elsewhere",
    }[change.what]


# over time


def over_time_of(state: State, context: str) -> OverTime:
    """Of all contexts, this one first; the plot and the pairs of this one."""
    seen, titles = list(state.observations), titles_of(state)
    effects = sorted(effects_of(seen), key=lambda one: one.context != context)
    trends = [replace(trend, name=titles.get(trend.name, trend.name)) for trend in slot_trends(seen, context)]
    found = pairs_of(seen, context)
    pairs = tuple(
        PairView(value_of(one.first), value_of(one.second), one.n, one.expected, one.seen, one.sure)
        for one in found.sure[:_PAIRS]
    )
    return OverTime(tuple(map(_effect, effects)), trend_svg(trends), pairs, found.looked)


def _effect(one: Effect) -> EffectView:
    judge = "your marks" if one.kind == "mark" else scorer_words(one.scorer)
    told = (one.before.value, one.before.n, one.after.value, one.after.n, one.lately.value)
    return EffectView(context_words(one.context), judge, *told, one.low, one.high)
