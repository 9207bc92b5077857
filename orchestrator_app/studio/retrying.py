"""Renders a run again until an image shows enough of its prompt: the tries of the command line and of the pages.

Each try is a run of its own, with its images, scores and origin. Of a story the best one alone is a scene.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from orchestrator_app.studio.rating import Rate
from orchestrator_core.base_models import BaseModel
from orchestrator_core.enhancing.caching import AnswerCache
from orchestrator_core.enhancing.rewording import Rewording
from orchestrator_core.errors import Cancelled, OrchestratorError
from orchestrator_core.llm.port import IsCancelled, LanguageModel, never
from orchestrator_core.prompt import PromptDraft
from orchestrator_core.run import Run, new_run_id
from orchestrator_core.weights.retrying import Options, Reword, Seen, Tries, seen_in, until_enough

Render = Callable[[Run, int], Run]  # with its images; the number is added to the seed. Raises OrchestratorError
RateOne = Callable[[Run], Run]  # with its scores; without, where it cannot be scored


@dataclass(frozen=True, slots=True)
class TriedRuns:
    """``best`` is one of ``runs``, which stand in the order of the tries."""

    best: Run
    runs: tuple[Run, ...]
    tries: Tries[Run]

    @property
    def others(self) -> tuple[Run, ...]:
        """All but the best one, as they are kept: none of them is a scene of a story."""
        return tuple(without_scene(run) for run in self.runs if run is not self.best)


@dataclass(frozen=True, slots=True)
class Retry:
    """What a person wants, and what scores a run and words the next."""

    options: Options
    rate: RateOne
    reword: Reword

    def __call__(self, run: Run, render: Render, is_cancelled: IsCancelled = never) -> TriedRuns:
        """Raises what the first rendering raises."""
        runs: list[Run] = []

        def look(draft: PromptDraft, step: int, number: int) -> tuple[Run, tuple[Seen, ...]]:
            new = run if number == 1 else run.replacing(id=new_run_id(), draft=draft)
            rendered = render(new, step)
            runs.append(rendered)
            runs[-1] = self.rate(rendered)
            return runs[-1], seen_in(runs[-1])

        tries = until_enough(run.draft, look, self.options, self.reword, is_cancelled)
        assert tries.shown is not None
        return TriedRuns(tries.shown, tuple(runs), tries)


@dataclass(frozen=True, slots=True)
class Retries:
    """What a page wants for all prompts of a job. ``model`` None: a table says things in other words."""

    options: Options
    rate: Rate
    model: LanguageModel | None = None
    answers: AnswerCache | None = None

    def of(self, checkpoint: BaseModel, is_cancelled: IsCancelled, note: Callable[[str], None]) -> Retry:
        """For one prompt and the model that renders it. ``note`` is told why images have no scores."""

        def rate(run: Run) -> Run:
            try:
                (rated,) = self.rate([without_scene(run)], is_cancelled)
            except Cancelled:
                return run
            except OrchestratorError as problem:
                note(str(problem))
                return run
            except Exception as problem:  # noqa: BLE001 - the images are there, whatever a scorer does
                note(f"This should not have happened ({type(problem).__name__}: {problem}).")
                return run
            return rated.replacing(draft=rated.draft.replacing(story=run.draft.story))

        return Retry(self.options, rate, Rewording(self.model, checkpoint, self.answers, is_cancelled))


def without_scene(run: Run) -> Run:
    return run.replacing(draft=run.draft.replacing(story=None)) if run.draft.story else run
