"""A database that is locked, full, away or damaged: said in words, and the queue is alive after it."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from orchestrator_core.errors import PipelineError, RenderFailed, StoreDamaged, StoreError, StoreLocked
from orchestrator_core.jobs.engine import PlainEngine
from orchestrator_core.jobs.opening import open_jobs
from orchestrator_core.jobs.patience import Patience
from orchestrator_core.jobs.queue import Queue
from orchestrator_core.jobs.worker import Worker
from orchestrator_core.request import GeneratedImage, GenerationRequest, ImageNotes, OnProgress
from orchestrator_core.store import Store
from tests.core.jobs.at_work import QUICK, Gate, eventually, lane, new_job, run_all, working
from tests.fakes import FakeGenerator


def worker_that_tells(store: Store, folder: Path, said: list[str], generator: object) -> Worker:
    return Worker(store, PlainEngine(), [lane(generator)], folder, QUICK, said.append)


def test_what_a_stage_left_is_kept_until_a_locked_database_is_free(tmp_path: Path) -> None:
    said: list[str] = []
    gate = Gate()
    with Store.open(tmp_path / "s.sqlite3", wait_s=0.05) as store:
        queue = Queue(store)
        queue.add(new_job())
        worker = worker_that_tells(store, tmp_path, said, gate)
        worker.start()
        assert gate.began.wait(30)
        with closing(sqlite3.connect(store.place, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            gate.opened.set()
            eventually(lambda: said)
            other.execute("ROLLBACK")
        eventually(lambda: queue.job(1).state == "done")
        assert worker.stop(20)
        assert (len(queue.attempts(1)), len(store.load_run(queue.job(1).run_id).images)) == (1, 1)
    assert "keeps the database locked" in said[0]
    assert "tried again until it can be done" in said[0]


def test_a_full_disk_costs_time_and_no_job(tmp_path: Path) -> None:
    """The database may not grow, as on a disk without room; then there is room again."""
    said: list[str] = []
    with Store.open(tmp_path / "s.sqlite3") as store:
        queue = Queue(store)
        queue.add_all([new_job(title="x" * 400) for _ in range(3)])
        gate = Gate()
        worker = worker_that_tells(store, tmp_path, said, gate)
        worker.start()
        assert gate.began.wait(30)
        _limit(store, full=True)
        gate.opened.set()
        with pytest.raises(StoreError, match=r"the disk is full.*Free some space"):
            queue.add_all([new_job(title="y" * 400) for _ in range(200)])
        assert queue.state().counts["done"] < 3
        _limit(store, full=False)
        eventually(lambda: queue.state().counts["done"] == 3)
        assert worker.stop(20)


def _limit(store: Store, *, full: bool) -> None:
    """For all connections of the store that are made from now on; those in its pool are closed."""
    from sqlalchemy import event

    store.engine.dispose()

    def limit(dbapi: sqlite3.Connection, _record: object) -> None:
        (pages,) = dbapi.execute("PRAGMA page_count").fetchone()
        dbapi.execute(f"PRAGMA max_page_count = {pages if full else 1_000_000}")

    event.listen(store.engine, "connect", limit)


def test_a_damaged_database_ends_the_worker_and_says_so(tmp_path: Path) -> None:
    said: list[str] = []
    with Store.open(tmp_path / "s.sqlite3") as store:
        Queue(store).add(new_job())
        gate = Gate()
        worker = worker_that_tells(store, tmp_path, said, gate)
        worker.start()
        assert gate.began.wait(30)
        store.engine.dispose()
        with closing(sqlite3.connect(store.place)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        path = Path(store.place)
        path.write_bytes(b"no database " * 4000)
        for other in path.parent.glob(f"{path.name}-*"):
            other.unlink()
        gate.opened.set()
        assert worker.join(30)
        assert isinstance(worker.failure, StoreDamaged)
    assert "Nothing was overwritten" in said[0]


def test_a_postgresql_that_closes_its_connections_costs_no_job(postgres_url: str, tmp_path: Path) -> None:
    from tests.core.test_store_processes import END_OTHERS

    gate = Gate()
    with Store.open(postgres_url) as store, Store.open(postgres_url) as other:
        queue = Queue(other)
        queue.add_all([new_job(), new_job()])
        with working(store, tmp_path, lane(gate)):
            assert gate.began.wait(30)
            with other.writing() as connection:
                connection.execute(END_OTHERS)
            gate.opened.set()
            eventually(lambda: queue.state().counts["done"] == 2)


def test_images_that_cannot_be_saved_fail_the_job_alone(sqlite_store: Store, tmp_path: Path) -> None:
    queue = Queue(sqlite_store)
    queue.add_all([new_job(), new_job()])
    generator = FakeGenerator(tmp_path)
    generator.enqueue(RenderFailed(f"The image cannot be saved in {tmp_path}: No space left on device."))
    run_all(sqlite_store, tmp_path, lane(generator))
    assert (queue.job(1).state, queue.job(2).state) == ("failed", "done")
    assert "No space left" in queue.job(1).error


class HalfDone:
    """Fails after the first of two images."""

    def generate(
        self, request: GenerationRequest, notes: ImageNotes, on_progress: OnProgress
    ) -> tuple[GeneratedImage, ...]:
        raise RenderFailed("the second was too much", (GeneratedImage(Path("first.png"), request, notes.run_id),))


def test_what_was_finished_before_a_failure_is_kept(sqlite_store: Store, tmp_path: Path) -> None:
    queue = Queue(sqlite_store)
    queue.add(new_job())
    run_all(sqlite_store, tmp_path, lane(HalfDone()))
    assert queue.job(1).state == "failed"
    assert [image.path.name for image in sqlite_store.load_run(queue.job(1).run_id).images] == ["first.png"]
    queue.retry(1)
    run_all(sqlite_store, tmp_path)
    assert len(sqlite_store.load_run(queue.job(1).run_id).images) == 1


def test_a_clock_that_is_set_back_changes_no_order_and_loses_nothing(
    sqlite_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = Queue(sqlite_store)
    queue.add_all([new_job(), new_job()])
    monkeypatch.setattr("orchestrator_core.store.jobs.now_ms", lambda: 1_000)
    monkeypatch.setattr("orchestrator_core.store.job_claims.now_ms", lambda: 1_000)
    queue.add(new_job())
    gate = Gate()
    with working(sqlite_store, tmp_path, lane(gate)):
        assert gate.began.wait(30)
        assert [job.number for job in queue.page(["running", "waiting"])] == [1, 2, 3]
        gate.opened.set()
        eventually(lambda: queue.state().counts["done"] == 3)
    numbers = [event.number for event in queue.events()]
    assert numbers == sorted(numbers)


def test_patience_ends_when_the_worker_does() -> None:
    stopping = threading.Event()
    said: list[str] = []

    def never() -> None:
        if len(said) == 1:
            stopping.set()
        raise StoreLocked("locked.")

    with pytest.raises(StoreLocked):
        Patience(stopping, said.append)(never)
    assert said == ["locked. It is tried again until it can be done."]


def test_after_a_crash_the_queue_waits_for_a_person(sqlite_store: Store, tmp_path: Path) -> None:
    from orchestrator_core.jobs.membership import Membership
    from tests.core.jobs.test_life import take

    queue = Queue(sqlite_store)
    queue.add_all([new_job(), new_job()])
    gone = Membership(sqlite_store, tmp_path, ())
    gone.join()
    take(queue, gone, None)
    assert gone._lock is not None
    gone._lock.release()  # as the end of its process does
    gone._lock.path.touch()
    said: list[str] = []
    lanes = [lane(FakeGenerator(tmp_path))]
    with open_jobs(lanes, database=sqlite_store.place, folder=tmp_path, ways=QUICK, tell=said.append) as jobs:
        assert jobs.queue.state().is_paused
        assert "Resume it to go on" in said[-1]
        jobs.queue.resume()
        eventually(lambda: jobs.queue.state().counts["done"] == 2)


def test_a_pipeline_of_a_newer_pack_is_refused_in_words(sqlite_store: Store, tmp_path: Path) -> None:
    queue = Queue(sqlite_store)
    queue.add_all([new_job(), new_job()])
    with sqlite_store.writing() as connection:
        newer = """UPDATE jobs SET pipeline = '{"schema_version": 999, "stages": []}' WHERE number = 1"""
        connection.execute(text(newer))
    run_all(sqlite_store, tmp_path)
    assert [job.state for job in queue.page()] == ["done", "failed"]
    with pytest.raises(PipelineError, match="Update Orchestrator"):
        queue.job(1)
    assert "Update Orchestrator" in queue.page()[1].error


def test_a_run_that_cannot_be_read_fails_its_job_and_ends_no_worker(sqlite_store: Store, tmp_path: Path) -> None:
    queue = Queue(sqlite_store)
    queue.add_all([new_job(run={"schema_version": 999}), new_job(run={"id": 5}), new_job()])
    run_all(sqlite_store, tmp_path)
    assert [job.state for job in queue.page()] == ["done", "failed", "failed"]
    assert [event.kind for event in queue.events(job=queue.job(1).id)] == ["added", "failed"]
    assert "Update Orchestrator" in queue.job(1).error
