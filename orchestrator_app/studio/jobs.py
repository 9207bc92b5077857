"""The jobs of all pages that run in this process."""

from __future__ import annotations

from typing import Protocol, TypeVar


class Startable(Protocol):
    """A job of any kind."""

    @property
    def is_over(self) -> bool: ...

    def start(self) -> object: ...

    def stop(self) -> None: ...


Started = TypeVar("Started", bound=Startable)


class Jobs:
    """A page that was closed left its own behind, and it can still be stopped."""

    def __init__(self) -> None:
        self._jobs: tuple[Startable, ...] = ()

    def start(self, job: Started) -> Started:
        self._jobs = (*self.running(), job)
        job.start()
        return job

    def running(self) -> tuple[Startable, ...]:
        return tuple(job for job in self._jobs if not job.is_over)
