"""A call in a thread of its own, for a caller that has something to do until it ends: show progress, hear Ctrl-C."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


class Call(Generic[Answer]):
    """Begins at once, and does not keep the program from ending. ``done`` is set when ``result`` can be had."""

    def __init__(self, call: Callable[[], Answer]) -> None:
        self.done = threading.Event()  # join() cannot be trusted once Ctrl-C has broken into it (Python issue 89437)
        self._call = call
        self._error: BaseException | None = None
        threading.Thread(target=self._run, daemon=True, name="orchestrator rendering").start()

    def _run(self) -> None:
        try:
            self._answer = self._call()
        except BaseException as error:  # noqa: BLE001 - it is raised again in the thread that waits
            self._error = error
        self.done.set()

    def result(self) -> Answer:
        """Waits for the end. Raises what the call raised."""
        self.done.wait()
        if self._error is not None:
            raise self._error
        return self._answer
