"""What was learned, from the ledger, as the page Learn shows it; and what a change of it would move."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from orchestrator_app.studio.learn_desk import Change, Learned
from orchestrator_app.studio.learn_html import Move, SlotView, ValueView
from orchestrator_core.errors import WildcardError
from orchestrator_core.template.values import value_key
from orchestrator_core.weights.learner import State
from orchestrator_core.weights.observation import context_words, probability, slot_of, value_of
from orchestrator_core.weights.odds import FEW, Odds, SlotOdds, ValueOdds, odds, slot_odds

if TYPE_CHECKING:
    from orchestrator_core.template import Wildcards

_INLINE = "inline:"
_SHOWN = 200  # values of a slot
_NAMED = 4  # values of a variant that its title names


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
    title = f"__{found.slot}__"
    if found.slot.startswith(_INLINE):
        texts = sorted(value_of(value.key) for value in found.values)
        title = "{" + "|".join([*texts[:_NAMED], *(["…"] if texts[_NAMED:] else [])]) + "}"
    images = {(one.run_id, one.image) for one in state.observations if one.slot == found.slot}
    direction = state.settings.direction(found.slot)
    return SlotView(found.slot, title, direction, found.moves and state.settings.on, len(images), found.why)


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
    return SlotView(view.name, view.title, view.direction, view.is_on, view.n, view.why, tuple(values[:_SHOWN]))


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
    if wildcards is not None and not slot.startswith(_INLINE):
        try:
            values = wildcards.values(slot.replace("%23", "#"))
        except WildcardError:
            values = None
        if values is not None and len(values) <= 10 * _SHOWN:
            return {value_key(value.name, value.text): value.weight for value in values}
    return dict.fromkeys(known, 1.0)


# changes


def moves(before: Odds, after: Odds) -> tuple[Move, ...]:
    """What is drawn otherwise."""
    one, other = before.multipliers, after.multipliers
    keys = dict.fromkeys([*one, *other])
    return tuple(Move(slot_of(key), value_of(key), one.get(key, 1.0), other.get(key, 1.0)) for key in keys)


def title_of(change: Change) -> str:
    """A change in words."""
    value, name = change.value, value_of(change.key) or change.slot
    return {
        "switch": f"Switch learning {'on' if value else 'off'}",
        "mode": f"Learn in the mode {value}",
        "direction": f"Have {change.slot} {'prefer what works' if value == 'prefer' else 'report alone'}",
        "pin": f"Pin {name} as it is now",
        "unpin": f"Let {name} move again",
        "off": f"Leave {name} out",
        "on": f"Use {name} again",
        "reset": f"Forget what was learned of {change.slot}" if change.slot else "Forget all that was learned",
        "undo": f"Go back to moment {value}",
        "import": "Take in what was learned elsewhere",
    }[change.what]
