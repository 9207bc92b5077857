"""Cancellation: how somebody stops what is under way, from any thread, down to the host that renders."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from orchestrator_core.errors import Interrupted


class Cancellation:
    """One for each thing that can be stopped by itself; once cancelled it stays so."""

    def __init__(self) -> None:
        self._cancelled = threading.Event()
        self._lock = threading.Lock()
        self._stops: list[Callable[[], None]] = []

    def is_cancelled(self) -> bool:
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """Stops what waits for a host now, and all that asks whether to go on."""
        self._cancelled.set()
        with self._lock:
            stops = list(self._stops)
        for stop in stops:  # without the lock: this may ask a server
            stop()

    def check(self, what: str) -> None:
        """Raises Interrupted once cancelled; ``what`` was not done because of it."""
        if self._cancelled.is_set():
            raise Interrupted(f"It was stopped before {what} was done.")

    def wait(self, seconds: float, what: str) -> None:
        """Raises Interrupted as soon as it is cancelled; ``what`` is waited for."""
        self._cancelled.wait(seconds)
        self.check(what)

    @contextmanager
    def stopping(self, stop: Callable[[], None] | None) -> Iterator[None]:
        """Within the block ``cancel`` also calls ``stop``, which may come from another thread."""
        if stop is None:
            yield
            return
        with self._lock:
            self._stops.append(stop)
        try:
            yield
        finally:
            with self._lock:
                self._stops.remove(stop)
