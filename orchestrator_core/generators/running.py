"""The jobs that a generator has under way, so that any thread can stop them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar


class Cancellable(Protocol):
    def cancel(self) -> None: ...


Job = TypeVar("Job", bound=Cancellable)


class RunningJobs:
    """``with running(job):`` while it is under way; ``cancel`` stops all that are."""

    def __init__(self) -> None:
        self._jobs: list[Cancellable] = []
        self._lock = threading.Lock()

    @contextmanager
    def running(self, job: Job) -> Iterator[Job]:
        with self._lock:
            self._jobs.append(job)
        try:
            yield job
        finally:
            with self._lock:
                self._jobs.remove(job)

    def cancel(self) -> None:
        with self._lock:
            jobs = list(self._jobs)
        for job in jobs:  # without the lock: this may ask a server, and an ending job needs it
            job.cancel()
