"""Scores finished runs in a thread of its own, beside the rendering: all that wait at a time, which is faster."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from orchestrator_core.errors import Cancelled, OrchestratorError
from orchestrator_core.llm.port import IsCancelled
from orchestrator_core.run import Run

# The runs with their scores, in their order; they are kept in the store, and learned from, where a person wants that.
# Raises OrchestratorError, Cancelled.
Rate = Callable[[Sequence[Run], IsCancelled], Sequence[Run]]
_MOST = 32  # runs that are scored together: so many stay unscored where one of them fails for all


class Rating:
    """``on_run`` is told of each run when it was looked at, with its scores or without; ``on_problem`` why without."""

    def __init__(self, rate: Rate, on_run: Callable[[Run], None], on_problem: Callable[[str], None]) -> None:
        self._rate, self._on_run, self._on_problem = rate, on_run, on_problem
        self._lock = threading.Lock()
        self._waiting: list[Run] = []
        self._thread: threading.Thread | None = None
        self._is_stopped = False

    def add(self, run: Run) -> None:
        """From any thread; the run is told of later."""
        with self._lock:
            self._waiting.append(run)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, daemon=True, name="orchestrator scores")
                self._thread.start()

    def stop(self) -> None:
        """What is not scored stays so."""
        self._is_stopped = True

    def _work(self) -> None:
        while runs := self._next():
            for run in self._scored(runs):
                self._on_run(run)

    def _next(self) -> list[Run]:
        with self._lock:
            runs, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
            if not runs:
                self._thread = None
            return runs

    def _scored(self, runs: Sequence[Run]) -> Sequence[Run]:
        if self._is_stopped:
            return runs
        try:
            return self._rate(runs, lambda: self._is_stopped)
        except Cancelled:
            return runs
        except OrchestratorError as problem:
            self._on_problem(str(problem))
        except Exception as problem:  # noqa: BLE001 - a run that is never told of would leave the page waiting for ever
            self._on_problem(f"This should not have happened ({type(problem).__name__}: {problem}).")
        return runs
