"""A worker among others: its row and its lock while it lives, and what it does for those that live no more."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator_core.jobs.claiming import give_up
from orchestrator_core.jobs.lane import Lane
from orchestrator_core.jobs.life import LEASE_S, SILENCE_S, LifeLock, Watch, this_machine
from orchestrator_core.jobs.queue import Queue

if TYPE_CHECKING:
    from orchestrator_core.store import Store

KEPT_MS = 7 * 86_400_000  # that workers which ended are remembered


class Membership:
    """Each ``join`` is under another id: whoever was taken for dead does not come back as itself."""

    def __init__(self, store: Store, folder: Path, lanes: Sequence[Lane], silence_s: float = SILENCE_S) -> None:
        self.store, self.folder = store, folder
        self.id = ""
        self._lanes: list[dict[str, Any]] = [
            {"name": lane.name, "serves": list(lane.serves), "lacks": {}, "away": ""} for lane in lanes
        ]
        self._telling = threading.Lock()
        self._watch = Watch(silence_s)
        self._lock: LifeLock | None = None
        self._last = time.monotonic()
        # Others see the lock of a worker on one SQLite file; of one elsewhere they see its beats alone.
        self._lease_s = LEASE_S if store.engine.dialect.name == "postgresql" else float("inf")

    def join(self) -> None:
        """Raises StoreError, OSError."""
        from orchestrator_core.store import job_claims

        self._release()
        self.id = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
        self._lock = LifeLock(self.folder / "workers" / f"{self.id}.lock")
        row = {"id": self.id, "host": this_machine(), "pid": os.getpid(), "lock": str(self._lock.path)}
        with self.store.writing() as connection:
            job_claims.add_worker(connection, {**row, "serves": self._serves()})
        self._last = time.monotonic()

    def lacks(self, lane: int, checkpoints: Mapping[str, str], jobs: Mapping[str, str]) -> None:
        """What the host of this lane has not, for whom to hold a job. Raises StoreError."""
        from orchestrator_core.store import job_lacks

        said = {"checkpoints": dict(checkpoints), "jobs": dict(jobs)}
        with self._telling:
            if (self._lanes[lane]["lacks"] or {"checkpoints": {}, "jobs": {}}) == said:
                return
            self._lanes[lane]["lacks"] = said
            with self.store.writing() as connection:
                job_lacks.set_serves(connection, self.id, self._serves())

    def away(self, lane: int, why: str) -> None:
        """Why the host of this lane does not answer; "" where it does. Raises StoreError."""
        from orchestrator_core.store import job_lacks

        with self._telling:
            if self._lanes[lane]["away"] == why:
                return
            self._lanes[lane]["away"] = why
            with self.store.writing() as connection:
                job_lacks.set_serves(connection, self.id, self._serves())

    def _serves(self) -> str:
        return json.dumps({"lanes": self._lanes}, ensure_ascii=False)

    def beat(self) -> bool:
        """False where this worker was given up. Raises StoreError."""
        from orchestrator_core.store import job_claims

        with self.store.writing() as connection:
            lives = job_claims.beat(connection, self.id)
        self._last = time.monotonic()
        return lives

    def is_overdue(self) -> bool:
        """It could not say for so long that it lives that others may soon take its jobs."""
        return time.monotonic() - self._last > self._lease_s

    def bury(self, takes_over: bool) -> list[str]:
        """Gives up workers that have died; what became of their jobs, for people. Raises StoreError."""
        from orchestrator_core.store import job_claims

        dead = self._watch.dead(Queue(self.store).workers(), but=self.id)
        with self.store.reading() as connection:
            left = job_claims.owners_without_life(connection)
        said: list[str] = []
        for gone in dict.fromkeys([*(worker.id for worker in dead), *left]):
            said += give_up(self.store, gone, takes_over)
        for worker in dead:
            with suppress(OSError):
                Path(worker.lock).unlink()
        return said

    def leave(self) -> None:
        """Gone, and nobody has to wonder. Raises nothing: a store that is away sees it by the lock."""
        from orchestrator_core.errors import StoreError
        from orchestrator_core.store import job_claims, jobs

        with suppress(StoreError), self.store.writing() as connection:
            job_claims.end_worker(connection, self.id, "ended")
            job_claims.forget_workers(connection, jobs.now_ms() - KEPT_MS)
        self._release()

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None
