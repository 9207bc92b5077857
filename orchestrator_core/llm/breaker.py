"""Breaker: after two failures in a row a server is left alone for a while, so that a batch does not wait for each."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from orchestrator_core.errors import Cancelled, LanguageModelError

FAILURES = 2
REST_S = 60.0
_AWAY = ("unreachable", "slow")  # what refuses, or answers badly, is there


class Breaker:
    """``with breaker.guarding(url):`` around each call; any thread may.

    After the rest one call may try, while the others still rest; if it fails too, the next rest begins at once.
    """

    def __init__(
        self, failures: int = FAILURES, rest_s: float = REST_S, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._most, self._rest_s, self._now = failures, rest_s, now
        self._failures, self._until = 0, 0.0
        self._lock = threading.Lock()

    @contextmanager
    def guarding(self, url: str) -> Iterator[None]:
        """Learns from what is raised inside. Raises LanguageModelError ("unreachable") at once during a rest."""
        if rest := self._rest():
            told = f"{url} did not answer lately, so it is left alone for {rest:.0f} s more."
            raise LanguageModelError(told, "unreachable")
        outcome = self._undecided  # what a callback raised says nothing of the server
        try:
            yield
            outcome = self._worked
        except LanguageModelError as error:
            if not isinstance(error, Cancelled):
                outcome = self._failed if error.kind in _AWAY else self._worked
            raise
        finally:
            outcome()

    def _rest(self) -> float:
        with self._lock:
            left = self._until - self._now()
            if left > 0:
                return left
            if self._failures >= self._most:
                self._until = self._now() + self._rest_s  # the others wait for what this one finds
            return 0.0

    def _failed(self) -> None:
        with self._lock:
            self._failures += 1
            if self._failures >= self._most:
                self._until = self._now() + self._rest_s

    def _worked(self) -> None:
        with self._lock:
            self._failures, self._until = 0, 0.0

    def _undecided(self) -> None:
        with self._lock:
            self._until = 0.0
