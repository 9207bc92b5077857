"""Jobs for tests: a small pipeline, a generator that is told what to do, a worker in this thread's hands."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from orchestrator_core.context import StageContext
from orchestrator_core.jobs.engine import Engine, PlainEngine
from orchestrator_core.jobs.model import Job, NewJob
from orchestrator_core.jobs.queue import Queue
from orchestrator_core.jobs.worker import Lane, Ways, Worker
from orchestrator_core.request import GeneratedImage, GenerationRequest, ImageNotes, OnProgress
from orchestrator_core.store import Store
from orchestrator_core.template import Wildcards
from tests.fakes import FakeGenerator

DRAW = {"id": "draw", "type": "generatePrompt", "options": {"template": "a {fox|owl}", "seed": 3}}
RENDER = {"id": "render", "type": "dispatch"}
QUICK = Ways(poll_s=0.01, tick_s=0.02, beat_s=0.05, silence_s=0.3)


def new_job(*stages: dict[str, Any], **fields: Any) -> NewJob:
    return NewJob(pipeline=list(stages or (DRAW, RENDER)), **fields)


def rendering_with(checkpoint: str, **fields: Any) -> NewJob:
    return new_job({**RENDER, "options": {"checkpoint": checkpoint}}, **fields)


class Gate:
    """A generator that waits in each rendering until it is opened or cancelled."""

    def __init__(self) -> None:
        self.began, self.opened, self.cancelled = threading.Event(), threading.Event(), threading.Event()

    def generate(
        self, request: GenerationRequest, notes: ImageNotes, on_progress: OnProgress
    ) -> tuple[GeneratedImage, ...]:
        from orchestrator_core.errors import Interrupted
        from orchestrator_core.request import Progress

        on_progress(Progress("sampler", 3, 20))
        self.began.set()
        while not self.opened.wait(0.01):
            if self.cancelled.is_set():
                raise Interrupted("The rendering was stopped.")
        return (GeneratedImage(Path("gate.png"), request, notes.run_id),)

    def cancel(self) -> None:
        self.cancelled.set()


def lane(generator: Any = None, *serves: str, resource: str = "card", name: str = "lane") -> Lane:
    @contextmanager
    def context(_job: Job) -> Iterator[StageContext]:
        yield StageContext(Wildcards([]), generator=generator)

    return Lane(name, context, ("", *serves) if generator is not None else (), resource if generator else "")


@contextmanager
def working(
    store: Store, folder: Path, *lanes: Lane, ways: Ways = QUICK, engine: Engine | None = None
) -> Iterator[Worker]:
    """A worker, as long as the block runs."""
    worker = Worker(store, engine or PlainEngine(), lanes or (lane(FakeGenerator(folder)),), folder, ways)
    worker.start()
    try:
        yield worker
    finally:
        assert worker.stop(20)


def run_all(store: Store, folder: Path, *lanes: Lane, ways: Ways = QUICK) -> None:
    """A worker works until nothing waits."""
    worker = Worker(store, PlainEngine(), lanes or (lane(FakeGenerator(folder)),), folder, _until_empty(ways))
    worker.start()
    assert worker.join(30)
    if worker.failure:
        raise worker.failure


def _until_empty(ways: Ways) -> Ways:
    from dataclasses import replace

    return replace(ways, until_empty=True)


def eventually(is_so: Callable[[], Any], seconds: float = 30) -> Any:
    until = time.monotonic() + seconds
    while not (found := is_so()):
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.01)
    return found


def waiting(queue: Queue) -> list[int]:
    """The numbers of the jobs that wait, in their order."""
    return [job.number for job in queue.page(["waiting"], 1000)]


def kinds(queue: Queue, number: int) -> list[str]:
    """What happened to a job."""
    return [event.kind for event in queue.events(job=queue.job(number).id)]
