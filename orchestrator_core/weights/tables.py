"""What was learned as tables (CSV) for a spreadsheet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from orchestrator_core.formats.csv_table import csv_table
from orchestrator_core.weights.learner import State
from orchestrator_core.weights.observation import Observation, probability, slot_of, value_of
from orchestrator_core.weights.odds import slot_odds
from orchestrator_core.weights.pairs import pairs_of
from orchestrator_core.weights.trends import Effect, effects_of, slot_trends


def as_csv(observations: Iterable[Observation]) -> str:
    """A line for each."""
    rows = (
        (*(one.run_id, one.image, one.context, one.slot, value_of(one.key)), one.value, one.kind, one.scorer,
         one.weight, one.steered)
        for one in observations
    )  # fmt: skip
    names = ("run", "image", "context", "slot", "value", "log_odds", "kind", "scorer", "weight", "by_learned_odds")
    return csv_table(names, rows)


def scores_csv(state: State) -> str:
    return as_csv(state.observations)


def values_csv(state: State) -> str:
    """A line for each value: its odds, and how far it was fulfilled, with the interval that holds it nine times in
    ten."""
    rows = (
        (context, slot, value_of(one.key), one.multiplier, one.n, *map(probability, (one.mean, one.low, one.high)),
         one.best, found.moves and state.settings.on, found.why)
        for context in state.contexts()
        for slot in state.slots(context)
        for found in (slot_odds(state, context, slot),)
        for one in found.values
    )  # fmt: skip
    names = ("context", "slot", "value", "odds_times", "images", "fulfilled", "low", "high", "chance_to_be_best")
    return csv_table((*names, "moves", "why"), rows)


def pairs_csv(state: State) -> str:
    """A line for each pair of values that has images enough; ``sure`` is held against all pairs of the context."""
    rows = (
        (context, slot_of(pair.first), value_of(pair.first), slot_of(pair.second), value_of(pair.second), pair.n,
         pair.expected, pair.seen, pair.sure)
        for context in state.contexts()
        for pair in pairs_of(state.observations, context).found
    )  # fmt: skip
    names = ("context", "slot", "value", "with_slot", "with_value", "images", "expected", "seen", "sure")
    return csv_table(names, rows)


def effect_csv(state: State) -> str:
    """A line for each context and scorer: before, and by learned odds."""
    rows = map(_effect, effects_of(state.observations))
    names = ("images_before", "fulfilled_before", "images_after", "fulfilled_after", "fulfilled_lately", "low", "high")
    return csv_table(("context", "scorer", "kind", *names), rows)


def _effect(one: Effect) -> tuple[Any, ...]:
    after = (one.after.n, *((one.after.value, one.lately.value) if one.after.n else ("", "")))
    between = ("", "") if one.low is None or one.high is None else (one.low, one.high)
    before = (one.before.n, one.before.value if one.before.n else "")
    return (one.context, one.scorer, one.kind, *before, *after, *between)


def trends_csv(state: State) -> str:
    """A line for each slot and image: how far it was fulfilled, smoothed."""
    rows = (
        (context, trend.name, number, value)
        for context in state.contexts()
        for trend in slot_trends(state.observations, context)
        for number, value in trend.points
    )
    return csv_table(("context", "slot", "image", "fulfilled"), rows)


TABLES: Mapping[str, Callable[[State], str]] = {
    "scores": scores_csv,
    "values": values_csv,
    "pairs": pairs_csv,
    "effect": effect_csv,
    "trends": trends_csv,
}
