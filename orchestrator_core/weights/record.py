"""SlotRecord: what was seen of one slot in one context by one scorer, kept up to date image by image.

Things change: another LoRA, another version of a checkpoint. When what is seen stays away from what was believed for
longer than chance would have it (CUSUMs of the standardised surprises, Page 1954: upwards, downwards, and of their
squares, as where some values get better and others worse), most of what was seen before is forgotten at once, instead
of a little with every image, which would cost as much where nothing changes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from orchestrator_core.weights.posterior import LEAST_VARIANCE, PRIOR_SHARE, Spread, Tally, belief_of

SLACK, ALARM = 0.5, 12.0  # in standard deviations: a shift of one is wanted; a false alarm once in some thousand images
_MOST_SURPRISE = 4.0
WILD_SLACK, WILD_ALARM = 2.0, 25.0  # of squares, which are 1 in the mean
KEPT = 0.1  # of what was seen before a change
_GUESS = 4.0  # scores' worth of the first guess of the noise
_WARM = 30  # observations before which nothing can be called a change


@dataclass(slots=True)
class SlotRecord:
    values: dict[str, Tally] = field(default_factory=dict)  # by key
    options: int = 0  # how many values there are, as the last draw knew
    seen: int = 0
    changes: int = 0
    _all: Tally = field(default_factory=Tally)
    _within: float = 0.0  # the sum of squares around each value's own mean
    _above: float = 0.0
    _below: float = 0.0
    _wild: float = 0.0

    @property
    def spread(self) -> Spread:
        n = self._all.n
        if not n:
            return Spread(0.0, 1.0, 1.0)
        variance = max(self._all.scatter / n, LEAST_VARIANCE)
        return Spread(self._all.mean, max(self.noise, LEAST_VARIANCE), PRIOR_SHARE * variance, n)

    def add(self, key: str, value: float, weight: float, options: int) -> None:
        tally = self.values.get(key) or self.values.setdefault(key, Tally())
        if self.seen >= _WARM:
            self._look(tally, value)
        self._within -= tally.scatter
        tally.add(value, weight)
        self._within += tally.scatter
        self._all.add(value, weight)
        self.seen += 1
        self.options = max(options or self.options, len(self.values))

    def _look(self, tally: Tally, value: float) -> None:
        belief = belief_of(tally, self.spread)
        surprise = (value - belief.mean) / math.sqrt(belief.variance + self.noise)
        surprise = max(-_MOST_SURPRISE, min(_MOST_SURPRISE, surprise))
        self._above = max(0.0, self._above + surprise - SLACK)
        self._below = max(0.0, self._below - surprise - SLACK)
        self._wild = max(0.0, self._wild + surprise * surprise - WILD_SLACK)
        if max(self._above, self._below) > ALARM or self._wild > WILD_ALARM:
            self._forget()

    @property
    def noise(self) -> float:
        """The variance of one value's scores, from those that were seen more than once; at first, all scores' own."""
        more = max(self._all.n - len(self.values), 0.0)
        return (self._within + _GUESS * self._all.scatter / max(self._all.n, 1.0)) / (more + _GUESS)

    def _forget(self) -> None:
        for tally in self.values.values():
            tally.scaled(KEPT)
        self._all.scaled(KEPT)
        self._within *= KEPT
        self._above = self._below = self._wild = 0.0
        self.changes += 1
