"""One job on a Forge server, from its queue to its images: progress, the end, and how it is stopped.

One call renders and answers at the end; meanwhile the server is asked how our task is. Forge's interrupt stops whatever
runs, so it is sent only while the server says that this is our task.
"""

from __future__ import annotations

import re
import threading
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from orchestrator_core.errors import GeneratorUnreachable, Interrupted, RenderFailed
from orchestrator_core.generators.background import Call
from orchestrator_core.generators.forge_api import ForgeApi, Rendered, TaskState
from orchestrator_core.request import OnProgress, Progress

_PLACE = re.compile(r"In queue: (\d+)/")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """In seconds. ``job`` is for a whole rendering, None for as long as it takes."""

    connect: float = 10.0  # also for any silence in an answer
    look: float = 0.4  # between two questions about the progress
    gone: float = 120.0  # without any answer, before the server is given up: loading a model may keep it silent
    job: float | None = None


class ForgeJob:
    """One job; it can be cancelled from any thread, also before it has begun."""

    def __init__(self, api: ForgeApi, on_progress: OnProgress, timeouts: Timeouts) -> None:
        self.api, self.on_progress, self.timeouts = api, on_progress, timeouts
        self.task_id = f"task(orchestrator-{uuid.uuid4().hex})"
        self.cancelled = threading.Event()
        self._stopped = False
        self._preview_id = -1
        self._last: Progress | None = None

    def run(self, body: Mapping[str, Any]) -> Rendered:
        """Render, and block until the images are there. Raises GeneratorError; Interrupted if none was finished."""
        if self.cancelled.is_set():
            raise Interrupted("The rendering was stopped before it began.")
        call = Call(lambda: self.api.txt2img({**body, "force_task_id": self.task_id}))
        try:
            self._follow(call)
        except GeneratorUnreachable:
            raise
        except BaseException:  # a key was pressed, on_progress raised, it takes too long: the server must not go on
            self._stop_if_ours()
            raise
        rendered = call.result()
        if self._stopped or self._was_stopped(rendered):  # what comes then was only half painted
            raise Interrupted(f"The rendering was stopped on Forge at {self.api.url}.")
        return rendered

    def cancel(self) -> None:
        """Have it stopped; ``run`` then raises Interrupted, unless the images are just finished."""
        self.cancelled.set()

    def _follow(self, call: Call[Rendered]) -> None:
        started = answered = time.monotonic()
        while not call.done.wait(self.timeouts.look):
            try:
                self._look()
                answered = time.monotonic()
            except GeneratorUnreachable:
                if time.monotonic() - answered > self.timeouts.gone:
                    raise
            if self.timeouts.job is not None and time.monotonic() - started > self.timeouts.job:
                raise RenderFailed(f"Forge at {self.api.url} is not done after {self.timeouts.job:g} seconds.")

    def _look(self) -> None:
        state = self.api.task(self.task_id, self._preview_id)
        if state is None:
            if self.cancelled.is_set():
                raise Interrupted(f"Forge at {self.api.url} cannot say which job is ours, and so goes on with it.")
            self._report_steps(b"")  # of whatever runs
        elif state.active:
            self._on_active(state)
        elif state.queued:
            place = _PLACE.search(state.text)
            behind = f" behind {place[1]}" if place else ""
            stop = ", to be stopped when it begins" if self.cancelled.is_set() else ""  # nothing takes it out
            self._report(Progress(f"waiting in Forge's queue{behind}{stop}"))

    def _on_active(self, state: TaskState) -> None:
        self._preview_id = state.preview_id
        self._stopped = self._report_steps(state.preview) or self._stopped
        if self.cancelled.is_set():
            self.api.interrupt()
            self._stopped = True

    def _report_steps(self, preview: bytes) -> bool:
        """True if what runs was stopped by somebody."""
        found = self.api.steps()
        # Before the first step the number of steps is that of the job before.
        step = Progress("sampling", found.step, found.steps, preview) if found.step else Progress("preparing")
        self._report(step)
        return found.stopped

    def _report(self, progress: Progress) -> None:
        if progress != self._last:
            self._last = progress
            self.on_progress(progress)

    def _was_stopped(self, rendered: Rendered) -> bool:
        """Did somebody interrupt it between our last look and its end?"""
        try:
            found = self.api.steps()
        except GeneratorUnreachable:
            return False
        return found.stopped and bool(rendered.timestamp) and found.timestamp == rendered.timestamp

    def _stop_if_ours(self) -> None:
        with suppress(GeneratorUnreachable):  # a server that is gone has stopped
            state = self.api.task(self.task_id)
            if state is not None and state.active:
                self.api.interrupt()
