"""What the queue costs: ``python benchmarks/jobs.py [--huey PYTHON] [--only NAME …]``.

* runner: a pipeline of ten stages that do nothing but hand an image on, in memory, as a job whose steps are kept in
  SQLite, and as the same job with DBOS; CPU ms a stage.
* queue: 10,000 jobs added at once and one by one, pages listed among them, and what 2,000 jobs leave in memory.
* workers: 400 jobs that each wait 200 ms, by one worker and by four, each a process of its own, on one PostgreSQL (its
  binaries as in docs/testing.md); seconds from the first job's begin to the last one's end, CPU ms a job.
* huey: with ``--huey``, a Python that has huey: 1,000 jobs that do nothing on its SQLite, beside 1,000 of ours.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from orchestrator_core.context import StageContext
from orchestrator_core.jobs.engine import Engine, PlainEngine
from orchestrator_core.jobs.model import Job, NewJob
from orchestrator_core.jobs.opening import open_engine
from orchestrator_core.jobs.queue import Queue
from orchestrator_core.jobs.worker import Lane, Ways, Worker
from orchestrator_core.pipeline import run_pipeline
from orchestrator_core.request import GeneratedImage, GenerationRequest, ImageNotes, OnProgress
from orchestrator_core.spec import pipeline_from
from orchestrator_core.store import Store
from orchestrator_core.template import Wildcards

STAGES, JOBS, QUEUED, WAITING, WAIT_S = 10, 100, 10_000, 400, 0.2
HUEY = """
import json, sys, time
from huey import SqliteHuey
huey = SqliteHuey(filename=sys.argv[1], results=False)
@huey.task()
def job(number):
    pass
began = time.process_time(), time.time()
for number in range(1000):
    job(number)
added = time.process_time(), time.time()
while (task := huey.dequeue()) is not None:
    huey.execute(task)
done = time.process_time(), time.time()
print(json.dumps([(added[0] - began[0]), (done[0] - added[0])]))
"""


class Waits:
    """A host that takes so long for an image."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds

    def generate(
        self, request: GenerationRequest, notes: ImageNotes, on_progress: OnProgress
    ) -> tuple[GeneratedImage, ...]:
        time.sleep(self.seconds)
        return (GeneratedImage(Path("image.png"), request, notes.run_id),)


def lane(seconds: float, card: str = "card") -> Lane:
    @contextmanager
    def context(_job: Job) -> Iterator[StageContext]:
        yield StageContext(Wildcards([]), generator=Waits(seconds))

    return Lane("waits", context, ("",), card)


def pipeline(stages: int) -> list[dict[str, Any]]:
    return [{"id": f"s{n}", "type": "dispatch"} for n in range(stages)]


def cpu_of(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def worked(store: Store, engine: Engine, folder: Path, seconds: float = 0.0, card: str = "card") -> Worker:
    """A worker that has ended, as nothing waited any more."""
    worker = Worker(store, engine, [lane(seconds, card)], folder, Ways(until_empty=True))
    worker.start()
    worker.join()
    if worker.failure:
        raise worker.failure
    return worker


def runner() -> None:
    spec, context = pipeline_from(pipeline(STAGES)), StageContext(Wildcards([]), generator=Waits())
    memory = cpu_of(lambda: [run_pipeline(spec, context) for _ in range(JOBS)])
    told("runner, in memory, CPU ms a stage", 1000 * memory / JOBS / STAGES, 3)
    for name in ("plain", "dbos"):
        with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder) / "s.sqlite3") as store:
            engine: Engine = open_engine(store) if name == "dbos" else PlainEngine()
            if engine.name != name:
                told(f"runner, {name}", engine.missing)
                continue
            Queue(store).add_all([NewJob(pipeline=spec) for _ in range(JOBS)])
            durable = cpu_of(lambda s=store, e=engine, f=folder: worked(s, e, Path(f)))  # type: ignore[misc]
            engine.close()
            told(f"runner, durable ({name}), CPU ms a stage", 1000 * durable / JOBS / STAGES, 2)


