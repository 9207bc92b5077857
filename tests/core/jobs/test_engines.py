"""DBOS as the engine of jobs: one in a process, opened and closed as often as a host reloads, nothing left behind."""

from __future__ import annotations

import logging
import sqlite3
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from orchestrator_core.jobs.dbos_engine import FILE, DbosEngine
from orchestrator_core.jobs.opening import open_engine, open_jobs
from orchestrator_core.jobs.queue import Queue
from orchestrator_core.store import Store
from tests.core.jobs.at_work import QUICK, eventually, lane, new_job
from tests.fakes import FakeGenerator


@pytest.fixture(autouse=True)
def _dbos() -> None:
    pytest.importorskip("dbos")


def test_steps_run_in_their_order_until_one_fails(store: Store) -> None:
    done: list[int] = []

    def step(position: int) -> dict[str, object]:
        done.append(position)
        return {"ok": position < 2, "error": "no"}

    engine = open_engine(store)
    try:
        assert engine.name == "dbos"
        assert engine.run("job:1", 5, step) == {"ok": False, "error": "no"}
        assert engine.run("job:1", 2, step) == {"ok": True, "error": "no"}  # called again, it is done again
    finally:
        engine.close()
    assert done == [0, 1, 2, 0, 1]


def test_jobs_run_as_workflows_and_every_value_is_json(sqlite_store: Store, tmp_path: Path) -> None:
    with open_jobs([lane(FakeGenerator(tmp_path))], database=sqlite_store.place, ways=QUICK) as jobs:
        assert (jobs.engine.name, jobs.engine.missing) == ("dbos", "")
        jobs.queue.add_all([new_job(), new_job()])
        eventually(lambda: jobs.queue.state().counts["done"] == 2)
    path = Path(sqlite_store.place).with_name(FILE)
    with closing(sqlite3.connect(path)) as connection:
        workflows = connection.execute("SELECT status, serialization FROM workflow_status").fetchall()
        steps = connection.execute("SELECT function_name, serialization, output FROM operation_outputs").fetchall()
        (journal,) = connection.execute("PRAGMA journal_mode").fetchone()
    assert workflows == [("SUCCESS", "portable_json")] * 2
    assert steps == [("run_stage", "portable_json", '{"ok":true}')] * 4
    assert journal == "wal"


def test_it_can_be_closed_and_opened_again_and_leaves_no_thread(sqlite_store: Store) -> None:
    before = set(threading.enumerate())
    for _ in range(2):
        open_engine(sqlite_store).close()
    assert logging.getLogger("dbos").handlers == []
    eventually(lambda: set(threading.enumerate()) <= before)


def test_a_second_one_in_a_process_does_without_and_says_so(sqlite_store: Store) -> None:
    engine = open_engine(sqlite_store)
    try:
        second = open_engine(sqlite_store)
        assert (second.name, "used by one alone" in second.missing) == ("plain", True)
    finally:
        engine.close()


def test_without_dbos_jobs_run_as_well_and_what_is_missing_is_said(
    sqlite_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "dbos", None)
    said: list[str] = []
    lanes = [lane(FakeGenerator(tmp_path))]
    with open_jobs(lanes, database=sqlite_store.place, ways=QUICK, tell=said.append) as jobs:
        jobs.queue.add(new_job())
        eventually(lambda: jobs.queue.job(1).state == "done")
    assert "dbos is not installed (pip install dbos)" in said[0]


def test_it_never_starts_by_itself_what_another_process_left(sqlite_store: Store, tmp_path: Path) -> None:
    """Whose job was left is decided by our own tables, however often the program starts."""
    open_engine(sqlite_store).close()
    with closing(sqlite3.connect(Path(sqlite_store.place).with_name(FILE))) as connection:
        names = [row[1] for row in connection.execute("PRAGMA table_info(workflow_status)")]
        given = {"workflow_uuid": "left", "status": "PENDING", "name": "run_job", "executor_id": "another"}
        now = int(time.time() * 1000)
        given |= {"created_at": now, "updated_at": now, "application_version": "jobs-1", "inputs": "{}"}
        used = [name for name in names if name in given]
        marks = ", ".join("?" * len(used))
        values = [given[name] for name in used]
        connection.execute(f"INSERT INTO workflow_status ({', '.join(used)}) VALUES ({marks})", values)
        connection.commit()
    with open_jobs([lane(FakeGenerator(tmp_path))], database=sqlite_store.place, ways=QUICK) as jobs:
        jobs.queue.add(new_job())
        eventually(lambda: jobs.queue.job(1).state == "done")
    with closing(sqlite3.connect(Path(sqlite_store.place).with_name(FILE))) as connection:
        query = "SELECT status FROM workflow_status WHERE workflow_uuid = 'left'"
        assert connection.execute(query).fetchone() == ("PENDING",)


def test_a_damaged_file_of_dbos_stops_no_job(sqlite_store: Store, tmp_path: Path) -> None:
    Path(sqlite_store.place).with_name(FILE).write_text("no database at all, but a text of some length " * 50)
    said: list[str] = []
    lanes = [lane(FakeGenerator(tmp_path))]
    with open_jobs(lanes, database=sqlite_store.place, ways=QUICK, tell=said.append) as jobs:
        jobs.queue.add(new_job())
        eventually(lambda: jobs.queue.job(1).state == "done")
    assert f"{FILE}: this is not an SQLite database" in said[0]


def test_what_dbos_keeps_is_deleted_after_a_while(sqlite_store: Store) -> None:
    engine = DbosEngine(sqlite_store.engine.url)
    try:
        engine.run("job:1", 1, lambda _: {"ok": True})
        with ThreadPoolExecutor(1) as worker:  # as a worker calls it: DBOS refuses a thread that has a running loop
            worker.submit(engine.forget).result()
        query = "SELECT count(*) FROM workflow_status"
        with closing(sqlite3.connect(Path(sqlite_store.place).with_name(FILE))) as connection:
            assert connection.execute(query).fetchone() == (1,)
            with ThreadPoolExecutor(1) as worker:
                worker.submit(engine.forget, -1).result()
            assert connection.execute(query).fetchone() == (0,)
    finally:
        engine.close()


def test_what_was_opened_is_closed_where_the_worker_cannot_begin(sqlite_store: Store, tmp_path: Path) -> None:
    (tmp_path / "workers").write_text("a file, where its folder should be")
    with pytest.raises(OSError, match="workers"):
        open_jobs([lane(FakeGenerator(tmp_path))], database=sqlite_store.place, folder=tmp_path)
    engine = open_engine(sqlite_store)  # which only one can have at a time
    engine.close()
    assert engine.name == "dbos"


def test_a_queue_alone_needs_no_engine(sqlite_store: Store) -> None:
    with open_jobs(database=sqlite_store.place) as jobs:
        assert (jobs.engine, jobs.worker) == (None, None)
        jobs.queue.add(new_job())
    assert Queue(sqlite_store).job(1).state == "waiting"
