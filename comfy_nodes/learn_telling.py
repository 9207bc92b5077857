"""What the ledger holds, as the page shows it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orchestrator_core.weights.happenings import Happening
from orchestrator_core.weights.learner import State
from orchestrator_core.weights.observation import INLINE, context_words, scorer_words, value_of, variant_words
from orchestrator_core.weights.odds import SlotOdds, ValueOdds, slot_odds
from orchestrator_core.weights.pairs import Pair, pairs_of
from orchestrator_core.weights.trends import Effect, effects_of

from .learn_view import EffectView, LearningView, PairView, SlotView, StepView, TimeView, ValueView

_PAIRS = 20


def view_of(state: State, history: Sequence[Happening]) -> LearningView:
    seen = list(state.observations)
    marked = {(one.run_id, one.image) for one in seen if one.kind == "mark" and one.weight}
    steps = [StepView(one.number, one.at_ms, one.words) for one in history if not one.undone and one.kind != "undo"]
    return LearningView(
        state.settings.mode if state.settings.on else "off",
        sum(one.kind == "score" for one in seen),
        len(marked),
        tuple(_slots(state)),
        tuple(steps),
    )


def _slots(state: State) -> Iterator[SlotView]:
    """Those of each context apart: the same word may work with one model and not with another."""
    contexts, settings = state.contexts(), state.settings
    for context in contexts:
        for slot in state.slots(context):
            found = slot_odds(state, context, slot)
            name = _name(found) + (f" ({context_words(context)})" if len(contexts) > 1 else "")
            values = tuple(_value(state, value) for value in found.values)
            moves = found.moves and settings.on
            is_on = slot not in settings.off_slots
            yield SlotView(slot, name, settings.direction(slot), is_on, moves, found.why, values)


def _name(found: SlotOdds) -> str:
    return variant_words(value.key for value in found.values) if found.slot.startswith(INLINE) else found.slot


def _value(state: State, value: ValueOdds) -> ValueView:
    settings = state.settings
    pinned = settings.pins.get(value.key)
    multiplier = value.multiplier if pinned is None else pinned
    off = value.key in settings.off_values
    return ValueView(value.key, value_of(value.key), multiplier, value.n, value.why, off, pinned)


def time_of(state: State) -> TimeView:
    """What learned odds have brought, and which values go together, in all contexts."""
    seen = list(state.observations)
    found = {context: pairs_of(seen, context) for context in state.contexts()}
    pairs = [_pair(context, pair) for context, pairs in found.items() for pair in pairs.sure]
    pairs.sort(key=lambda pair: -pair.sure)
    looked = sum(pairs.looked for pairs in found.values())
    return TimeView(tuple(map(_effect, effects_of(seen))), tuple(pairs[:_PAIRS]), looked)


def _effect(one: Effect) -> EffectView:
    told = (one.before.value, one.before.n, one.after.value, one.after.n)
    scorer = "" if one.kind == "mark" else scorer_words(one.scorer)
    return EffectView(context_words(one.context), scorer, *told, one.low, one.high)


def _pair(context: str, pair: Pair) -> PairView:
    names = value_of(pair.first), value_of(pair.second)
    return PairView(*names, context_words(context), pair.n, pair.expected, pair.seen, pair.sure)