def queue() -> None:
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder) / "s.sqlite3") as store:
        there = Queue(store)
        new = [NewJob(pipeline=pipeline(2), title=f"job {n}", tags=("bench",)) for n in range(QUEUED)]
        began, cpu = time.perf_counter(), cpu_of(lambda: there.add_all(new))
        told("added at once, jobs/s", QUEUED / (time.perf_counter() - began))
        told("added at once, jobs/s of CPU", QUEUED / cpu)
        one_by_one = cpu_of(lambda: [there.add(job) for job in new[:200]])
        told("added one by one, jobs/s of CPU", 200 / one_by_one)
        for what, call in (
            ("first page of 50", lambda: there.page(["running", "waiting"])),
            ("page at 9,000", lambda: there.page(["running", "waiting"], 50, 9_000)),
            ("newest 50 of all", there.page),
            ("50 that have a word", lambda: there.page(text="job 99")),
            ("state and counts", there.state),
        ):
            told(f"{what}, ms", 1000 * best(call), 1)
        there.pause()
        there.resume()
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder) / "s.sqlite3") as store:
        there, sizes = Queue(store), []
        for _ in range(2):
            there.add_all([NewJob(pipeline=pipeline(1)) for _ in range(1_000)])
            worked(store, PlainEngine(), Path(folder))
            sizes.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        told("peak memory after 1,000 and 2,000 jobs, MB", " → ".join(f"{size:.0f}" for size in sizes))


def best(call: Callable[[], object], times: int = 5) -> float:
    def once() -> float:
        began = time.perf_counter()
        call()
        return time.perf_counter() - began

    return min(once() for _ in range(times))


def workers() -> None:
    from tests.postgres import NoPostgres, running_postgres

    try:
        with running_postgres() as url:
            for name in ("plain", "dbos"):
                seconds = {count: at_work(url, name, count) for count in (1, 4)}
                told(f"{name}: one worker ÷ four workers", seconds[1] / seconds[4], 2)
    except NoPostgres as reason:
        told("workers", f"no PostgreSQL: {reason}")


def at_work(url: str, engine: str, count: int) -> float:
    with Store.open(url) as store, tempfile.TemporaryDirectory() as folder:
        there = Queue(store)
        there.pause()
        numbers = {one.job.number for one in there.add_all([NewJob(pipeline=pipeline(1)) for _ in range(WAITING)])}
        command = [sys.executable, __file__, "--worker", url, engine, folder]
        children = [subprocess.Popen([*command, f"card {n}"], stdout=subprocess.PIPE, text=True) for n in range(count)]
        while len(there.workers()) < count:
            time.sleep(0.1)
        there.resume()
        cpu = [float(child.communicate()[0].split()[-1]) for child in children]
        jobs = [job for job in there.page(limit=WAITING) if job.number in numbers]
        assert [job.state for job in jobs] == ["done"] * WAITING
        assert {job.attempt for job in jobs} == {1}
        seconds = (max(job.ended_ms for job in jobs) - min(job.started_ms for job in jobs)) / 1000
    told(f"{engine}: {WAITING} jobs of {WAIT_S * 1000:.0f} ms by {count}, s", seconds, 1)
    told(f"{engine}: {count} at work, CPU ms a job", 1000 * sum(cpu) / WAITING, 1)
    return seconds


def one_worker(url: str, engine_name: str, folder: str, card: str) -> None:
    with Store.open(url) as store:
        engine = open_engine(store) if engine_name == "dbos" else PlainEngine()
        began = time.process_time()
        worked(store, engine, Path(folder), WAIT_S, card)
        engine.close()
        print(time.process_time() - began)


def huey(python: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "with_huey.py"
        script.write_text(HUEY)
        done = subprocess.run([python, script, Path(folder) / "h.db"], capture_output=True, text=True, check=True)
        added, run = json.loads(done.stdout)
        told("huey: adding, CPU ms a job", added, 2)
        told("huey: a job that does nothing, CPU ms", run, 2)
        with Store.open(Path(folder) / "s.sqlite3") as store:
            there = Queue(store)
            new = [NewJob(pipeline=pipeline(1)) for _ in range(1_000)]
            told("ours: adding one by one, CPU ms a job", cpu_of(lambda: [there.add(job) for job in new]), 2)
            run = cpu_of(lambda: worked(store, PlainEngine(), Path(folder)))
            told("ours: a job that does nothing, CPU ms", run, 2)


def told(what: str, value: float | str, digits: int = 0) -> None:
    print(f"| {what} | {value if isinstance(value, str) else f'{value:,.{digits}f}'} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--huey", metavar="PYTHON")
    parser.add_argument("--only", action="append", choices=("runner", "queue", "workers"))
    parser.add_argument("--worker", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        one_worker(*arguments.worker)
        return
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}")
    for name, measure in (("runner", runner), ("queue", queue), ("workers", workers)):
        if arguments.only is None or name in arguments.only:
            measure()
    if arguments.huey:
        huey(arguments.huey)


if __name__ == "__main__":
    main()
