"""SlotRecord: what was seen of one slot in one context by one scorer, kept up to date image by image.

Things change: another LoRA, another version of a checkpoint. When what is seen stays away from what was believed for
longer than chance would have it (a two-sided CUSUM of the standardised surprises, Page 1954), most of what was seen
before is forgotten at once, instead of a little with every image, which would cost as much where nothing changes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from orchestrator_core.weights.posterior import Spread, Tally, belief_of, spread_of

SLACK, ALARM = 0.5, 9.0  # in standard deviations: a shift of one is wanted; a false alarm once in some thousand images
_MOST_SURPRISE = 4.0
KEPT = 0.1  # of what was seen before a change
_WARM = 30  # observations before which nothing can be called a change


@dataclass(slots=True)
class SlotRecord:
    values: dict[str, Tally] = field(default_factory=dict)  # by key
    options: int = 0  # how many values there are, as the last draw knew
    seen: int = 0
    changes: int = 0
    _all: Tally = field(default_factory=Tally)
    _above: float = 0.0
    _below: float = 0.0

    @property
    def spread(self) -> Spread:
        return spread_of([self._all])

    def add(self, key: str, value: float, weight: float, options: int) -> None:
        tally = self.values.get(key) or self.values.setdefault(key, Tally())
        if self.seen >= _WARM:
            self._look(tally, value)
        tally.add(value, weight)
        self._all.add(value, weight)
        self.seen += 1
        self.options = max(options or self.options, len(self.values))

    def _look(self, tally: Tally, value: float) -> None:
        spread = self.spread
        belief = belief_of(tally, spread)
        surprise = (value - belief.mean) / math.sqrt(belief.variance + spread.own)
        surprise = max(-_MOST_SURPRISE, min(_MOST_SURPRISE, surprise))
        self._above = max(0.0, self._above + surprise - SLACK)
        self._below = max(0.0, self._below - surprise - SLACK)
        if max(self._above, self._below) > ALARM:
            self._forget()

    def _forget(self) -> None:
        for tally in self.values.values():
            tally.scaled(KEPT)
        self._all.scaled(KEPT)
        self._above = self._below = 0.0
        self.changes += 1
