"""The tries of a Retry Until so far, as a graph hands them from one copy of the node to the next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from orchestrator_core.weights.retrying import Attempt, Seen, Tries

from .score_types import Scored

if TYPE_CHECKING:
    from orchestrator_core.vision.port import Fulfilment


@dataclass(frozen=True, slots=True)
class Best:
    """``image``: as a batch of one."""

    image: Any
    scored: Scored


@dataclass(frozen=True, slots=True)
class Tried:
    """``origin``: the node in the graph that was queued, whose copies make the further tries."""

    origin: str
    tries: Tries[Best] = field(default_factory=Tries)

    def adding(self, images: Any, scored: Scored, changes: Sequence[str]) -> Tried:
        """With one try more, whose best image is kept if it is better than those before."""
        number = scored.order[0]
        seen = _seen(scored.images[number].fulfilments)
        return replace(self, tries=self.tries.adding(scored.draft, seen, Best(images[[number]], scored), changes))

    @property
    def attempts(self) -> Sequence[Attempt]:
        return self.tries.attempts

    @property
    def best(self) -> Best:
        assert self.tries.shown is not None
        return self.tries.shown

    def ui(self, until: float, *, goes_on: bool) -> dict[str, Any]:
        """What the node shows. ``goes_on``: another try is made, which will show all of them."""
        tries = [
            {"number": n + 1, "value": one.value, "is_best": n == self.tries.best, "changes": list(one.changes)}
            for n, one in enumerate(self.attempts)
        ]
        reached = self.tries.reaches(until)
        return {"orchestrator_tries": [{"tries": tries, "until": until, "is_reached": reached, "goes_on": goes_on}]}


def _seen(row: Sequence[Fulfilment]) -> Iterator[Seen]:
    for each in row:
        if each.probability is not None and each.metric == "fulfilment":
            wanted = each.wanted
            yield Seen(wanted.component, wanted.key, wanted.text, each.probability, each.calibrated)
