"""One job on a ComfyUI server, from the queue to its images: progress, the end, and every way in which it can fail.

Events tell the way, ``/history`` tells the end. An image is fetched as soon as it is reported, so that what was
finished before a failure is kept.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from orchestrator_core.errors import GeneratorError, GeneratorUnreachable, HostRestarted, Interrupted, RenderFailed
from orchestrator_core.formats.comfy_links import Graph, title_of
from orchestrator_core.generators.comfy_api import ComfyApi, Finished, ImageRef, image_refs
from orchestrator_core.generators.comfy_names import describe
from orchestrator_core.generators.comfy_socket import ComfySocket
from orchestrator_core.request import OnProgress, Progress


@dataclass(frozen=True, slots=True)
class Timeouts:
    """In seconds. ``job`` is for a whole rendering, None for as long as it takes."""

    connect: float = 10.0  # also for any silence in an answer
    check: float = 3.0  # of silence on the socket, before the server is asked how the job is
    gone: float = 30.0  # without any answer, before the server is given up
    job: float | None = None


Fetch = Callable[[str, ImageRef], None]  # node id, image


class ComfyJob:
    """One job; it can be cancelled from any thread, also before it has begun."""

    def __init__(self, api: ComfyApi, on_progress: OnProgress, timeouts: Timeouts) -> None:
        self.api, self.on_progress, self.timeouts = api, on_progress, timeouts
        self.prompt_id = str(uuid.uuid4())
        self.cancelled = threading.Event()
        self._graph: Graph = {}
        self._fetch: Fetch = _no_fetch
        self._seen: set[ImageRef] = set()
        self._temporary: list[tuple[str, ImageRef]] = []
        self._last = Progress("")
        self._was_away = False  # the server, once, since the job began

    def run(self, graph: Graph, pnginfo: Mapping[str, Any], fetch: Fetch) -> list[str]:
        """Queue the graph, and block until it has ended well; ``fetch`` is called for each image as it is finished.

        Returns what is wrong with outputs that the server left out. Raises GeneratorError.
        """
        self._graph, self._fetch = graph, fetch
        client_id = uuid.uuid4().hex
        with ComfySocket(self.api.client, client_id) as socket:
            if self.cancelled.is_set():
                raise Interrupted("The rendering was stopped before it began.")
            queued = self.api.queue_prompt(graph, self.prompt_id, client_id, pnginfo)
            self.prompt_id = queued.prompt_id
            if self.cancelled.is_set():  # meanwhile, when the server did not know the job yet
                self.cancel()
            self._follow_or_stop(socket)
        return queued.left_out

    def follow(self, prompt_id: str, graph: Graph, fetch: Fetch) -> None:
        """The same for a job that is there already, whoever sent it."""
        self._graph, self._fetch, self.prompt_id = graph, fetch, prompt_id
        with ComfySocket(self.api.client, uuid.uuid4().hex) as socket:
            self._follow_or_stop(socket)

    def _follow_or_stop(self, socket: ComfySocket) -> None:
        try:
            self._follow(socket)
        except GeneratorUnreachable:
            raise
        except BaseException:  # a key was pressed, on_progress raised, the disk is full: the server must not go on
            self.cancel()
            raise

    def _follow(self, socket: ComfySocket) -> None:
        started = answered = time.monotonic()
        ended = False
        while not ended:
            pause = self.timeouts.check if socket.connected else min(1.0, self.timeouts.check)
            had_socket = socket.connected
            event = None if self.cancelled.is_set() else socket.receive(pause)
            self._was_away = self._was_away or (had_socket and not socket.connected)
            try:
                ended = self._ask() if event is None else self._on_event(event)
                answered = time.monotonic()
            except GeneratorUnreachable:
                self._was_away = True
                if time.monotonic() - answered > self.timeouts.gone:
                    raise
            if not ended:
                self._stop_if_asked(started)
        self._finish()

    def _stop_if_asked(self, started: float) -> None:
        if self.timeouts.job is not None and time.monotonic() - started > self.timeouts.job:
            raise RenderFailed(f"ComfyUI at {self.api.client.url} is not done after {self.timeouts.job:g} seconds.")
        if self.cancelled.is_set():  # ComfyUI forgets an interrupt that comes while a job is just beginning
            time.sleep(0.2)
            self.cancel()

    def cancel(self) -> None:
        """Stop it, or keep it from beginning; ``run`` then raises Interrupted."""
        self.cancelled.set()
        with suppress(GeneratorUnreachable):  # a server that is gone has stopped
            self.api.cancel(self.prompt_id)

    def _on_event(self, event: dict[str, Any]) -> bool:
        """True if the job has ended. Raises if it failed."""
        kind, data = event.get("type"), event["data"]
        if kind == "preview" and isinstance(data.get("image"), bytes):  # sent to the client whose job it is
            self.on_progress(replace(self._last, preview=data["image"]))
            return False
        if data.get("prompt_id") != self.prompt_id:
            return False
        if kind == "executed":
            self._take(str(data.get("node")), image_refs(data.get("output")))
        elif kind == "progress":
            self._report(data.get("node"), data.get("value"), data.get("max"))
        elif kind == "executing" and data.get("node") is not None:
            self._report(data.get("display_node") or data["node"])
        elif kind in ("execution_error", "execution_interrupted"):
            raise self._failure(str(kind), data)
        return kind == "execution_success" or (kind == "executing" and data.get("node") is None)

    def _report(self, node: Any, step: Any = 0, steps: Any = 0) -> None:
        known = self._graph.get(str(node))
        what = (title_of(known) or known["class_type"]) if known else f"node {node}"
        done, total = (value if isinstance(value, int) else 0 for value in (step, steps))
        self._last = Progress(what, done, total)
        self.on_progress(self._last)

    def _ask(self) -> bool:
        """Ask the server how the job is. True if it has ended. Raises if it failed, or is no longer known."""
        if finished := self.api.history(self.prompt_id):
            return self._ended(finished)
        place = self.api.queue_place(self.prompt_id)
        if place is not None:
            if place > 0:
                self.on_progress(Progress(f"waiting in ComfyUI's queue behind {place}"))
            return False
        if finished := self.api.history(self.prompt_id):  # it may have ended between the two questions
            return self._ended(finished)
        if self.cancelled.is_set():
            raise Interrupted("The rendering was stopped before it began.")
        kind = HostRestarted if self._was_away else RenderFailed
        raise kind(
            f"ComfyUI at {self.api.client.url} no longer knows this job: it was restarted, or somebody took the job "
            "out of its queue."
        )

    def _ended(self, finished: Finished) -> bool:
        failures = [item for item in finished.messages if item[0] in ("execution_error", "execution_interrupted")]
        made: Any = failures[0][1].get("executed") if failures else finished.images
        for node, images in finished.images.items():
            # The history of a failed job also lists what earlier jobs made in the nodes that it did not reach.
            if isinstance(made, list | dict) and node in made:
                self._take(node, images)
        if failures:
            raise self._failure(*failures[0])
        if not finished.succeeded:
            raise RenderFailed(f"ComfyUI at {self.api.client.url} says that the job failed, and not why.")
        return True

    def _finish(self) -> None:
        """Take what no event reported, as for nodes whose result was in the server's cache."""
        try:
            finished = self.api.history(self.prompt_id)
        except GeneratorUnreachable:
            if self._seen:
                return
            raise
        if finished:
            self._ended(finished)
        if not self._seen:  # nothing was saved, but a preview is an image too
            for node, image in self._temporary:
                self._fetch(node, image)

    def _take(self, node: str, images: list[ImageRef]) -> None:
        for image in images:
            if image.type == "temp":
                if (node, image) not in self._temporary:
                    self._temporary.append((node, image))
            elif image not in self._seen:
                self._fetch(node, image)
                self._seen.add(image)

    def _failure(self, kind: str, data: dict[str, Any]) -> GeneratorError:
        key = str(data.get("node_id"))
        place = describe(key, self._graph.get(key) or {"class_type": str(data.get("node_type")), "inputs": {}})
        if kind == "execution_interrupted":
            return Interrupted(f"The rendering was stopped at {place}.")
        what = str(data.get("exception_message") or "no message").strip()[:1000]
        kind = str(data.get("exception_type") or "an error").rsplit(".", 1)[-1]
        advice = " Try a smaller size or batch." if "OutOfMemory" in kind or "out of memory" in what.lower() else ""
        return RenderFailed(f"ComfyUI failed in {place}: {kind}: {what}{advice}")


def _no_fetch(node: str, image: ImageRef) -> None:
    raise AssertionError("the job has not begun")
