"""Pairs: which values of two slots do better or worse together than each alone has one expect, and how sure that is.

Odds are learned slot by slot, so none come of this; it tells a person where that falls short. A value's own effect is
that of an additive model of both slots (fitted by least squares), taken from the images that have one value of the
pair and not the other. How sure a pair is comes from Chernoff's bound with the residuals' own distribution, since
scores are lumps near 0 and 1, and the normal one would call three odd images a miracle; and it is held against all
pairs that were looked at (Bonferroni), since among a hundred something always looks odd.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean

from orchestrator_core.weights.observation import Observation, probability
from orchestrator_core.weights.settings import LORA_STRENGTHS

SURE = 0.95
LEAST = 3  # images of a pair, and of each of its values without the other
_SLOTS = 12  # those with most images: pairs of more would keep a page waiting
_IMAGES = 5_000  # the last ones
_ROUNDS = 8  # of the fit
_NOTABLE = 2.5  # standard deviations: pairs below are not surely anything
_STEPS = 12  # of Newton's method; fewer would be less sure, not wrong
_STEEPEST = 50.0  # beyond, a bound does not move any more


@dataclass(frozen=True, slots=True)
class Pair:
    """``expected``, ``seen``: how far both are fulfilled, as a probability; ``sure``: that it is more than chance."""

    first: str  # keys
    second: str
    n: int
    expected: float
    seen: float
    sure: float


@dataclass(frozen=True, slots=True)
class Pairs:
    """``looked``: how many pairs had images enough; ``found``: the surest first."""

    looked: int
    found: tuple[Pair, ...] = ()

    @property
    def sure(self) -> tuple[Pair, ...]:
        return tuple(pair for pair in self.found if pair.sure >= SURE)


def pairs_of(observations: Iterable[Observation], context: str) -> Pairs:
    """All pairs of a context that have images enough; of two slots, by the scorer (or marks) that saw most of both."""
    slots = _slots([one for one in observations if one.context == context and one.weight])
    cells = [cell for first, second in combinations(sorted(slots), 2) for cell in _cells(slots[first], slots[second])]
    found = [_judged(cell, len(cells)) for cell in cells]
    return Pairs(len(cells), tuple(sorted(found, key=lambda pair: (-pair.sure, pair.first, pair.second))))


Sources = Mapping[str, Mapping[tuple[str, str], dict[str, float]]]  # by source and image


def _slots(seen: Sequence[Observation]) -> dict[str, Sources]:
    """Those with most images."""
    found: dict[str, dict[str, dict[tuple[str, str], dict[str, float]]]] = {}
    for one in seen:
        if not one.slot.startswith(LORA_STRENGTHS):  # a strength never goes with another LoRA than its own
            images = found.setdefault(one.slot, {}).setdefault(one.kind + one.scorer, {})
            images.setdefault((one.run_id, one.image), {})[one.key] = one.value
    most = sorted(found, key=lambda slot: (-sum(map(len, found[slot].values())), slot))
    return {slot: found[slot] for slot in most[:_SLOTS]}


@dataclass(slots=True)
class _Cell:
    """A pair of values: ``own`` are the scores of images with both, as they differ from what is expected; ``others``
    of those with one of them. ``weight``: how many free images the difference is worth."""

    first: str
    second: str
    expected: float
    weight: float
    own: Sequence[float]
    others: Sequence[float]


def _cells(one: Sources, other: Sources) -> Iterator[_Cell]:
    common = {name: [image for image in one[name] if image in other[name]] for name in one if name in other}
    if not common:
        return
    source = max(common, key=lambda name: len(common[name]))
    rows = [
        (first, second, (value + more) / 2)
        for image in common[source][-_IMAGES:]
        for first, value in one[source][image].items()
        for second, more in other[source][image].items()
    ]
    yield from _Table.of(rows).cells()


@dataclass(slots=True)
class _Table:
    """Scores of two slots, by value of each, and the additive model of them."""

    scores: dict[tuple[str, str], list[float]]
    mean: float
    effects: tuple[dict[str, float], dict[str, float]]

    @classmethod
    def of(cls, rows: Sequence[tuple[str, str, float]]) -> _Table:
        scores: dict[tuple[str, str], list[float]] = {}
        for first, second, value in rows:
            scores.setdefault((first, second), []).append(value)
        mean = fmean(value for *_, value in rows) if rows else 0.0
        made = cls(scores, mean, ({first: 0.0 for first, _ in scores}, {second: 0.0 for _, second in scores}))
        for _ in range(_ROUNDS):
            made._fit(0)
            made._fit(1)
        return made

    def _sums(self, side: int) -> dict[str, tuple[int, float]]:
        """(images, sum of what the other slot does not explain) of each value."""
        other = self.effects[1 - side]
        found: dict[str, tuple[int, float]] = {}
        for pair, values in self.scores.items():
            n, total = found.get(pair[side], (0, 0.0))
            left = sum(values) - len(values) * (self.mean + other[pair[1 - side]])
            found[pair[side]] = n + len(values), total + left
        return found

    def _fit(self, side: int) -> None:
        for name, (n, total) in self._sums(side).items():
            self.effects[side][name] = total / n

    def cells(self) -> Iterator[_Cell]:
        sums = self._sums(0), self._sums(1)
        for pair, values in self.scores.items():
            (n, first), (m, second) = (self._alone(side, pair, sums[side][pair[side]]) for side in (0, 1))
            if min(len(values), n, m) >= LEAST:
                expected = self.mean + first + second
                own = [value - expected for value in values]
                weight = 1 / (1 / len(values) + 1 / n + 1 / m)
                yield _Cell(*pair, expected, weight, own, self._others(pair, first, second))

    def _alone(self, side: int, pair: tuple[str, str], all_of_it: tuple[int, float]) -> tuple[int, float]:
        """(images, effect) of one value of a pair where the other is not."""
        values = self.scores[pair]
        n = all_of_it[0] - len(values)
        left = sum(values) - len(values) * (self.mean + self.effects[1 - side][pair[1 - side]])
        return n, (all_of_it[1] - left) / n if n else 0.0

    def _others(self, pair: tuple[str, str], first: float, second: float) -> list[float]:
        """What is left of the scores with one value of a pair, by what that one does where the other is not."""
        found: list[float] = []
        for (a, b), values in self.scores.items():
            if (a == pair[0]) != (b == pair[1]):
                model = first + self.effects[1][b] if a == pair[0] else self.effects[0][a] + second
                found.extend(value - self.mean - model for value in values)
        return found


def _judged(cell: _Cell, looked: int) -> Pair:
    gap = fmean(cell.own)
    pool = [*cell.own, *cell.others]
    spread = math.sqrt(fmean(value * value for value in pool))
    sure = 0.0
    if abs(gap) * math.sqrt(cell.weight) > _NOTABLE * spread:
        sure = max(0.0, 1 - 2 * looked * math.exp(-cell.weight * _rate(pool, gap)))
    expected, seen = probability(cell.expected), probability(cell.expected + gap)
    return Pair(cell.first, cell.second, len(cell.own), expected, seen, sure)


def _rate(pool: Sequence[float], gap: float) -> float:
    """Chernoff's exponent: how fast it becomes unlikely, image by image, that a mean of what is in ``pool`` is so far
    out. Of any tilt it is a bound; the best is looked for."""
    tilt, best = 0.0, 0.0
    for _ in range(_STEPS):
        most = max(tilt * value for value in pool)
        shares = [math.exp(tilt * value - most) for value in pool]
        whole = sum(shares)
        mean = sum(share * value for share, value in zip(shares, pool, strict=True)) / whole
        width = sum(share * (value - mean) ** 2 for share, value in zip(shares, pool, strict=True)) / whole
        best = max(best, tilt * gap - most - math.log(whole / len(pool)))
        if width < 1e-9 or abs(tilt) >= _STEEPEST:
            break
        tilt = max(-_STEEPEST, min(_STEEPEST, tilt + (gap - mean) / width))
    return best
