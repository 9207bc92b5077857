"""open_jobs: the queue of a store, with a worker where there is something to work with. ``close`` ends all of it.

Nothing is made before, and nothing stays behind: the exception to "no singletons", DBOS, lives between the two.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal

from orchestrator_core.config import data_folder
from orchestrator_core.errors import JobError, StoreError
from orchestrator_core.jobs.engine import Engine, PlainEngine
from orchestrator_core.jobs.queue import Queue
from orchestrator_core.jobs.worker import Lane, Ways, Worker

if TYPE_CHECKING:
    from orchestrator_core.store import Store

AfterCrash = Literal["wait", "go on"]
NOT_INSTALLED = "dbos is not installed (pip install dbos), so a job's steps are kept by Orchestrator's own log alone."


@dataclass(frozen=True, slots=True)
class Jobs:
    """``worker`` is None where there are no lanes: then jobs are added and looked at, and others run them."""

    store: Store
    queue: Queue
    engine: Engine | None = None
    worker: Worker | None = None

    def close(self, wait_s: float = 30.0) -> bool:
        """Puts back what runs. False where a stage did not stop in time: it keeps the store and the engine until it
        ends, and its job is given to another when this process has ended."""
        if self.worker is not None and not self.worker.stop(wait_s):
            return False
        if self.engine is not None:
            self.engine.close()
        self.store.close()
        return True

    def __enter__(self) -> Jobs:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_jobs(
    lanes: Sequence[Lane] = (),
    *,
    database: str | None = None,
    folder: Path | None = None,
    ways: Ways | None = None,
    after_crash: AfterCrash = "wait",
    tell: Callable[[str], None] = lambda _: None,
) -> Jobs:
    """Opens the store at ``database`` and begins to work. Not on the loop of a host: it takes a second.

    ``after_crash``: "wait" pauses the queue where the last worker here ended with its process and no other is alive.
    Raises StoreError, OSError.
    """
    from orchestrator_core.store import Store

    with ExitStack() as opened:
        store = opened.enter_context(Store.open(database))
        queue = Queue(store)
        if not lanes:
            opened.pop_all()
            return Jobs(store, queue)
        engine = open_engine(store)
        opened.callback(engine.close)
        worker = Worker(store, engine, lanes, folder or data_folder(), ways, tell)
        if engine.missing:
            tell(engine.missing)
        _bury(worker, queue, after_crash, tell)
        worker.start()
        opened.pop_all()  # nothing failed: they stay open
    return Jobs(store, queue, engine, worker)


def open_engine(store: Store) -> Engine:
    """DBOS; where it cannot be, a loop that says so: what stages left is in the store in any case."""
    # In a thread of its own: DBOS would adopt the event loop of a host's.
    with ThreadPoolExecutor(1) as own:
        try:
            return own.submit(_dbos_engine, store).result()
        except ImportError:
            return PlainEngine(NOT_INSTALLED)
        except (JobError, StoreError) as error:
            return PlainEngine(f"{error} Jobs run without dbos; their steps are kept by Orchestrator's own log alone.")


def _dbos_engine(store: Store) -> Engine:
    from orchestrator_core.jobs.dbos_engine import DbosEngine

    engine = DbosEngine(store.engine.url)
    with suppress(StoreError):  # the next time
        engine.forget()
    return engine


def _bury(worker: Worker, queue: Queue, after_crash: AfterCrash, tell: Callable[[str], None]) -> None:
    """What became of the jobs of those that died since; and whether the queue waits for a person because of it."""
    lines = worker.membership.bury(worker.ways.takes_over)
    for line in lines:
        tell(line)
    if lines and after_crash == "wait" and not queue.workers() and not queue.state().is_paused:
        queue.pause("A program ended while it ran a job. Look at the queue, then resume it.")
        tell("The queue is paused, as the last program ended while it ran a job. Resume it to go on.")
