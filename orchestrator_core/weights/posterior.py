"""What is known of the values of one slot, and how likely each of them is the best.

A slot's scores are taken as normal around each value's own mean (vision research: one pull of a combinatorial bandit
for an image, with feedback for each slot). Values that were seldom drawn are shrunk towards the slot's running mean,
which rises as better ones are found: what is new is tried, and not for ever. The spreads are taken from what was seen
of the slot, so that any scorer's scale will do.

The chance that a value is the best comes by numeric integration, not by draws, so that odds are a function of what was
seen and of nothing else. To draw a value by these chances is, by definition, Thompson sampling; the spread is tempered,
since with some hundred images and hundreds of values the full posterior explores for longer than anybody waits, and the
more so the more was seen: what is still unsure then is seldom worth another image.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

TEMPER, TEMPER_HALVED = 0.7, 300.0  # of the spread at first; the images after which half of that is left
PRIOR_SHARE = 1.4  # of the variance of all of a slot's scores: the variance of its values' means
LEAST_VARIANCE = 1e-6
NINE_IN_TEN = 1.6449  # standard deviations on both sides, within which nine of ten lie
_STEPS, _REACH = 41, 4.0  # that stand for a normal distribution, up to so many standard deviations on both sides
_NEAR = 4.0  # standard deviations: a value that much below the best one's lower end is not looked at


@dataclass(slots=True)
class Tally:
    """Sums of what was seen of one value; in any order they are the same."""

    n: float = 0.0
    total: float = 0.0
    squares: float = 0.0
    good: float = 0.0  # of ``n``, those that were more likely shown than not

    def add(self, value: float, weight: float) -> None:
        self.n += weight
        self.good += weight if value > 0 else 0.0
        self.total += weight * value
        self.squares += weight * value * value

    def scaled(self, factor: float) -> None:
        self.n, self.good = self.n * factor, self.good * factor
        self.total, self.squares = self.total * factor, self.squares * factor

    @property
    def mean(self) -> float:
        return self.total / self.n if self.n else 0.0

    @property
    def scatter(self) -> float:
        """The sum of squares around the mean."""
        return max(self.squares - self.total * self.mean, 0.0)


@dataclass(frozen=True, slots=True)
class Spread:
    """Of a whole slot: its mean, the variance of one value's scores, and of the values' means; ``n`` scores say so."""

    mean: float
    own: float
    prior: float
    n: float = 0.0

    @property
    def temper(self) -> float:
        return TEMPER / (1 + self.n / TEMPER_HALVED)


@dataclass(frozen=True, slots=True)
class Belief:
    """Of one value: the mean of its scores, and the variance of that mean."""

    mean: float
    variance: float


def belief_of(tally: Tally, spread: Spread) -> Belief:
    """Normal prior, normal likelihood."""
    precision = 1 / spread.prior + tally.n / spread.own
    return Belief((spread.mean / spread.prior + tally.total / spread.own) / precision, 1 / precision)


def with_more(belief: Belief, more: Belief | None, spread: Spread) -> Belief:
    """With what another source says of the same value: ``more`` counts from the slot's mean."""
    if more is None:
        return belief
    precision = 1 / belief.variance + 1 / more.variance
    mean = (belief.mean / belief.variance + (spread.mean + more.mean) / more.variance) / precision
    return Belief(mean, 1 / precision)


def chances(
    beliefs: Sequence[Belief], unseen: int, spread: Spread, temper: float | None = None
) -> tuple[list[float], float]:
    """(of each value, of each of the ``unseen`` ones): how likely it is the best. They add up to 1.

    ``temper``: None for what the number of scores makes it.
    """
    import numpy as np

    prior = Belief(spread.mean, spread.prior)
    known = [*beliefs, *([prior] if unseen else [])]
    times = np.array([1.0] * len(beliefs) + ([float(unseen)] if unseen else []))
    means = np.array([belief.mean for belief in known])
    spreads = (spread.temper if temper is None else temper) * np.sqrt(np.array([belief.variance for belief in known]))
    found = np.zeros(len(known))
    near = np.flatnonzero(means + _NEAR * spreads >= (means - 3 * spreads).max())
    found[near] = _best(means[near], spreads[near], times[near])
    total = float((found * times).sum()) or 1.0
    each = [float(value) / total for value in found]
    return (each[:-1], each[-1]) if unseen else (each, 0.0)


def _best(means: Numbers, spreads: Numbers, times: Numbers) -> Any:
    """Of each value, alone among ``times`` of its like: the chance that all others are below it."""
    import numpy as np

    if len(means) == 1:
        return np.ones(1)
    steps, shares = (np.array(each) for each in _steps())
    places = means[:, None] + spreads[:, None] * steps
    below = _normal((places[:, :, None] - means) / spreads)
    many = np.flatnonzero(times > 1)
    below[:, :, many] **= times[many]
    return below.prod(axis=2) @ shares


@cache
def _steps() -> tuple[tuple[float, ...], tuple[float, ...]]:
    """(places, shares): far tails too, since with thousands of draws what is seldom the best is tried as well. A share
    is over the chance to be below its place, which each value's own factor in the product of all brings in."""
    normal = NormalDist()
    places = tuple(_REACH * (2 * number / (_STEPS - 1) - 1) for number in range(_STEPS))
    whole = sum(map(normal.pdf, places))
    return places, tuple(normal.pdf(place) / whole / normal.cdf(place) for place in places)


def _normal(z: Any) -> Any:
    """The normal distribution function to 1.5e-7, by Abramowitz and Stegun 7.1.26; numpy has no erf."""
    import numpy as np

    distance = np.abs(z) / math.sqrt(2)
    t = 1 / (1 + 0.3275911 * distance)
    series = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t
    return 0.5 * (1 + np.sign(z) * (1 - series * np.exp(-distance * distance)))


def interval(belief: Belief) -> tuple[float, float]:
    """Within which the mean lies nine times in ten."""
    half = NINE_IN_TEN * math.sqrt(belief.variance)
    return belief.mean - half, belief.mean + half


def differs(tallies: Sequence[Tally]) -> float:
    """How sure it is that the values of a slot are not all alike: a z-score, by the F test of one-way analysis of
    variance with its degrees of freedom, brought to a normal by Wilson and Hilferty."""
    seen = [tally for tally in tallies if tally.n > 0]
    n = sum(tally.n for tally in seen)
    between, within = len(seen) - 1, n - len(seen)
    if between < 1 or within < 1:
        return 0.0
    mean = sum(tally.total for tally in seen) / n
    noise = sum(tally.squares - tally.total * tally.mean for tally in seen) / within
    if noise <= LEAST_VARIANCE / 100:
        return 0.0 if all(abs(tally.mean - mean) < 1e-9 for tally in seen) else 9.0
    ratio = sum(tally.n * (tally.mean - mean) ** 2 for tally in seen) / between / noise
    return _f_as_normal(ratio, between, within)


def _f_as_normal(ratio: float, above: float, below: float) -> float:
    root, a, b = math.pow(ratio, 1 / 3), 2 / (9 * above), 2 / (9 * below)
    return ((1 - b) * root - (1 - a)) / math.sqrt(a + b * root * root)
