"""What scorers said of a test's images, from the store: by the metric that most of them have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from statistics import fmean
from typing import TYPE_CHECKING

from orchestrator_core.errors import StoreError
from orchestrator_core.run import COMPARED, Run, Score

if TYPE_CHECKING:
    from orchestrator_core.store import Store

_MEAN = "fulfilment"  # goes before another metric that as many have


@dataclass(frozen=True, slots=True)
class Scores:
    """``values`` by run id; each test image is a run of its own."""

    metric: str = ""
    values: Mapping[str, float] = field(default_factory=dict)


def scores_of(run_ids: Iterable[str], open_store: Callable[[], Store] | None = None) -> Scores:
    """Of whole images only. Where there is no store, or it cannot be read, there are none."""
    found: dict[str, list[Score]] = {}
    with suppress(StoreError), (open_store or _opened)() as store:
        for run_id in filter(None, run_ids):
            with suppress(StoreError):  # a run that was deleted
                found[run_id] = _whole(store.load_run(run_id))
    metrics = Counter(metric for scores in found.values() for metric in {score.metric for score in scores})
    if not metrics:
        return Scores()
    metric = min(metrics, key=lambda name: (-metrics[name], name != _MEAN, name))
    chosen = {run_id: [s.value for s in scores if s.metric == metric] for run_id, scores in found.items()}
    return Scores(metric, {run_id: fmean(values) for run_id, values in chosen.items() if values})


def _whole(run: Run) -> list[Score]:
    return [score for score in run.scores if score.component is None and not score.metric.startswith(COMPARED)]


def _opened() -> Store:
    from orchestrator_core.store import Store

    return Store.open(create=False)
