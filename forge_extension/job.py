"""One job in the host's process: a thread that waits for the host, while its caller is told how far it is."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Mapping
from typing import Any, Protocol

from forge_extension.rendered import Look, Rendered
from orchestrator_core.errors import Interrupted
from orchestrator_core.generators.background import Call
from orchestrator_core.request import OnProgress, Progress

_LOOK = 0.2  # seconds between two looks at the progress


class Gate(Protocol):
    """The job's own state, told of its beginning and its end while the host's lock is held."""

    def begin(self) -> bool:
        """False: it is not to be begun any more."""
        ...

    def end(self) -> None: ...


class RenderingHost(Protocol):
    """What a job needs of the host; ``host.rendering`` has it."""

    def render(
        self, task: str, fields: Mapping[str, Any], infotext: Mapping[str, Any], gate: Gate
    ) -> Rendered | None: ...

    def look(self, preview_id: int) -> Look: ...

    def interrupt(self) -> None: ...


class Job:
    """It can be cancelled from any thread, also before it has begun. The host's interrupt stops whatever runs, so it
    is sent only while this job holds the queue."""

    def __init__(self, host: RenderingHost, on_progress: OnProgress) -> None:
        self.host, self.on_progress = host, on_progress
        self.task = f"task(orchestrator-{uuid.uuid4().hex})"
        self.is_cancelled = False
        self._is_running = False
        self._lock = threading.Lock()
        self._last: Progress | None = None

    def run(self, fields: Mapping[str, Any], infotext: Mapping[str, Any]) -> Rendered:
        """Render, and block until the images are there. Raises Interrupted, and what the host raises."""
        call = Call(lambda: self.host.render(self.task, fields, infotext, self))
        preview_id = 0
        try:
            while not call.done.wait(_LOOK):
                if self._is_running:
                    preview_id = self._report_steps(preview_id)
                elif self.is_cancelled:
                    break  # its thread gives up its place in the queue when it comes to it
                else:
                    self._report(Progress("waiting in Forge's queue"))
        except BaseException:  # a key was pressed, on_progress raised: the host must not go on
            self.cancel()
            raise
        rendered = call.result() if call.done.is_set() else None
        if rendered is None:
            raise Interrupted("The rendering was stopped before it began.")
        return rendered

    def cancel(self) -> None:
        """Have it stopped; ``run`` then comes back soon, with what was finished."""
        with self._lock:
            self.is_cancelled = True
            if self._is_running:
                self.host.interrupt()

    # called by the host while it holds its lock

    def begin(self) -> bool:
        with self._lock:
            self._is_running = not self.is_cancelled
            return self._is_running

    def end(self) -> None:
        with self._lock:
            self._is_running = False

    # progress

    def _report_steps(self, preview_id: int) -> int:
        """The preview that was seen last."""
        found = self.host.look(preview_id)
        number, of = found.passes
        what = f"sampling, pass {min(number + 1, of)} of {of}" if of > 1 else "sampling"
        # Before the first step the number of steps is that of the job before.
        step = Progress(what, found.step, found.steps, found.preview) if found.step else Progress("preparing")
        self._report(step)
        return found.preview_id

    def _report(self, progress: Progress) -> None:
        if progress != self._last:
            self._last = progress
            self.on_progress(progress)
