"""Trying again on the pages: each prompt is rendered until it shows enough; the best is shown and all are kept."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator_app.studio import job_html
from orchestrator_app.studio.environment import Settings
from orchestrator_app.studio.job import Job, Task
from orchestrator_app.studio.live import LiveEnvironment
from orchestrator_app.studio.rating import Rate
from orchestrator_app.studio.remembering import saver
from orchestrator_app.studio.retrying import Retries
from orchestrator_app.studio.scoring import Scores
from orchestrator_core.errors import Cancelled, ConfigError, ScorerError
from orchestrator_core.llm.port import IsCancelled
from orchestrator_core.memory.library import StoryLibrary
from orchestrator_core.pipeline import new_run
from orchestrator_core.prompt import Component, PromptDraft, StoryUse
from orchestrator_core.run import Run, Score
from orchestrator_core.stages import dispatch
from orchestrator_core.store import Store
from orchestrator_core.weights.retrying import Options
from tests.app.studio.studio_fakes import FAILS, FakeHost, environment, target

LONG = 10  # seconds that nothing here takes


class Rated:
    """Gives the run that is asked about the next value; what it was asked about is remembered."""

    def __init__(self, *values: float | Exception) -> None:
        self.values, self.asked = list(values), list[Run]()

    def __call__(self, runs: Sequence[Run], is_cancelled: IsCancelled) -> Sequence[Run]:
        (run,) = runs
        self.asked.append(run)
        value = self.values.pop(0)
        if isinstance(value, Exception):
            raise value
        score = Score(run.id, run.images[0].path.name, 0, "fulfilment", value, text="a fox")
        return [run.replacing(scores=(score,))]


def job(host: FakeHost, rated: Rated, kept: list[Run], tries: int = 3) -> Job:
    draft = PromptDraft((Component("a fox"),), seed=5, story=StoryUse("The letter", 1))
    task = Task(1, target("Forge", host), new_run().replacing(draft=draft), dispatch.Options())
    return Job([task], kept.append, retries=Retries(Options(tries=tries), rated)).start()


def finished(job: Job) -> str:
    for _ in job.watch(pause=0.01):
        pass
    return job.states[0].phase


def test_the_best_try_is_shown_and_all_are_kept_of_which_one_is_a_scene(tmp_path: Path):
    host, kept, rated = FakeHost(tmp_path), list[Run](), Rated(0.1, 0.6, 0.3)
    work = job(host, rated, kept)
    assert finished(work) == "done"
    assert [(one.positive, one.seed) for one in host.requests] == [("a fox", 5), ("(a fox:1.1)", 6), ("(a fox:1.1)", 7)]
    (state,) = work.states
    assert (state.run.draft.positive, state.run.scores[0].value) == ("(a fox:1.1)", 0.6)
    assert [run.draft.story is not None for run in kept] == [False, False, True]
    assert all(run.draft.story is None for run in rated.asked)  # whoever keeps scores would tell a scene of each
    assert len({image.path for run in kept for image in run.images}) == 3
    assert "try 2: 60%" in job_html.progress_html(work.states)


def test_a_scorer_that_fails_costs_no_image_and_says_why(tmp_path: Path):
    work = job(FakeHost(tmp_path), Rated(ScorerError("Its weights are corrupt.")), [])
    assert finished(work) == "done"
    assert (len(work.states[0].images), work.notes) == (1, ["Its weights are corrupt."])
    assert "not measured" in work.states[0].tries


def test_a_rendering_that_fails_later_costs_no_earlier_one(tmp_path: Path):
    work = job(FakeHost(tmp_path, {":1.1": FAILS}), Rated(0.1), [])
    assert finished(work) == "done"
    assert "try 2 failed: It ran out of memory." in work.states[0].tries


def test_an_interrupt_ends_the_tries_with_the_best_so_far(tmp_path: Path):
    host = FakeHost(tmp_path, hold=threading.Event())
    work = job(host, Rated(Cancelled()), [])
    assert host.began.wait(LONG)
    work.stopping = True
    host.hold.set()  # type: ignore[union-attr]
    assert finished(work) == "done"
    assert len(host.requests) == 1


class Scoring:
    """An ``ImageScoring`` that keeps what it scored as the real one does."""

    def __init__(self, rated: Rated, open_store: Callable[[], Store]) -> None:
        self.rated, self.keep = rated, Scores(open_store)

    def tested(self, settings: Settings) -> str:
        return ""

    def rate(self, settings: Settings) -> Rate:
        def rate(runs: Sequence[Run], is_cancelled: IsCancelled) -> Sequence[Run]:
            found = self.rated(runs, is_cancelled)
            self.keep(found, settings)
            return found

        return rate


def test_in_the_store_all_tries_are_runs_with_scores_and_the_best_one_is_the_scene(tmp_path: Path):
    def open_store() -> Store:
        return Store.open(tmp_path / "store.db")

    scoring = Scoring(Rated(0.1, 0.6, 0.3), open_store)
    live = LiveEnvironment(replace(environment(tmp_path), store=open_store, scoring=scoring))
    draft = PromptDraft((Component("a fox"),), seed=5, story=StoryUse("The letter", 1))
    task = Task(1, target("Forge", FakeHost(tmp_path)), new_run().replacing(draft=draft), dispatch.Options())
    work = Job([task], saver(live), retries=live.retries(Options(tries=3))).start()
    assert finished(work) == "done"
    assert work.notes == []
    with open_store() as store:
        kept = store.runs(9)
    assert sorted(run.scores[0].value for run in kept) == [0.1, 0.3, 0.6]
    (scene,) = StoryLibrary(open_store).open("The letter").scenes
    assert scene.images == work.states[0].run.images


def test_a_place_without_a_scorer_says_so_before_anything_is_rendered(tmp_path: Path):
    live = LiveEnvironment(environment(tmp_path))
    assert live.retries(None) is None
    with pytest.raises(ConfigError, match="nothing that looks at images"):
        live.retries(Options())
