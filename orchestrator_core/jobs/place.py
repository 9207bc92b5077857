"""QueuePlace: the queue as a program has it that lives on, a host or a page: opened and worked on when that is needed.

Making one opens, imports and creates nothing. ``open`` is for whoever shows or changes the queue; ``ensure_worker``
for whoever has just added a job, or wants this program to work; ``state`` says what runs here, or why nothing does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from orchestrator_core.errors import OrchestratorError

if TYPE_CHECKING:
    from orchestrator_core.jobs.opening import Jobs
    from orchestrator_core.jobs.queue import Queue
    from orchestrator_core.jobs.worker import Lane, Ways, Worker
    from orchestrator_core.store import Store

Lanes = Callable[[], AbstractContextManager[Sequence["Lane"]]]  # entered when the worker is opened, left when it ends
Doing = Literal["off", "asleep", "starting", "working", "failed", "closed"]
_LOOK_S = 10.0  # between two looks whether a worker that is asleep has something to do
_SAID = 20  # lines of the worker that are kept


@dataclass(frozen=True, slots=True)
class LaneState:
    """``problem``: why it takes no job now, for people; "" where it does."""

    name: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class PlaceState:
    """``doing``: "off" (a setting), "asleep" (until there is a job), "starting", "working", "failed", "closed".

    ``why`` is that in a sentence for people, ``running`` the numbers of the jobs that run here, ``said`` the worker's
    last lines.
    """

    doing: Doing
    why: str
    worker: str = ""
    lanes: tuple[LaneState, ...] = ()
    running: tuple[int, ...] = ()
    said: tuple[str, ...] = ()


class QueuePlace:
    """One for a program; threads may share it. ``here`` names the program to people: "Forge", "ComfyUI".

    ``is_wanted``: what the person has set about working on the queue here. ``database``, ``folder``: None is the usual.
    """

    def __init__(
        self,
        here: str,
        lanes: Lanes,
        *,
        is_wanted: Callable[[], bool] = lambda: True,
        database: str | None = None,
        folder: Path | None = None,
        ways: Ways | None = None,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.here, self._lanes, self._is_wanted, self._tell = here, lanes, is_wanted, tell
        self._database, self._folder, self._ways = database, folder, ways
        self._lock = threading.Lock()
        self._store: Store | None = None
        self._jobs: Jobs | None = None
        self._opened = ExitStack()  # what the lanes hold open
        self._starting: threading.Thread | None = None
        self._watching: threading.Thread | None = None
        self._problem = ""
        self._is_asked = False  # a person wants it, whatever the setting says
        self._ending = threading.Event()
        self._said: list[str] = []

    def open(self) -> Queue:
        """The queue, to be looked at and changed from any thread. Raises StoreError."""
        from orchestrator_core.jobs.queue import Queue
        from orchestrator_core.store import Store

        with self._lock:
            if self._store is None:
                self._store = Store.open(self._database)
            return Queue(self._store)

    # the worker

    def begin(self) -> None:
        """Once the program has started: from now on, until the worker is open, it is looked now and then whether jobs
        wait. Returns at once, and opens nothing.
        """
        with self._lock:
            if self._watching is None and not self._ending.is_set():
                self._watching = threading.Thread(target=self._watch, name="orchestrator-queue-watch", daemon=True)
                self._watching.start()

    def _watch(self) -> None:
        from orchestrator_core.jobs.waiting import WaitingJobs

        look = WaitingJobs(self._database)
        while not self._ending.is_set():
            if self._worker_of() is None and self._is_wanted() and look.are_there():
                self.ensure_worker()
            self._ending.wait(_LOOK_S)

    def ensure_worker(self, *, is_asked: bool = False) -> PlaceState:
        """Opens the worker in a thread of its own, or wakes it; returns at once.

        ``is_asked``: a person wants it here until the program ends, whatever the setting says.
        """
        with self._lock:
            self._is_asked = self._is_asked or is_asked
            worker = self._worker_of()
            if worker is not None:
                worker.wake()
            elif self._starting is None and not self._ending.is_set() and (self._is_asked or self._is_wanted()):
                self._starting = threading.Thread(target=self._start, name="orchestrator-queue", daemon=True)
                self._starting.start()
        return self.state()

    def stop_worker(self, wait_s: float = 30.0) -> bool:
        """What runs here is put back. False where it did not stop in time."""
        with self._lock:
            self._is_asked = False
            starting = self._starting
        if starting is not None:
            starting.join(wait_s)
        with self._lock:
            jobs, self._jobs = self._jobs, None
            opened, self._opened = self._opened, ExitStack()
        if jobs is None:
            return True
        has_ended = jobs.close(wait_s)
        if has_ended:
            opened.close()
        return has_ended

    def close(self, wait_s: float = 10.0) -> bool:
        """The program ends, or loads this pack anew: nothing is opened here any more."""
        self._ending.set()
        has_ended = self.stop_worker(wait_s)
        with self._lock:
            store, self._store = self._store, None
            watching, self._watching = self._watching, None
        if watching is not None:
            watching.join(wait_s)
        if store is not None:
            store.close()
        return has_ended

    def abandon(self) -> None:
        """The process is about to end, and what it renders with it: its jobs go back to the queue at once."""
        self._ending.set()
        jobs = self._jobs
        if jobs is not None and jobs.worker is not None:
            jobs.worker.abandon()

    def state(self) -> PlaceState:
        """What runs here, or why nothing does. Asks no database."""
        jobs, said = self._jobs, tuple(self._said)
        worker = jobs.worker if jobs is not None else None
        if worker is not None and worker.failure is None and not worker.stopping.is_set():
            lanes = tuple(LaneState(*told) for told in worker.problems())
            running = tuple(job.number for job in worker.running())
            return PlaceState("working", f"{self.here} works on the queue.", worker.id, lanes, running, said)
        doing, why = self._why_not(str(worker.failure) if worker is not None and worker.failure else self._problem)
        return PlaceState(doing, why, said=said)

    def _why_not(self, problem: str) -> tuple[Doing, str]:
        if self._ending.is_set():
            return "closed", f"{self.here} is ending."
        if self._starting is not None:
            return "starting", f"{self.here} is about to work on the queue."
        if problem:
            return "failed", f"{self.here} cannot work on the queue: {problem}"
        if not (self._is_asked or self._is_wanted()):
            return "off", f"{self.here} does not work on the queue: its setting says so."
        return "asleep", f"{self.here} works on the queue as soon as there is a job."

    def _worker_of(self) -> Worker | None:
        worker = self._jobs.worker if self._jobs is not None else None
        return worker if worker is not None and worker.failure is None else None

    def _start(self) -> None:
        """In its own thread: it takes a second, and a host's loop must not wait."""
        problem = ""
        try:
            self._open_worker()
        except OrchestratorError as error:
            problem = str(error)
        except Exception as error:  # noqa: BLE001 - as a package that is broken: it is said, and the host goes on
            problem = f"{type(error).__name__}: {error}"
        if problem:
            self._say(f"{self.here} cannot work on the queue: {problem}")
        with self._lock:
            self._problem, self._starting = problem, None

    def _open_worker(self) -> None:
        from orchestrator_core.jobs.opening import open_jobs

        self._shut_failed()
        with ExitStack() as opened:
            lanes = opened.enter_context(self._lanes())
            jobs = open_jobs(
                lanes, database=self._database, folder=self._folder, ways=self._ways, after_crash="wait", tell=self._say
            )
            with self._lock:
                self._jobs, self._opened = jobs, opened.pop_all()
        if self._ending.is_set() and jobs.worker is not None:  # meanwhile
            jobs.worker.abandon()

    def _shut_failed(self) -> None:
        """What a worker that failed has left open."""
        with self._lock:
            jobs, self._jobs = self._jobs, None
            opened, self._opened = self._opened, ExitStack()
        if jobs is not None:
            jobs.close()
        opened.close()

    def _say(self, line: str) -> None:
        self._said[:] = [*self._said[1 - _SAID :], line]
        self._tell(line)
