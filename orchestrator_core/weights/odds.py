"""Odds: multipliers of the odds that authors wrote, made of what was learned, each with its reasons.

A value's multiplier is ``(1 - floor) · n · P + floor`` for a slot of n values, where P is the chance that it is the
best one: 1 for all where nothing is known. They are given relative to that of a value that was never seen, so that no
list of a wildcard's values is needed here; where all were seen, they are as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from orchestrator_core.weights.learner import State
from orchestrator_core.weights.observation import slot_of
from orchestrator_core.weights.posterior import Belief, Spread, belief_of, chances, differs, interval, with_more
from orchestrator_core.weights.record import SlotRecord
from orchestrator_core.weights.regression import MOST, Regression
from orchestrator_core.weights.settings import Rules

FEW = 5.0  # images of a value: with fewer, nothing is said of it
_NOTHING = SlotRecord()


@dataclass(frozen=True, slots=True)
class ValueOdds:
    """``multiplier``: of the author's odds, beside a value that was never seen. ``mean``, ``low``, ``high``: of what it
    scored, in log-odds, with its 90 % interval. ``n``: scores of models; marks are not among them."""

    key: str
    multiplier: float
    n: float
    mean: float
    low: float
    high: float
    best: float  # the chance that it is the best of its slot
    why: str = ""


@dataclass(frozen=True, slots=True)
class SlotOdds:
    """``moves``: whether anything is other than written; ``why`` says why, or why not."""

    slot: str
    moves: bool
    why: str
    values: tuple[ValueOdds, ...] = ()


@dataclass(frozen=True, slots=True)
class Odds:
    """``number``: the moment of the ledger that they are of, 0 while learning is off."""

    number: int = 0
    multipliers: Mapping[str, float] = field(default_factory=dict)  # by key; 1 where there is none


def odds(state: State, context: str) -> Odds:
    """For prompts of this context."""
    if not state.settings.on:
        return Odds()
    found: dict[str, float] = {}
    for slot in state.slots(context):
        sources = _Sources.of(state, context, slot)
        if not sources.still:
            found |= {key: multiplier for key, multiplier in sources.weighed().items() if multiplier != 1}
    settings = state.settings
    found |= {key: pin for key, pin in settings.pins.items() if slot_of(key) not in settings.off_slots}
    found |= dict.fromkeys(settings.off_values, 0.0)
    return Odds(state.number, found)


def slot_odds(state: State, context: str, slot: str) -> SlotOdds:
    """What is known of each value of a slot, and what comes of it while learning is on."""
    sources = _Sources.of(state, context, slot)
    known, still = sources.known(), sources.still
    multipliers, best = sources.weighed(), sources.best(known)
    values = [known.value(key, 1.0 if still else multipliers.get(key, 1.0), best.get(key, 0.0)) for key in known.keys]
    values.sort(key=lambda value: (-value.multiplier, -value.best, value.key))
    why = still or _moves_because(state.settings.mode, sources.counted, bool(sources.marked))
    return SlotOdds(slot, not still, why + _left_out(len(state.left_out(context))), tuple(values))


@dataclass(frozen=True, slots=True)
class _Sources:
    """What speaks of a slot. ``counted``: models' scores as far as they move anything; ``still``: why nothing moves.

    ``seen``: by marks; ``marked``: the same, as far as they tell one value from another.
    """

    slot: str
    rules: Rules
    record: SlotRecord
    counted: SlotRecord
    whole: Regression | None
    seen: Mapping[str, Belief]
    marked: Mapping[str, Belief]
    still: str

    @classmethod
    def of(cls, state: State, context: str, slot: str) -> _Sources:
        record, whole = state.record(context, slot) or _NOTHING, state.whole(context)
        seen = whole.beliefs(slot) if whole is not None else {}
        marked = {} if whole is None or whole.alike else seen
        counted = record if state.settings.direction(slot) == "prefer" else _NOTHING
        still = _stands_still(state, context, slot, counted, whole if marked else None)
        return cls(slot, state.settings.rules, record, counted, whole, seen, marked, still)

    def known(self) -> _Known:
        return _Known.of(self.record, self.marked if self.record.values else self.seen, self.whole, self.slot)

    def weighed(self) -> Mapping[str, float]:
        """The multiplier of each value, by key, of what counts."""
        return _Known.of(self.counted, self.marked, self.whole, self.slot).multipliers(self.rules, self.options)[0]

    def best(self, known: _Known) -> Mapping[str, float]:
        """The chance of each value to be the best, by key: of all that is known, whether it moves anything or not."""
        return known.multipliers(self.rules, self.options)[1]

    @property
    def options(self) -> int:
        told = self.whole.options(self.slot) if self.whole is not None else 0
        return max(self.record.options, told, len(self.record.values.keys() | self.seen.keys()))


def _stands_still(state: State, context: str, slot: str, record: SlotRecord, whole: Regression | None) -> str:
    """Why nothing moves in a slot; "" where it does."""
    settings, rules = state.settings, state.settings.rules
    if slot in settings.off_slots:
        return "switched off for this slot"
    if not record.values and whole is None:
        told = state.whole(context)
        if told is not None and told.alike and told.beliefs(slot):
            return "all marks are alike, so they tell no value from another: mark what is worse, too"
        return "scores are only reported: it is not set to prefer what works"
    enough = max(record.seen, whole.rows if whole else 0)
    if enough < rules.least:
        return f"{enough} of the {rules.least} images that it takes"
    sure = max(differs(list(record.values.values())), whole.differs(slot) if whole else 0.0)
    if sure < rules.sure:
        return "its values do not differ by more than chance would have them"
    return ""


def _moves_because(mode: str, record: SlotRecord, marked: bool) -> str:
    told = [f"{record.seen} scores"] if record.seen else []
    told += ["people's marks"] if marked else []
    again = f", begun anew {record.changes} times as things changed" if record.changes else ""
    return f"{mode}: by {' and '.join(told)}{again}"


def _left_out(images: int) -> str:
    if not images:
        return ""
    told = f"{images:,} image{'s' * (images != 1)} left out"
    return f"; marks of {told}: with {'them' if images != 1 else 'it'} there would be more than {MOST:,} marked values"


@dataclass(frozen=True, slots=True)
class _Known:
    """Of the values of one slot: what models' scores and whole images say together."""

    keys: Sequence[str]
    beliefs: Sequence[Belief]
    spread: Spread
    record: SlotRecord

    @classmethod
    def of(cls, record: SlotRecord, marked: Mapping[str, Belief], whole: Regression | None, slot: str) -> _Known:
        keys = list(dict.fromkeys([*record.values, *marked]))
        if not record.values and whole is not None:
            width = whole.width(slot)
            return cls(keys, [marked[key] for key in keys], Spread(0.0, whole.variance, width, whole.rows), record)
        spread = record.spread
        width = whole.width(slot) if whole is not None else 1.0
        more = {key: _alone(belief, width) for key, belief in marked.items()}
        # Favourites alone say that a value is good, and neither how good nor how sure that is: see ``_shifted``.
        join = _shifted if whole is not None and whole.says_one_thing else with_more
        owns = [belief_of(record.values[key], spread) if key in record.values else _prior(spread) for key in keys]
        found = [join(own, more.get(key), spread) for key, own in zip(keys, owns, strict=True)]
        return cls(keys, found, spread, record)

    def multipliers(self, rules: Rules, options: int) -> tuple[Mapping[str, float], Mapping[str, float]]:
        """(the multiplier, the chance that it is the best) of each value, by key."""
        if not self.keys:
            return {}, {}
        each, other = chances(self.beliefs, options - len(self.keys), self.spread)
        unseen = self._factor(other, rules, options) if options > len(self.keys) else 1.0
        factors = {
            key: self._factor(chance, rules, options) / unseen for key, chance in zip(self.keys, each, strict=True)
        }
        return factors, dict(zip(self.keys, each, strict=True))

    def _factor(self, chance: float, rules: Rules, options: int) -> float:
        return min((1 - rules.floor) * options * chance + rules.floor, rules.cap)

    def value(self, key: str, multiplier: float, best: float) -> ValueOdds:
        belief = self.beliefs[self.keys.index(key)]
        tally = self.record.values.get(key)
        low, high = interval(belief)
        n = tally.n if tally else 0.0
        return ValueOdds(key, multiplier, n, belief.mean, low, high, best, self._why(key, multiplier))

    def _why(self, key: str, multiplier: float) -> str:
        """As "1.8×: shown in 14 of 16 images"."""
        tally = self.record.values.get(key)
        if tally is None or tally.n < 1:
            return f"{multiplier:.2g}×: by marks alone"
        few = ", which is too few to say much" if tally.n < FEW else ""
        return f"{multiplier:.2g}×: shown in {tally.good:.0f} of {tally.n:.0f} images{few}"


def _prior(spread: Spread) -> Belief:
    return Belief(spread.mean, spread.prior)


def _shifted(belief: Belief, more: Belief | None, spread: Spread) -> Belief:
    """Moved to where marks point that are all alike, and no less wide. A value that is known better is the best one
    more seldom where it is behind, and one that is far ahead would be drawn back: a favourite would make either rarer.
    """
    both = with_more(belief, more, spread)
    towards = max if more is not None and more.mean > 0 else min
    return Belief(towards(belief.mean, both.mean), belief.variance)


def _alone(belief: Belief, width: float) -> Belief | None:
    """What the images alone say, without the prior; None where they say nothing."""
    precision = 1 / belief.variance - 1 / width
    if precision < 1e-6:
        return None
    return Belief(belief.mean / belief.variance / precision, 1 / precision)
