"""Workers: jobs that end well, fail, are stopped, put back, taken over; one job at a time on a graphics card."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from orchestrator_core.context import StageContext
from orchestrator_core.errors import GeneratorUnreachable, HostRestarted, HttpError, RenderFailed
from orchestrator_core.jobs.claiming import MOST_PASSED, Taking, take_next
from orchestrator_core.jobs.model import Job
from orchestrator_core.jobs.queue import Queue
from orchestrator_core.request import GeneratedImage, GenerationRequest, ImageNotes, OnProgress, Progress
from orchestrator_core.store import Store
from tests.core.jobs.at_work import (
    DRAW,
    QUICK,
    Gate,
    eventually,
    kinds,
    lane,
    new_job,
    rendering_with,
    run_all,
    waiting,
    working,
)
from tests.fakes import FakeGenerator

SELECT = {"id": "loras", "type": "selectLoras"}


@pytest.fixture
def queue(sqlite_store: Store) -> Queue:
    return Queue(sqlite_store)


def test_a_job_ends_with_its_run_stored_and_each_stage_kept(queue: Queue, tmp_path: Path) -> None:
    queue.add(new_job())
    run_all(queue.store, tmp_path)
    job = queue.job(1)
    assert (job.state, job.attempt, job.owner, job.error) == ("done", 1, "", "")
    run = queue.store.load_run(job.run_id)
    assert run.draft.positive in ("a fox", "a owl")
    assert len(run.images) == 1
    drawn, rendered = queue.steps(1)
    assert (drawn.stage, drawn.outcome, rendered.stage, rendered.outcome) == ("draw", "done", "render", "done")
    assert rendered.run is not None
    assert [image["run_id"] for image in rendered.run["images"]] == [job.run_id]
    assert kinds(queue, 1) == ["added", "begun", "done"]


def test_a_job_that_fails_says_why_and_the_next_goes_on(queue: Queue, tmp_path: Path) -> None:
    queue.add_all([new_job(), new_job()])
    generator = FakeGenerator(tmp_path)
    generator.enqueue(RenderFailed("ComfyUI failed in node 3: no such model."))
    run_all(queue.store, tmp_path, lane(generator))
    assert (queue.job(1).state, queue.job(1).error) == ("failed", "ComfyUI failed in node 3: no such model.")
    assert queue.job(2).state == "done"
    assert [attempt.state for attempt in queue.attempts(1)] == ["failed"]


def test_an_error_that_should_not_be_keeps_its_traceback(queue: Queue, tmp_path: Path) -> None:
    queue.add(new_job())
    generator = FakeGenerator(tmp_path)
    generator.enqueue(ZeroDivisionError("by zero"))
    run_all(queue.store, tmp_path, lane(generator))
    job = queue.job(1)
    assert "Stage render failed in a way that it should not: ZeroDivisionError: by zero" in job.error
    assert "Traceback" in job.detail


def test_a_place_that_cannot_be_opened_fails_the_job_and_not_its_lane(queue: Queue, tmp_path: Path) -> None:
    good = lane(FakeGenerator(tmp_path))

    def opened(job: Job) -> AbstractContextManager[StageContext]:
        if job.number == 1:
            raise ZeroDivisionError("by zero")
        return good.open(job)

    queue.add_all([new_job(), new_job()])
    run_all(queue.store, tmp_path, replace(good, open=opened))
    assert (queue.job(1).state, queue.job(2).state) == ("failed", "done")
    assert queue.job(1).error == "ZeroDivisionError: by zero"


def test_a_stage_without_its_place_fails_the_job_alone(queue: Queue, tmp_path: Path) -> None:
    queue.add_all([new_job(DRAW, SELECT), new_job()])
    run_all(queue.store, tmp_path)
    assert (queue.job(1).state, queue.job(2).state) == ("failed", "done")
    assert "library" in queue.job(1).error


def test_a_retried_job_goes_on_after_the_last_stage_that_it_finished(queue: Queue, tmp_path: Path) -> None:
    queue.add(new_job())
    generator = FakeGenerator(tmp_path)
    generator.enqueue(RenderFailed("no"))
    run_all(queue.store, tmp_path, lane(generator))
    queue.retry(1)
    run_all(queue.store, tmp_path, lane(generator))
    assert (queue.job(1).state, queue.job(1).attempt) == ("done", 2)
    assert [step.state for step in queue.steps(1)] == ["kept", "done"]
    assert [attempt.state for attempt in queue.attempts(1)] == ["failed", "done"]


@pytest.mark.parametrize("error", [RenderFailed("CUDA out of memory. Tried to allocate 2 GiB"), MemoryError()])
def test_a_job_that_lacks_memory_is_held(queue: Queue, tmp_path: Path, error: Exception) -> None:
    queue.add_all([new_job(), new_job()])
    generator = FakeGenerator(tmp_path)
    generator.enqueue(error)
    run_all(queue.store, tmp_path, lane(generator))
    assert (queue.job(1).state, queue.job(1).reason, queue.job(2).state) == ("held", "memory", "done")


def test_a_host_that_is_away_costs_a_job_nothing_but_time(queue: Queue, tmp_path: Path) -> None:
    queue.add_all([new_job(), new_job()])
    generator = FakeGenerator(tmp_path)
    generator.enqueue(GeneratorUnreachable("No ComfyUI answers."))
    asked: list[int] = []

    def reach() -> None:
        asked.append(1)

    run_all(queue.store, tmp_path, replace(lane(generator), reach=reach))
    assert [queue.job(number).state for number in (1, 2)] == ["done", "done"]
    assert asked == [1]
    assert [request[1].run_id for request in generator.history][0::1][1] == queue.job(1).run_id  # its old place
    assert kinds(queue, 1) == ["added", "begun", "waiting", "begun", "done"]


class DiesAtWork:
    """A host that ends in the middle of a rendering, so many times."""

    def __init__(self, times: int, error: Exception) -> None:
        self.times, self.error = times, error

    def generate(
        self, request: GenerationRequest, notes: ImageNotes, on_progress: OnProgress
    ) -> tuple[GeneratedImage, ...]:
        on_progress(Progress("sampler", 3, 20))
        self.times -= 1
        if self.times >= 0:
            raise self.error
        return (GeneratedImage(Path("done.png"), request, notes.run_id),)


@pytest.mark.parametrize("error", [HostRestarted("It was restarted."), GeneratorUnreachable("No answer.")])
def test_a_rendering_whose_host_ended_is_a_second_attempt(queue: Queue, tmp_path: Path, error: Exception) -> None:
    queue.add(new_job())
    run_all(queue.store, tmp_path, replace(lane(DiesAtWork(1, error)), reach=lambda: None))
    assert (queue.job(1).state, queue.job(1).crashes) == ("done", 1)
    assert [attempt.repeats for attempt in queue.attempts(1)] == ["", "render"]


def test_a_job_that_ends_its_host_twice_is_held(queue: Queue, tmp_path: Path) -> None:
    queue.add(new_job())
    run_all(queue.store, tmp_path, replace(lane(DiesAtWork(2, HostRestarted("Restarted."))), reach=lambda: None))
    assert (queue.job(1).state, queue.job(1).reason) == ("held", "crashed")
    assert "ended 2 times while this job ran: Restarted." in queue.job(1).error
    queue.retry(1)
    assert queue.job(1).crashes == 0


def test_a_running_job_is_cancelled_at_its_host_too(queue: Queue, tmp_path: Path) -> None:
    gate = Gate()
    queue.add(new_job())
    with working(queue.store, tmp_path, lane(gate)):
        assert gate.began.wait(30)
        queue.cancel(1)
        eventually(lambda: queue.job(1).state == "cancelled")
    assert gate.cancelled.is_set()
    assert kinds(queue, 1) == ["added", "begun", "cancelled", "cancelled"]


class CannotBeStopped(Gate):
    """A host that says no when its job is to be stopped."""

    def cancel(self) -> None:
        self.cancelled.set()
        raise HttpError("Bad gateway.", 502)


def test_a_host_that_refuses_to_stop_ends_no_worker(queue: Queue, tmp_path: Path) -> None:
    gate = CannotBeStopped()
    queue.add_all([new_job(), new_job()])
    queue.hold(2)
    with working(queue.store, tmp_path, lane(gate)) as worker:
        assert gate.began.wait(30)
        queue.cancel(1)
        eventually(lambda: queue.job(1).state == "cancelled")
        assert worker.failure is None


def test_a_worker_that_ends_puts_its_job_back_where_it_was(queue: Queue, tmp_path: Path) -> None:
    gate = Gate()
    queue.add_all([new_job(), new_job()])
    with working(queue.store, tmp_path, lane(gate)):
        assert gate.began.wait(30)
    assert waiting(queue) == [1, 2]
    assert queue.job(1).crashes == 0
    assert queue.workers() == []
    run_all(queue.store, tmp_path)
    assert [step.state for step in queue.steps(1)] == ["kept", "done"]


def test_nothing_begins_while_the_queue_is_paused(queue: Queue, tmp_path: Path) -> None:
    queue.pause()
    queue.add(new_job())
    with working(queue.store, tmp_path):
        taken = threading.Event()
        assert not taken.wait(0.2)
        assert queue.job(1).state == "waiting"
        queue.resume()
        eventually(lambda: queue.job(1).state == "done")


def test_progress_is_seen_while_a_job_runs(queue: Queue, tmp_path: Path) -> None:
    gate = Gate()
    queue.add(new_job())
    with working(queue.store, tmp_path, lane(gate)):
        progress = eventually(lambda: queue.job(1).progress)
        assert (queue.job(1).stage, progress) == ("render", {"what": "sampler", "step": 3, "steps": 20})


def test_two_workers_never_render_on_one_card_at_once(queue: Queue, tmp_path: Path) -> None:
    queue.add_all([new_job(), new_job(), new_job(DRAW)])
    first, second = Gate(), Gate()
    with working(queue.store, tmp_path, lane(first)):
        assert first.began.wait(30)
        with working(queue.store, tmp_path, lane(second)):
            eventually(lambda: queue.job(3).state == "done")  # what renders nothing goes on meanwhile
            assert (queue.job(2).state, second.began.is_set()) == ("waiting", False)
            first.opened.set()
            second.opened.set()
            eventually(lambda: queue.job(2).state == "done")


def test_the_database_itself_lets_no_two_jobs_have_one_card(store: Store) -> None:
    Queue(store).add_all([new_job(), new_job()])
    with store.writing() as connection:
        connection.execute(text("UPDATE jobs SET state = 'running', resource = 'card' WHERE number = 1"))
    with pytest.raises(Exception, match=r"(?i)unique"), store.writing() as connection:
        connection.execute(text("UPDATE jobs SET state = 'running', resource = 'card' WHERE number = 2"))


def test_each_target_has_its_lane(queue: Queue, tmp_path: Path) -> None:
    queue.add_all([new_job(target="forge"), new_job(target="comfyui"), new_job(target="http://other:1"), new_job()])
    comfy, forge = FakeGenerator(tmp_path), FakeGenerator(tmp_path)
    lanes = lane(comfy, "comfyui", resource="a", name="comfy"), lane(forge, "forge", resource="b", name="forge")
    run_all(queue.store, tmp_path, *lanes)
    assert queue.job(1).run_id in [notes.run_id for _, notes in forge.history]
    assert queue.job(2).run_id in [notes.run_id for _, notes in comfy.history]
    assert [queue.job(number).state for number in (1, 2, 3, 4)] == ["done", "done", "waiting", "done"]


def test_jobs_of_the_loaded_checkpoint_are_preferred_but_none_waits_for_ever(store: Store, tmp_path: Path) -> None:
    queue = Queue(store)
    queue.add_all([rendering_with("b"), *(rendering_with("a") for _ in range(MOST_PASSED + 2))])
    with working(store, tmp_path, lane()) as worker:
        taking = Taking(worker.id, ("",), "", loaded="a")
        taken = [job.number for _ in range(MOST_PASSED + 1) if (job := take_next(store, taking))]
    assert taken == [*range(2, MOST_PASSED + 2), 1]


def test_the_look_ahead_is_bounded_and_never_breaks_a_priority(queue: Queue, tmp_path: Path) -> None:
    queue.add_all([rendering_with("b") for _ in range(5)] + [rendering_with("a")])
    with working(queue.store, tmp_path, lane()) as worker:
        assert take_next(queue.store, Taking(worker.id, ("",), "", "a", look_ahead=5)).number == 1
        queue.add(rendering_with("c", priority=1))
        assert take_next(queue.store, Taking(worker.id, ("",), "", "a")).number == 7


def test_a_worker_that_was_given_up_takes_and_changes_nothing_any_more(store: Store, tmp_path: Path) -> None:
    from orchestrator_core.jobs.claiming import give_up

    queue, gate = Queue(store), Gate()
    queue.add_all([new_job(), new_job()])
    slow = replace(QUICK, beat_s=1000.0)
    with working(store, tmp_path, lane(gate), ways=slow) as worker:
        assert gate.began.wait(30)
        eventually(lambda: queue.workers()[0].beats == 1)  # its last for long: at the next it would join anew
        give_up(store, worker.id, takes_over=True)
        assert waiting(queue) == [1, 2]
        assert take_next(store, Taking(worker.id, ("",), "card")) is None
        queue.hold(1)
        queue.hold(2)
        gate.opened.set()
        eventually(lambda: not worker.running())
    assert (queue.job(1).state, queue.job(1).attempt) == ("held", 1)
    assert [step.state for step in queue.steps(1)] == ["done", "started"]
