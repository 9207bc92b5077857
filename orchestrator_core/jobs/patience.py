"""Patience: a database that is locked, full or away for an hour costs time and no work; one that is damaged is said."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from orchestrator_core.errors import NoDatabase, SchemaTooNew, StoreDamaged, StoreError

T = TypeVar("T")
FIRST_S, LONGEST_S = 0.2, 15.0  # between two tries


class Patience:
    """``tell`` is given the error once for each time of waiting; ``stopping`` ends the waiting with the error."""

    def __init__(self, stopping: threading.Event, tell: Callable[[str], None], limit_s: float = 24 * 3600) -> None:
        self.stopping, self.tell, self.limit_s = stopping, tell, limit_s

    def __call__(self, action: Callable[[], T]) -> T:
        """What the action returns, when it can. Raises StoreError where waiting does not help, or is over."""
        pause, until, was_told = FIRST_S, time.monotonic() + self.limit_s, False
        while True:
            try:
                return action()
            except (StoreDamaged, SchemaTooNew, NoDatabase):
                raise
            except StoreError as error:
                if time.monotonic() >= until or self.stopping.is_set():
                    raise
                if not was_told:
                    self.tell(f"{error} It is tried again until it can be done.")
                    was_told = True
            self.stopping.wait(pause)
            pause = min(pause * 2, LONGEST_S)
