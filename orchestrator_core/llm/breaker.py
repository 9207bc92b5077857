"""Breaker: after two failures in a row a server is left alone for a while, so that a batch does not wait for each."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

FAILURES = 2
REST_S = 60.0


class Breaker:
    """``rest`` before a call, ``failed``, ``worked`` or ``undecided`` after it; any thread may.

    After the rest one call may try; if it fails too, the next rest begins at once.
    """

    def __init__(
        self, failures: int = FAILURES, rest_s: float = REST_S, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._most, self._rest_s, self._now = failures, rest_s, now
        self._failures, self._until = 0, 0.0
        self._lock = threading.Lock()

    def rest(self) -> float:
        """Seconds for which nothing should be asked; 0: ask. Who is told 0 after a rest tries for all others."""
        with self._lock:
            left = self._until - self._now()
            if left > 0:
                return left
            if self._failures >= self._most:
                self._until = self._now() + self._rest_s  # the others wait for what this one finds
            return 0.0

    def failed(self) -> None:
        with self._lock:
            self._failures += 1
            if self._failures >= self._most:
                self._until = self._now() + self._rest_s

    def worked(self) -> None:
        with self._lock:
            self._failures, self._until = 0, 0.0

    def undecided(self) -> None:
        """The call was given up before it could show anything."""
        with self._lock:
            self._until = 0.0
