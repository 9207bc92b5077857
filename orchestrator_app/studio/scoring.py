"""Scores the images of runs with the scorer of the settings, and has the scores kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from orchestrator_app.studio.rating import Rate
from orchestrator_core.errors import OrchestratorError, ScorerError
from orchestrator_core.llm.port import IsCancelled
from orchestrator_core.run import Run

if TYPE_CHECKING:
    from orchestrator_app.studio.environment import Settings
    from orchestrator_app.studio.scorers import StudioScorers
    from orchestrator_core.store import Store
    from orchestrator_core.template import Wildcards
    from orchestrator_core.vision.port import Scorer

# In it a model of this process may work: a host renders nothing meanwhile. Raises Cancelled.
Turn = Callable[[IsCancelled], AbstractContextManager[None]]
Keep = Callable[[Sequence[Run], "Settings"], None]  # of runs that were scored; raises OrchestratorError


def at_once(is_cancelled: IsCancelled) -> AbstractContextManager[None]:
    """A turn where there is no host to wait for."""
    return nullcontext()


class Scores:
    """A ``Keep``: in the store, with their runs, where a person wants those remembered; and ``learn`` takes them in."""

    def __init__(self, open_store: Callable[[], Store], learn: Callable[[Sequence[Run]], None] | None = None) -> None:
        self._open_store, self._learn = open_store, learn

    def __call__(self, runs: Sequence[Run], settings: Settings) -> None:
        """Raises StoreError."""
        kept = [run for run in runs if settings.remember_runs or run.draft.story is not None]
        if kept:
            with self._open_store() as store:
                store.save_runs(kept)
        if self._learn is not None:
            self._learn(runs)


class RunScoring:
    """An ``ImageScoring``. ``keep`` puts scores where they are learned from."""

    def __init__(
        self,
        scorers: StudioScorers,
        wildcards: Callable[[Settings], Wildcards],
        keep: Keep,
        turn: Turn = at_once,
    ) -> None:
        self._scorers, self._wildcards, self._keep, self._turn = scorers, wildcards, keep, turn

    def tested(self, settings: Settings) -> str:
        return self._scorers.tested(settings)

    def rate(self, settings: Settings) -> Rate:
        return lambda runs, is_cancelled: self.rated(runs, settings, is_cancelled)

    def rated(
        self, runs: Sequence[Run], settings: Settings, is_cancelled: IsCancelled, turn: Turn | None = None
    ) -> Sequence[Run]:
        """The runs with their scores. One that cannot be scored costs no other.

        Raises what keeps all from being scored, or a score from being kept: OrchestratorError, Cancelled.
        """
        scorer, wildcards = self._scorers.get(settings), self._wildcards(settings)
        problems: list[OrchestratorError] = []
        with (turn or self._turn)(is_cancelled):
            found = [_scored(run, scorer, wildcards, is_cancelled, problems) for run in runs]
        if problems and not any(run.scores for run in found):
            raise problems[0]
        self._keep([run for run in found if run.scores], settings)
        return found


def _scored(
    run: Run, scorer: Scorer, wildcards: Wildcards, is_cancelled: IsCancelled, problems: list[OrchestratorError]
) -> Run:
    from orchestrator_core.stages.score_images import score

    try:
        found = score(run.images, run.draft, scorer, wildcards, is_cancelled)
    except ScorerError as problem:
        problems.append(problem)
        return run
    problems += map(ScorerError, found.problems)
    return run.replacing(scores=(*run.scores, *found.scores))
