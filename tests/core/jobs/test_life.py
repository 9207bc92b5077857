"""Whether a worker lives: by its lock where that is proof, else by its count and the watcher's own clock."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator_core.jobs.life import LEASE_S, LifeLock, Watch, has_ended, this_machine
from orchestrator_core.jobs.membership import Membership
from orchestrator_core.jobs.model import WorkerInfo
from orchestrator_core.jobs.queue import Queue
from orchestrator_core.jobs.worker import Ways
from orchestrator_core.request import GeneratedImage, GenerationRequest, ImageNotes, OnProgress
from orchestrator_core.store import Store
from tests.core.jobs.at_work import QUICK, Gate, eventually, kinds, lane, new_job, run_all, waiting, working
from tests.fakes import FakeGenerator

THERE = WorkerInfo("w", "elsewhere", 1, (), "alive", 1, "/nowhere/w.lock", 0)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_lock_ends_with_whoever_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "workers" / "w.lock"
    lock = LifeLock(path)
    assert has_ended(path) is False
    with pytest.raises(OSError, match="locked by another program"):
        LifeLock(path)
    lock.release()
    assert has_ended(path) is None
    path.touch()
    assert has_ended(path) is True


def test_without_a_lock_a_worker_is_dead_when_its_count_stood_still_for_long() -> None:
    clock = Clock()
    watch = Watch(30, clock)
    assert watch.dead([THERE]) == []
    clock.now += 29
    assert watch.dead([THERE]) == []
    clock.now += 1
    assert watch.dead([THERE]) == [THERE]


def test_a_dead_worker_s_job_waits_no_longer_than_45_seconds_for_another() -> None:
    usual = Ways()
    assert usual.silence_s + 2 * usual.beat_s + 2 * usual.tick_s + usual.poll_s < 45
    assert LEASE_S + 2 * usual.tick_s < usual.silence_s  # and the dead one, if it lives, has stopped before


def test_a_count_that_grows_is_a_sign_of_life_whatever_the_time_of_day_is() -> None:
    clock = Clock()
    watch = Watch(30, clock)
    for beats in range(10):
        assert watch.dead([replace(THERE, beats=beats, seen_ms=-(10**9) * beats)]) == []
        clock.now += 29


def test_a_lock_that_is_held_outweighs_any_silence_and_a_free_one_any_sign(tmp_path: Path) -> None:
    clock = Clock()
    watch = Watch(30, clock)
    here = replace(THERE, host=this_machine(), lock=str(tmp_path / "w.lock"))
    lock = LifeLock(tmp_path / "w.lock")
    assert watch.dead([here]) == []
    clock.now += 1000
    assert watch.dead([here]) == []
    lock.release()
    (tmp_path / "w.lock").touch()
    assert watch.dead([here]) == [here]


def test_a_lock_of_another_machine_proves_nothing(tmp_path: Path) -> None:
    (tmp_path / "w.lock").touch()  # free, as on a folder that two machines share and that knows no locks
    assert Watch(30, Clock()).dead([replace(THERE, lock=str(tmp_path / "w.lock"))]) == []


def lost(queue: Queue, folder: Path) -> Membership:
    """A worker of another machine that says nothing any more, as its row shows it."""
    gone = Membership(queue.store, folder / "elsewhere", ())
    gone.join()
    from sqlalchemy import text

    with queue.store.writing() as connection:
        connection.execute(text("UPDATE job_workers SET host = 'elsewhere'"))
    return gone


def take(queue: Queue, worker: Membership, stage: dict[str, object] | None) -> None:
    """The worker has job 1, and is in this stage of it."""
    from orchestrator_core.jobs.claiming import Taking, take_next
    from orchestrator_core.store import job_claims

    job = take_next(queue.store, Taking(worker.id, ("",), "card"))
    assert job is not None
    if stage is not None:
        row = {"job_id": job.id, "attempt": 1, "position": 0, "stage_id": stage["id"], "type": stage["type"]}
        with queue.store.writing() as connection:
            assert job_claims.begin_step(connection, worker.id, row)


@pytest.mark.parametrize("stage", [None, {"id": "draw", "type": "generatePrompt"}])
def test_a_silent_worker_s_job_is_given_to_another(store: Store, tmp_path: Path, stage: dict[str, object]) -> None:
    queue = Queue(store)
    queue.add(new_job())
    gone = lost(queue, tmp_path)
    take(queue, gone, stage)
    with working(store, tmp_path):
        eventually(lambda: queue.job(1).state == "done")
    assert kinds(queue, 1) == ["added", "begun", "lost", "begun", "done"]
    assert (queue.job(1).attempt, queue.job(1).crashes) == (2, 1)
    gone.leave()


@pytest.mark.parametrize("takes_over", [False, True])
def test_in_a_rendering_it_is_only_offered_unless_that_was_asked_for(
    sqlite_store: Store, tmp_path: Path, takes_over: bool
) -> None:
    queue = Queue(sqlite_store)
    queue.add(new_job())
    gone = lost(queue, tmp_path)
    take(queue, gone, {"id": "render", "type": "dispatch"})
    ended = "done" if takes_over else "held"
    with working(sqlite_store, tmp_path, ways=replace(QUICK, takes_over=takes_over)):
        eventually(lambda: queue.job(1).state == ended)
    assert queue.job(1).reason == ("" if takes_over else "interrupted")
    if not takes_over:
        assert "Retry it" in queue.job(1).error
        queue.retry(1)
        run_all(sqlite_store, tmp_path)
    assert queue.attempts(1)[-1].repeats == "render"
    gone.leave()


class Finishing(FakeGenerator):
    """A host that has finished what was sent before."""

    def adopted(
        self, request: GenerationRequest, notes: ImageNotes, on_progress: OnProgress
    ) -> tuple[GeneratedImage, ...]:
        return (GeneratedImage(Path("finished.png"), request, notes.run_id),)

    def cancel(self) -> None:
        """Nothing runs."""


def test_what_its_host_has_finished_meanwhile_is_not_rendered_again(sqlite_store: Store, tmp_path: Path) -> None:
    queue = Queue(sqlite_store)
    queue.add_all([new_job(), new_job()])
    gone = lost(queue, tmp_path)
    take(queue, gone, {"id": "render", "type": "dispatch"})
    host = Finishing(tmp_path)
    with working(sqlite_store, tmp_path, lane(host), ways=replace(QUICK, takes_over=True)):
        eventually(lambda: queue.state().counts["done"] == 2)
    assert [image.path.name for image in sqlite_store.load_run(queue.job(1).run_id).images] == ["finished.png"]
    assert len(host.history) == 1  # that of the other job, which nobody had begun
    assert "adopted" in kinds(queue, 1)
    assert "adopted" not in kinds(queue, 2)
    gone.leave()


def test_a_program_that_ends_with_its_host_puts_its_job_back_at_once(sqlite_store: Store, tmp_path: Path) -> None:
    queue, gate = Queue(sqlite_store), Gate()
    queue.add(new_job())
    with working(sqlite_store, tmp_path, lane(gate)) as worker:
        assert gate.began.wait(20)
        worker.abandon()
        job = queue.job(1)
        assert (job.state, job.crashes, queue.workers()) == ("waiting", 0, [])
        assert [attempt.state for attempt in queue.attempts(1)] == ["stopped"]
        time.sleep(QUICK.beat_s * 3)
        assert queue.workers() == []  # nor does it come back as another, while its stage goes on
        gate.opened.set()  # it ends all the same, and changes nothing any more
    assert (queue.job(1).state, kinds(queue, 1)) == ("waiting", ["added", "begun", "waiting"])


def test_a_job_that_was_to_stop_is_cancelled_when_its_worker_died(sqlite_store: Store, tmp_path: Path) -> None:
    queue = Queue(sqlite_store)
    queue.add(new_job())
    gone = lost(queue, tmp_path)
    take(queue, gone, None)
    queue.cancel(1)
    with working(sqlite_store, tmp_path):
        eventually(lambda: queue.job(1).state == "cancelled")
    gone.leave()


def test_what_a_worker_left_that_could_not_say_goodbye_is_found(sqlite_store: Store, tmp_path: Path) -> None:
    queue = Queue(sqlite_store)
    queue.add(new_job())
    gone = Membership(sqlite_store, tmp_path, ())
    gone.join()
    take(queue, gone, None)
    gone.leave()  # "ended", with a job that still runs by its row
    with working(sqlite_store, tmp_path):
        eventually(lambda: queue.job(1).state == "done")


def test_a_worker_that_cannot_say_that_it_lives_stops_before_others_begin(store: Store, tmp_path: Path) -> None:
    """On one file the lock says it; over PostgreSQL others see nothing but the silence."""
    membership = Membership(store, tmp_path, ())
    membership.join()
    assert not membership.is_overdue()
    membership._last = time.monotonic() - 26
    assert membership.is_overdue() == (store.engine.dialect.name == "postgresql")
    assert membership.beat()
    assert not membership.is_overdue()
    membership.leave()


def test_one_that_was_taken_for_dead_goes_on_under_another_name(sqlite_store: Store, tmp_path: Path) -> None:
    from orchestrator_core.jobs.claiming import give_up

    queue, gate = Queue(sqlite_store), Gate()
    queue.add(new_job())
    with working(sqlite_store, tmp_path, lane(gate)) as worker:
        assert gate.began.wait(30)
        before = worker.id
        give_up(sqlite_store, before, takes_over=False)
        eventually(lambda: worker.id != before)
        assert gate.cancelled.wait(30)
        assert queue.job(1).state == "held"
    assert waiting(queue) == []
