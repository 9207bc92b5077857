"""Worker: takes jobs and runs them, one at a time in each of its lanes, and says that it lives.

A lane is one generator, or none for jobs that render nothing. All lanes share the worker's threads' one rule: what a
stage left is in the store before anything goes on.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator_core.errors import OrchestratorError, StoreError
from orchestrator_core.jobs import attempt as attempts
from orchestrator_core.jobs.attempt import Attempt, Said
from orchestrator_core.jobs.claiming import put_back
from orchestrator_core.jobs.desk import LaneDesk
from orchestrator_core.jobs.engine import Engine
from orchestrator_core.jobs.lane import Lane
from orchestrator_core.jobs.life import BEAT_S
from orchestrator_core.jobs.membership import Membership
from orchestrator_core.jobs.model import Job
from orchestrator_core.jobs.patience import Patience
from orchestrator_core.webhooks.delivering import Deliveries
from orchestrator_core.weights.waiting import teach_waiting

if TYPE_CHECKING:
    from orchestrator_core.store import Store

__all__ = ["Lane", "Ways", "Worker"]

POLL_S = 0.2  # between two looks for a job, while there are some
TICK_S = 1.0  # between two looks whether one is to stop


@dataclass(frozen=True, slots=True)
class Ways:
    """How a worker goes about it. ``takes_over``: it goes on with renderings of workers that died, unasked.

    ``beat_s`` … are for tests. ``jobs``: it ends after so many; None: when it is stopped.
    """

    takes_over: bool = False
    look_ahead: int = 20
    jobs: int | None = None
    until_empty: bool = False
    poll_s: float = POLL_S
    tick_s: float = TICK_S
    beat_s: float = BEAT_S
    silence_s: float = 30.0


class Worker:
    """``start`` and ``stop``, or ``run`` in this thread. ``tell`` is given lines for a person."""

    def __init__(
        self,
        store: Store,
        engine: Engine,
        lanes: Sequence[Lane],
        folder: Path,
        ways: Ways | None = None,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.store, self.engine, self.lanes, self.tell = store, engine, tuple(lanes), tell
        self.ways = ways or Ways()
        self.stopping = threading.Event()
        self.patience = Patience(self.stopping, tell)
        self.membership = Membership(store, folder, self.lanes, self.ways.silence_s)
        self.done = self.failed = 0
        self._attempts: list[Attempt] = []
        self._desks = [
            LaneDesk(lane, index, store, self.membership, self.patience, self.ways.poll_s)
            for index, lane in enumerate(self.lanes)
        ]
        self._lock = threading.Lock()
        self._left = self.ways.jobs
        self._threads: list[threading.Thread] = []
        self._deliveries = Deliveries(store, tell)
        self.failure: Exception | None = None
        self._membership_lock = threading.Lock()  # between saying that it lives, and that it does no more
        self._is_abandoned = False

    @property
    def id(self) -> str:
        return self.membership.id

    def start(self) -> None:
        """Begins to work in threads of its own. Raises StoreError, OSError."""
        self.membership.join()
        loops = [threading.Thread(target=self._guarded, args=(self._beat,), name="orchestrator-heart", daemon=True)]
        for desk in self._desks:
            loop = (partial(self._work, desk),)
            loops.append(threading.Thread(target=self._guarded, args=loop, name=f"jobs-{desk.lane.name}", daemon=True))
        self._threads = loops
        for thread in loops:
            thread.start()
        self._deliveries.start()

    def stop(self, wait_s: float | None = 30.0) -> bool:
        """Takes no job any more and puts back those that it runs, which go on where they ended. False: not in time."""
        self.stopping.set()
        self._stop_all("leaving")
        self.wake()
        return self.join(wait_s)

    def join(self, wait_s: float | None = None) -> bool:
        """Waits for the end; then this worker is gone from the store."""
        until = None if wait_s is None else time.monotonic() + wait_s
        for thread in self._threads[1:]:
            while thread.is_alive() and (until is None or time.monotonic() < until):
                thread.join(0.2)
        has_ended = not any(thread.is_alive() for thread in self._threads[1:])
        self.stopping.set()
        if has_ended:
            for thread in self._threads[:1]:
                thread.join(10)
            self._deliveries.stop()
            self.membership.leave()
        return has_ended

    def abandon(self) -> None:
        """The process ends now, and all that it renders with it: its jobs wait again, at their old places."""
        self._is_abandoned = True
        self.stopping.set()
        with self._membership_lock:
            with suppress(StoreError):  # who looks next sees by the lock that this process has ended
                put_back(self.store, self.id)
            self.membership.leave()

    def running(self) -> list[Job]:
        with self._lock:
            return [attempt.job for attempt in self._attempts]

    def _guarded(self, loop: Callable[[], None]) -> None:
        """A store that is damaged ends the worker, and says so."""
        try:
            loop()
        except Exception as error:  # noqa: BLE001 - kept for whoever waits for the worker
            self.failure = error
            self.tell(str(error))
            self.stopping.set()
            self._stop_all("leaving")
            self.wake()

    # taking and running jobs

    def _work(self, desk: LaneDesk) -> None:
        pulse, was_busy = desk.pulse, False
        while not self.stopping.is_set():
            job = self._next(desk, glance=not was_busy) if desk.answers() else None
            was_busy = job is not None
            if job is None:
                if self._is_through():
                    return
                desk.greet()
                pulse.rest()
                continue
            pulse.is_busy()
            kind = self._run(job, desk.lane)
            if kind == attempts.UNREACHABLE:
                desk.went_away(f"{desk.lane.name} does not answer.")
                pulse.rest()
            elif job.needs_gpu and kind == attempts.DONE:
                pulse.loaded = job.checkpoint

    def _next(self, desk: LaneDesk, *, glance: bool) -> Job | None:
        with self._lock:
            if self._left == 0:
                return None
        return desk.next(self.ways.look_ahead, glance=glance)

    def wake(self) -> None:
        """There is something to do: nobody waits for the next look."""
        for desk in self._desks:
            desk.pulse.wake()

    def problems(self) -> list[tuple[str, str]]:
        """Of each lane its name, and why it takes no job now, for people; "" where it does."""
        return [(desk.lane.name, desk.pulse.problem) for desk in self._desks]

    def _is_through(self) -> bool:
        """Nothing is left that this worker was started for."""
        if self._left == 0:
            return True
        return self.ways.until_empty and not self._attempts and not self._is_anything_left()

    def _is_anything_left(self) -> bool:
        with self.store.reading() as connection:
            return any(desk.has_more(connection) for desk in self._desks)

    def _run(self, job: Job, lane: Lane) -> str:
        attempt = Attempt(self.store, job, self.id, self.patience)
        with self._lock:
            self._attempts.append(attempt)
            if self.stopping.is_set():
                attempt.stop("leaving")
        try:
            kind = self.patience(lambda: self._attempted(attempt, lane))
        finally:
            with self._lock:
                self._attempts.remove(attempt)
                if self._left is not None and self._left > 0:
                    self._left -= 1
        with self._lock:
            self.done += kind == attempts.DONE
            self.failed += kind in (attempts.FAILED, attempts.OUT_OF_MEMORY)
        return kind

    def _attempted(self, attempt: Attempt, lane: Lane) -> str:
        job = attempt.job
        said: Said
        try:
            attempt.load()
            with lane.open(job) as context:
                attempt.context = context
                said = self.engine.run(f"{job.id}:{job.attempt}", len(attempt.stages), attempt.run_step)
        except StoreError:
            raise
        except OrchestratorError as error:
            said = {"ok": False, "kind": attempts.FAILED, "error": str(error)}
        except Exception as error:  # noqa: BLE001 - what a place gives its jobs may fail in any way: the lane goes on
            said = {"ok": False, "kind": attempts.FAILED, "error": f"{type(error).__name__}: {error}"}
        kind = attempt.end(said)
        self._deliveries.wake()
        if kind == attempts.DONE:
            with suppress(StoreError):  # whoever looks at the gallery next does it
                teach_waiting(self.store)
        self.tell(
            f"Job {job.number}: {kind}" + (f": {said['error']}" if kind != attempts.DONE and not said["ok"] else "")
        )
        return kind

    # living

    def _beat(self) -> None:
        """Every tick: progress, and what is to stop; every beat: that this worker lives, and who lives no more."""
        last = -math.inf
        while not self.stopping.wait(self.ways.tick_s) or self._attempts:
            with suppress(OrchestratorError):  # a store that is away is waited for by the lanes; a host may be away too
                self._tick()
                if time.monotonic() - last >= self.ways.beat_s:
                    self._watch()
                    last = time.monotonic()
            if self.membership.is_overdue():
                self._stop_all("leaving")
            if self.stopping.is_set():
                time.sleep(self.ways.tick_s)

    def _watch(self) -> None:
        with self._membership_lock:
            if self._is_abandoned:
                return
            if not self.membership.beat():  # taken for dead, as after a long sleep: its jobs are others' now
                self._stop_all("leaving")
                self.membership.join()
        for line in self.membership.bury(self.ways.takes_over):
            self.tell(line)

    def _tick(self) -> None:
        from orchestrator_core.store import job_claims

        with self._lock:
            running = list(self._attempts)
        if not running:
            return
        for attempt in running:
            if attempt.why:
                attempt.stop(attempt.why)  # a host may have missed it while the job was just beginning
        with self.store.reading() as connection:
            asked = job_claims.stops_asked(connection, self.id)
        for attempt in running:
            if attempt.job.id in asked:
                attempt.stop("asked")
            self._show(attempt)

    def _show(self, attempt: Attempt) -> None:
        from orchestrator_core.store import job_claims

        progress, attempt.progress = attempt.progress, None
        if progress is None:
            return
        shown = {"what": progress.what, "step": progress.step, "steps": progress.steps}
        with self.store.writing(wait_s=0.5) as connection:
            job_claims.set_progress(connection, attempt.job.id, self.id, attempt.job.attempt, shown)

    def _stop_all(self, why: str) -> None:
        with self._lock:
            running = list(self._attempts)
        for attempt in running:
            with suppress(OrchestratorError):
                attempt.stop(why)
