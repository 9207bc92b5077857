"""Scores the images of runs with the scorer of the settings, and has the scores kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator_app.studio.rating import Rate
from orchestrator_app.studio.scorers import StudioScorers, score_options
from orchestrator_core.context import StageContext
from orchestrator_core.errors import ConfigError, ScorerError
from orchestrator_core.llm.port import IsCancelled
from orchestrator_core.run import Run

if TYPE_CHECKING:
    from orchestrator_app.studio.environment import Settings
    from orchestrator_core.loras.ranking import LoraSource
    from orchestrator_core.profiles.source import ProfileSource
    from orchestrator_core.store import Store
    from orchestrator_core.template import Wildcards

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
        if self._learn is not None and settings.score_learn:
            self._learn(runs)


class _Kept:
    """A ``RunLearner`` for the stage of a pipeline: its runs are kept, and learned from, as those of a page."""

    def __init__(self, keep: Keep, settings: Settings) -> None:
        self._keep, self._settings = keep, settings

    def learn(self, run: Run) -> int:
        self._keep([run], self._settings)
        return len(run.scores)


class RunScoring:
    """An ``ImageScoring``. ``keep`` puts scores where they are learned from; ``library``: the LoRAs, opened when some
    are named."""

    def __init__(
        self,
        scorers: StudioScorers,
        wildcards: Callable[[Settings], Wildcards],
        keep: Keep,
        turn: Turn = at_once,
        library: Callable[[Settings], LoraSource] | None = None,
        profiles: ProfileSource | None = None,
    ) -> None:
        self._scorers, self._wildcards, self._keep, self._turn = scorers, wildcards, keep, turn
        self._library, self._profiles = library, profiles

    def tested(self, settings: Settings) -> str:
        return self._scorers.tested(settings)

    def looking(self, settings: Settings) -> StageContext:
        return replace(self._context(settings), learner=_Kept(self._keep, settings))

    def turn(self, is_cancelled: IsCancelled) -> AbstractContextManager[None]:
        return self._turn(is_cancelled)

    def rate(self, settings: Settings) -> Rate:
        return lambda runs, is_cancelled: self.rated(runs, settings, is_cancelled)

    def rated(
        self, runs: Sequence[Run], settings: Settings, is_cancelled: IsCancelled, turn: Turn | None = None
    ) -> Sequence[Run]:
        """The runs with their scores. One that cannot be scored costs no other, and says why in its diagnostics.

        Raises what keeps all from being scored, or a score from being kept: OrchestratorError, Cancelled.
        """
        from orchestrator_core.stages.score_images import problems_of, scored

        context, options = self._context(settings), score_options(settings)
        with (turn or self._turn)(is_cancelled):
            found = [scored(run, context, options, is_cancelled) for run in runs]
        problems = [problem for run in found for problem in problems_of(run)]
        if problems and not any(run.scores for run in found):
            raise ScorerError(problems[0])
        self._keep([run for run in found if run.scores], settings)
        return found

    def _context(self, settings: Settings) -> StageContext:
        return StageContext(
            self._wildcards(settings),
            loras=self._loras(settings),
            profiles=self._profiles,
            scorer=self._scorers.get(settings),
            extras=self._scorers.extras(settings),
        )

    def _loras(self, settings: Settings) -> LoraSource | None:
        if self._library is None or not settings.score_references.strip():
            return None
        try:
            return self._library(settings)
        except ConfigError:  # no folder is set: the stage says that nothing has the name
            return None
