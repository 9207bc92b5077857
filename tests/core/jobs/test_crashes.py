"""Workers whose process ends in the middle: no job is lost, none is rendered twice without its attempts saying so."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator_core.jobs.model import CRASHED
from orchestrator_core.jobs.queue import Queue
from orchestrator_core.store import Store
from tests.core.jobs import job_child
from tests.core.jobs.at_work import DRAW, RENDER, eventually, new_job

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="workers of these tests are forks of a process")


class Workers:
    """Makes and ends workers. ``job_child.py`` says how."""

    def __init__(self) -> None:
        command = [sys.executable, job_child.__file__]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def _ask(self, **asked: object) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return self._line()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def start(self, engine: str, queue: Queue, folder: Path, **given: object) -> int:
        url = queue.store.engine.url.render_as_string(hide_password=False)
        said = {self._ask(engine=engine, url=url, folder=str(folder), **given), self._line()}
        assert "ready" in said
        return int((said - {"ready"}).pop())

    def finish(self, worker: int) -> int:
        return int(self._ask(wait=worker))

    def kill(self, worker: int) -> None:
        os.kill(worker, signal.SIGKILL)
        self.finish(worker)

    def run(self, engine: str, queue: Queue, folder: Path, **given: object) -> None:
        assert self.finish(self.start(engine, queue, folder, **given)) == 0

    def close(self) -> None:
        self._process.communicate(timeout=60)


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    made = Workers()
    yield made
    made.close()


@pytest.fixture
def queue(sqlite_store: Store) -> Queue:
    return Queue(sqlite_store)


@pytest.fixture
def anywhere(store: Store) -> Queue:
    return Queue(store)


def kill_and_go_on(workers: Workers, queue: Queue, engine: str, folder: Path, kills: int) -> int:
    """Kill a worker so often, each time somewhere else; then let one finish. How often it was really at work."""
    chance, hit = random.Random(kills), 0
    for _ in range(kills):
        worker = workers.start(engine, queue, folder)
        time.sleep(chance.uniform(0, 0.25))
        workers.kill(worker)
        hit += queue.state().counts["running"]
        retry_held(queue)
        if not queue.state().counts["waiting"] + queue.state().counts["running"]:
            queue.add_all([new_job() for _ in range(5)])
    workers.run(engine, queue, folder)
    retry_held(queue)
    workers.run(engine, queue, folder)
    return hit


def retry_held(queue: Queue) -> None:
    """A person looks, and retries."""
    for job in queue.page(["held"], 1000):
        queue.retry(job.number)


def check_that_nothing_was_lost(queue: Queue, folder: Path) -> None:
    log = [line.split() for line in (folder / "log.txt").read_text().splitlines()]
    begun = Counter(run_id for what, run_id, _ in log if what == "begun")
    for job in queue.page(limit=100_000):
        assert job.state == "done", job
        (image,) = queue.store.load_run(job.run_id).images
        assert image.path.read_bytes() == job_child.IMAGE
        repeats = [attempt for attempt in queue.attempts(job.id) if attempt.repeats == "render"]
        # A process may end between saying that it begins and beginning.
        assert 1 <= begun[job.run_id] <= 1 + len(repeats)


@pytest.mark.parametrize(("engine", "kills"), [("plain", 2), ("dbos", 1)])
def test_a_worker_that_is_killed_loses_no_job(
    queue: Queue, workers: Workers, tmp_path: Path, engine: str, kills: int
) -> None:
    queue.add_all([new_job() for _ in range(5)])
    kill_and_go_on(workers, queue, engine, tmp_path, kills)
    check_that_nothing_was_lost(queue, tmp_path)


@pytest.mark.slow
@pytest.mark.skipif("ORCHESTRATOR_LONG" not in os.environ, reason="takes a minute: set ORCHESTRATOR_LONG=1")
@pytest.mark.parametrize(("engine", "kills"), [("plain", 60), ("dbos", 40)])
def test_a_hundred_kills_lose_no_job(queue: Queue, workers: Workers, tmp_path: Path, engine: str, kills: int) -> None:
    queue.add_all([new_job() for _ in range(30)])
    assert kill_and_go_on(workers, queue, engine, tmp_path, kills) > kills / 4
    check_that_nothing_was_lost(queue, tmp_path)


def test_a_job_that_ends_its_process_twice_is_held(queue: Queue, workers: Workers, tmp_path: Path) -> None:
    queue.add_all([new_job({**DRAW, "options": {"template": "abort"}}, RENDER), new_job()])
    for _ in range(2):
        assert workers.finish(workers.start("plain", queue, tmp_path)) < 0
    workers.run("plain", queue, tmp_path)
    assert (queue.job(1).state, queue.job(1).reason, queue.job(1).crashes) == ("held", CRASHED, 2)
    assert queue.job(2).state == "done"
    assert [attempt.state for attempt in queue.attempts(1)] == ["lost", "lost"]
    assert queue.attempts(1)[1].repeats == "render"


def test_another_worker_goes_on_for_a_dead_one_and_never_touches_a_living_one(
    anywhere: Queue, workers: Workers, tmp_path: Path
) -> None:
    """Two processes on one queue, the first of which waits in a rendering until it is killed."""
    queue = anywhere
    queue.add_all([new_job(), new_job()])
    first = workers.start("plain", queue, tmp_path, seconds=1000, card="first")
    try:
        eventually(lambda: queue.job(1).stage == "render")
        workers.run("plain", queue, tmp_path, card="second")
        assert (queue.job(2).state, queue.job(1).state, queue.job(1).attempt) == ("done", "running", 1)
    finally:
        workers.kill(first)
    workers.run("plain", queue, tmp_path, card="third")
    assert (queue.job(1).state, queue.job(1).attempt) == ("done", 2)
    assert [attempt.state for attempt in queue.attempts(1)] == ["lost", "done"]


def test_several_workers_share_one_postgresql_and_one_of_them_dies(
    postgres_url: str, workers: Workers, tmp_path: Path
) -> None:
    with Store.open(postgres_url) as store:
        queue = Queue(store)
        queue.add_all([new_job() for _ in range(24)])
        queue.pause("until all are there")
        there = [workers.start("dbos", queue, tmp_path, seconds=0.05, card=f"card {n}") for n in range(3)]
        queue.resume()
        eventually(lambda: queue.state().counts["done"] >= 6)
        workers.kill(there.pop())
        assert [workers.finish(worker) for worker in there] == [0, 0]
        workers.run("plain", queue, tmp_path)  # what the dead one had, if the others had ended before they saw it
        check_that_nothing_was_lost(queue, tmp_path)
        attempts = [attempt for job in queue.page(limit=100) for attempt in queue.attempts(job.id)]
        assert 24 <= len(attempts) <= 25
        assert len({attempt.worker for attempt in attempts}) >= 2
