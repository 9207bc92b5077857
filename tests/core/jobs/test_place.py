"""The queue as a program has it: nothing before it is needed, a worker when there is a job, all of it closed again."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator_core.errors import ConfigError
from orchestrator_core.jobs.lane import Lane
from orchestrator_core.jobs.place import QueuePlace
from orchestrator_core.jobs.queue import Queue
from orchestrator_core.jobs.waiting import WaitingJobs
from orchestrator_core.store import Store
from tests.core.jobs.at_work import QUICK, eventually, lane, new_job
from tests.fakes import FakeGenerator


class Lanes:
    """What a place is given; counts who has them open."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.open, self.problem = folder, 0, ""

    @contextmanager
    def __call__(self) -> Iterator[Sequence[Lane]]:
        if self.problem:
            raise ConfigError(self.problem)
        self.open += 1
        yield [lane(FakeGenerator(self.folder), "forge", name="Forge")]
        self.open -= 1


@pytest.fixture
def lanes(tmp_path: Path) -> Lanes:
    return Lanes(tmp_path)


@contextmanager
def place_in(folder: Path, lanes: Lanes, *, is_wanted: bool = True) -> Iterator[QueuePlace]:
    database = str(folder / "queue.sqlite3")
    place = QueuePlace("Forge", lanes, is_wanted=lambda: is_wanted, database=database, folder=folder, ways=QUICK)
    try:
        yield place
    finally:
        assert place.close()


def test_a_job_that_is_added_is_done_by_a_worker_that_is_opened_for_it(tmp_path: Path, lanes: Lanes) -> None:
    with place_in(tmp_path, lanes) as place:
        assert (place.state().doing, lanes.open) == ("asleep", 0)
        queue = place.open()
        job = queue.add(new_job())
        assert place.ensure_worker().doing in ("starting", "working")
        eventually(lambda: queue.job(job.id).state == "done")
        state = place.state()
        assert (state.doing, [one.name for one in state.lanes], lanes.open) == ("working", ["Forge"], 1)
        assert [worker.id for worker in queue.workers()] == [state.worker]
    assert (place.state().doing, lanes.open) == ("closed", 0)
    assert place.ensure_worker().doing == "closed"


def test_looking_at_the_queue_opens_no_worker(tmp_path: Path, lanes: Lanes) -> None:
    with place_in(tmp_path, lanes) as place:
        assert place.open().workers() == []
        assert place.state().doing == "asleep"


def test_a_place_that_is_not_to_work_says_so_and_works_when_a_person_asks(tmp_path: Path, lanes: Lanes) -> None:
    with place_in(tmp_path, lanes, is_wanted=False) as place:
        place.open().add(new_job())
        state = place.ensure_worker()
        assert (state.doing, state.why) == ("off", "Forge does not work on the queue: its setting says so.")
        place.ensure_worker(is_asked=True)
        eventually(lambda: place.open().job(1).state == "done")
        assert place.stop_worker()
        assert (place.state().doing, lanes.open) == ("off", 0)


def test_a_worker_that_cannot_be_opened_says_why_and_is_tried_again(tmp_path: Path, lanes: Lanes) -> None:
    lanes.problem = "There is no wildcard folder /nowhere."
    with place_in(tmp_path, lanes) as place:
        place.open().add(new_job())
        place.ensure_worker()
        state = eventually(lambda: place.state() if place.state().doing == "failed" else None)
        assert state.why == "Forge cannot work on the queue: There is no wildcard folder /nowhere."
        lanes.problem = ""
        place.ensure_worker()
        eventually(lambda: place.open().job(1).state == "done")


def test_a_program_that_starts_goes_on_with_jobs_that_wait(tmp_path: Path, lanes: Lanes) -> None:
    with Store.open(tmp_path / "queue.sqlite3") as store:
        Queue(store).add(new_job())
    with place_in(tmp_path, lanes) as place:
        place.begin()
        eventually(lambda: place.open().job(1).state == "done")


def test_jobs_that_wait_are_seen_without_making_a_database(tmp_path: Path) -> None:
    database = tmp_path / "queue.sqlite3"
    look = WaitingJobs(str(database))
    assert not look.are_there()
    assert not database.exists()
    with Store.open(database) as store:
        assert not look.are_there()
        Queue(store).add(new_job())
        assert look.are_there()


def test_a_place_imports_nothing_heavy_before_it_is_used() -> None:
    code = (
        "import sys; from orchestrator_core.jobs.place import QueuePlace; place = QueuePlace('here', lambda: None);"
        "assert place.state().doing == 'asleep'; place.close();"
        "print([name for name in ('sqlalchemy', 'dbos', 'pydantic') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
