"""Jobs: a thread for each target, one task after another, and nothing that stops the others."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from orchestrator_app.studio import job_html
from orchestrator_app.studio.environment import StoppableGenerator, Target
from orchestrator_app.studio.job import Job, Task
from orchestrator_app.studio.jobs import Jobs
from orchestrator_core.errors import (
    Cancelled,
    ConfigError,
    GeneratorUnreachable,
    RenderFailed,
    ScorerError,
    StoreError,
)
from orchestrator_core.llm.port import IsCancelled
from orchestrator_core.pipeline import new_run
from orchestrator_core.prompt import Component, PromptDraft
from orchestrator_core.request import GeneratedImage, GenerationRequest, ImageNotes, OnProgress
from orchestrator_core.run import Run, Score
from orchestrator_core.stages import dispatch
from tests.app.studio.studio_fakes import FAILS, FakeHost, target

LONG = 10  # seconds that nothing here takes


def task(number: int, where: Target, text: str = "a fox") -> Task:
    draft = PromptDraft((Component(text),), seed=number)
    return Task(number, where, new_run().replacing(draft=draft), dispatch.Options(steps=8))


def tasks(where: Target, *texts: str) -> list[Task]:
    return [task(number, where, text) for number, text in enumerate(texts, 1)]


def finished(job: Job) -> list[str]:
    for _ in job.watch(pause=0.01):
        pass
    return [state.phase for state in job.states]


def test_prompts_are_rendered_in_their_order_and_kept(tmp_path: Path):
    host, kept = FakeHost(tmp_path), []
    job = Job(tasks(target("Forge", host), "a", "b", "c"), kept.append).start()
    assert finished(job) == ["done"] * 3
    assert [request.positive for request in host.requests] == ["a", "b", "c"]
    assert [request.steps for request in host.requests] == [8, 8, 8]
    assert kept == [state.run for state in job.states]
    assert all(len(state.images) == 1 and state.images[0].path.is_file() for state in job.states)


def test_who_watches_sees_steps_and_the_picture_so_far(tmp_path: Path):
    host = FakeHost(tmp_path, hold=threading.Event())
    job = Job(tasks(target("Forge", host), "a"), print).start()
    assert host.began.wait(LONG)
    (state,) = next(job.watch())
    assert state.phase == "running"
    assert state.progress is not None
    assert (state.progress.step, state.progress.steps, state.progress.preview) == (1, 2, b"\x89PNG")
    host.hold.set()
    assert finished(job) == ["done"]


def test_one_that_fails_does_not_stop_the_others(tmp_path: Path):
    host = FakeHost(tmp_path, {"bad": FAILS, "worse": ValueError("no such thing")})
    job = Job(tasks(target("Forge", host), "a", "bad", "worse", "b"), print).start()
    assert finished(job) == ["done", "failed", "failed", "done"]
    assert job.states[1].error == "It ran out of memory."
    assert job.states[2].error == "This should not have happened (ValueError: no such thing)."


def test_images_that_were_finished_before_a_failure_are_kept(tmp_path: Path):
    image = GeneratedImage(tmp_path / "1.png", GenerationRequest("bad"), "0001")
    kept: list[Run] = []
    host = FakeHost(tmp_path, {"bad": RenderFailed("in the middle", (image,))})
    assert finished(Job(tasks(target("Forge", host), "bad"), kept.append).start()) == ["failed"]
    assert kept[0].images == (image,)


def test_a_server_that_is_gone_is_asked_once_and_the_other_target_goes_on(tmp_path: Path):
    gone = FakeHost(tmp_path, {"a": GeneratorUnreachable("Nothing listens there.")})
    there = FakeHost(tmp_path)
    both = [target("ComfyUI", gone), target("Forge", there)]
    job = Job([task(number, both[number % 2], "a fox") for number in range(1, 7)], print).start()
    assert finished(job) == ["done", "failed"] * 3
    assert len(gone.requests) == 1
    assert job.states[5].error == "Nothing listens there."


def test_a_target_that_cannot_be_had_says_why_for_each_of_its_rows(tmp_path: Path):
    def generator() -> StoppableGenerator:
        raise ConfigError("That is no address.")

    def broken() -> StoppableGenerator:
        raise OSError("disk")

    where, other = target("ComfyUI", FakeHost(tmp_path)), target("Forge", FakeHost(tmp_path))
    where, other = Target("ComfyUI", generator, where.choices), Target("Forge", broken, other.choices)
    job = Job([task(1, where), task(2, where), task(3, other)], print).start()
    assert finished(job) == ["failed"] * 3
    assert job.states[1].error == "That is no address."
    assert "OSError: disk" in job.states[2].error


def test_two_targets_work_side_by_side(tmp_path: Path):
    both = threading.Event()
    one, other = FakeHost(tmp_path, hold=both), FakeHost(tmp_path, hold=both)
    job = Job([task(1, target("Forge", one)), task(2, target("ComfyUI", other))], print).start()
    assert one.began.wait(LONG)
    assert other.began.wait(LONG)
    both.set()
    assert finished(job) == ["done", "done"]


def test_an_interrupt_stops_what_runs_and_the_rest_is_not_begun(tmp_path: Path):
    host = FakeHost(tmp_path, hold=threading.Event())
    job = Job(tasks(target("Forge", host), "a", "b"), print).start()
    assert host.began.wait(LONG)
    job.stop()
    assert finished(job) == ["stopped", "stopped"]
    assert len(host.requests) == 1
    assert job.states[0].error == ""  # the person knows


class LateHost(FakeHost):
    """Its server takes a job only some time after it was asked to: a cancel before that finds nothing to cancel."""

    asked = False

    def cancel(self) -> None:
        if self.asked:
            super().cancel()

    def generate(
        self, request: GenerationRequest, notes: ImageNotes, on_progress: OnProgress
    ) -> tuple[GeneratedImage, ...]:
        self.late.set()
        assert self.go.wait(LONG)
        self.asked = True
        return super().generate(request, notes, on_progress)


def test_an_interrupt_that_comes_too_early_is_not_lost(tmp_path: Path):
    host = LateHost(tmp_path, hold=threading.Event())
    host.late, host.go = threading.Event(), threading.Event()
    job = Job(tasks(target("Forge", host), "a"), print).start()
    assert host.late.wait(LONG)
    job.stop()
    host.go.set()
    assert finished(job) == ["stopped"]


def test_a_store_that_cannot_be_written_costs_no_image(tmp_path: Path):
    def locked(run: Run) -> None:
        raise StoreError("The database is locked.")

    job = Job(tasks(target("Forge", FakeHost(tmp_path)), "a", "b"), locked).start()
    assert finished(job) == ["done", "done"]
    assert job.notes == ["Not remembered: The database is locked."]


def test_a_job_without_tasks_is_over_at_once():
    assert finished(Job([], print).start()) == []


def test_jobs_that_run_are_known_until_they_are_over(tmp_path: Path):
    host, jobs = FakeHost(tmp_path, hold=threading.Event()), Jobs()
    job = jobs.start(Job(tasks(target("Forge", host), "a"), print))
    assert jobs.running() == (job,)
    host.hold.set()
    finished(job)
    assert jobs.running() == ()


@pytest.mark.parametrize("number", [1, 9])
def test_a_state_is_found_by_its_number(tmp_path: Path, number: int):
    job = Job(tasks(target("Forge", FakeHost(tmp_path)), "a"), print)
    state = job.state(number)
    assert (state.task.number if state else None) == (1 if number == 1 else None)


def scored(run: Run) -> Run:
    return run.replacing(scores=tuple(Score(run.id, each.path.name, 0, "fulfilment", 0.5) for each in run.images))


def test_finished_runs_are_scored_and_the_job_is_over_when_all_are(tmp_path: Path):
    host, may = FakeHost(tmp_path), threading.Event()

    def rate(runs: Sequence[Run], is_cancelled: IsCancelled) -> list[Run]:
        assert may.wait(LONG)
        return [scored(run) for run in runs]

    job = Job(tasks(target("Forge", host), "a", "b"), print, rate=rate).start()
    while not all(state.phase == "done" for state in job.states):
        may.wait(0.01)
    assert not job.is_over
    assert "scoring" in job_html.progress_line(job.states)
    may.set()
    assert finished(job) == ["done", "done"]
    assert [len(state.run.scores) for state in job.states] == [1, 1]


def test_images_that_cannot_be_scored_are_there_all_the_same(tmp_path: Path):
    def rate(runs: Sequence[Run], is_cancelled: IsCancelled) -> list[Run]:
        raise ScorerError("Its weights are corrupt.")

    def broken(runs: Sequence[Run], is_cancelled: IsCancelled) -> list[Run]:
        raise ZeroDivisionError

    for problem, told in ((rate, "corrupt"), (broken, "ZeroDivisionError")):
        job = Job(tasks(target("Forge", FakeHost(tmp_path)), "a"), print, rate=problem).start()
        assert finished(job) == ["done"]
        assert len(job.states[0].images) == 1
        assert told in job.notes[0]


def test_an_interrupt_ends_the_scoring_too(tmp_path: Path):
    began = threading.Event()

    def rate(runs: Sequence[Run], is_cancelled: IsCancelled) -> list[Run]:
        began.set()
        while not is_cancelled():
            began.wait(0.01)
        raise Cancelled

    job = Job(tasks(target("Forge", FakeHost(tmp_path)), "a"), print, rate=rate).start()
    assert began.wait(LONG)
    job.stop()
    assert finished(job) == ["done"]
    assert job.states[0].run.scores == ()
