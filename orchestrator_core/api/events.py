"""Events by SSE: what happens to one job until it has ended, or to the whole queue for as long as somebody listens.

``event: happened`` has an id, by which a client that was cut off goes on (Last-Event-ID); ``event: progress`` has none,
as it is old by the next; ``event: end`` is a job's last. Each ``data`` is one line of JSON.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from orchestrator_core.api.job_models import event_shown, job_shown
from orchestrator_core.api.jobs import job_named
from orchestrator_core.api.models import Query
from orchestrator_core.api.place import OpenStore
from orchestrator_core.api.refusing import BASE_HEADERS, Refusal, json_bytes
from orchestrator_core.api.routing import Call
from orchestrator_core.api.wire import Answer
from orchestrator_core.errors import OrchestratorError
from orchestrator_core.jobs.model import ENDED, Job
from orchestrator_core.jobs.queue import Queue

SSE = "text/event-stream"
PAUSE_S = 0.5
_BEAT_EVERY = 30  # looks: a line that says nothing keeps proxies from closing what is silent
_PAGE = 200
_MOST_FAILURES = 60  # looks in a row; a locked or absent database is waited for meanwhile
_LARGEST = 2**53


class EventsWanted(Query):
    after: int | None = Field(
        None, ge=0, le=_LARGEST, description="The number of the last event that is known. Last-Event-ID says the same."
    )


class Events:
    """An EventStream: ``_look`` gives what is new, and may raise OrchestratorError. ``greeting`` is its first line."""

    pause_s = PAUSE_S

    def __init__(self, greeting: str) -> None:
        self._greeting = f"retry: 2000\n: {greeting}\n\n".encode()
        self._looks = self._failures = 0
        self._has_ended = False

    def poll(self) -> bytes | None:
        if self._has_ended:
            return None
        self._looks += 1
        try:
            found = self._look()
        except OrchestratorError as error:
            return self._failed(error)
        self._failures = 0
        if self._looks == 1:
            return self._greeting + found
        return found or (b": still here\n\n" if self._looks % _BEAT_EVERY == 0 else b"")

    def close(self) -> None:
        self._has_ended = True

    def _failed(self, error: OrchestratorError) -> bytes:
        self._failures += 1
        if self._failures < _MOST_FAILURES:
            return b""
        self._has_ended = True
        return event_bytes("error", {"message": str(error)})

    def _look(self) -> bytes:
        raise NotImplementedError


class QueueEvents(Events):
    """Of all jobs; with ``job``, of that one."""

    def __init__(self, open_store: OpenStore, after: int, job: str | None = None) -> None:
        super().__init__("this is the queue")
        self._open_store, self._after, self._job = open_store, after, job
        self._progress: Any = None

    def _look(self) -> bytes:
        """The job first: once it has ended, all that happened to it is there."""
        with self._open_store() as store:
            queue = Queue(store)
            job = queue.job(self._job) if self._job is not None else None
            events = queue.events(self._after, _PAGE, self._job)
        told = [event_bytes("happened", event_shown(one).model_dump(), one.number) for one in events]
        if events:
            self._after = events[-1].number
        if job is not None:
            told.append(self._progress_of(job))
            if job.state in ENDED and len(events) < _PAGE:
                self._has_ended, self.pause_s = True, 0.0  # nobody has to wait for the end of the end
                told.append(event_bytes("end", job_shown(job).model_dump(mode="json")))
        return b"".join(told)

    def _progress_of(self, job: Job) -> bytes:
        now = {"state": job.state, "stage": job.stage, "progress": dict(job.progress)}
        if now == self._progress or (not job.stage and not job.progress):
            return b""
        self._progress = now
        return event_bytes("progress", now)


def event_bytes(name: str, data: Any, number: int | None = None) -> bytes:
    first = f"id: {number}\n" if number is not None else ""
    return f"{first}event: {name}\ndata: ".encode() + json_bytes(data) + b"\n\n"


def of_job(call: Call) -> Answer:
    with call.place.open_store() as store:
        job = job_named(Queue(store), call.names["job"])
    return stream_answer(QueueEvents(call.place.open_store, _after(call) or 0, job.id))


def of_all(call: Call) -> Answer:
    """From now on, where nobody says after which."""
    from orchestrator_core.store.jobs import queue_row

    after = _after(call)
    if after is None:
        with call.place.open_store() as store, store.reading() as connection:
            after = int(queue_row(connection)["events"])
    return stream_answer(QueueEvents(call.place.open_store, after))


def _after(call: Call) -> int | None:
    """The header is of a client that comes again, and so the later one."""
    heard = heard_last(call)
    after: int | None = call.query.after
    return after if heard is None else heard


def heard_last(call: Call) -> int | None:
    """What Last-Event-ID says. Raises Refusal."""
    header = call.head.headers.get("last-event-id", "").strip()
    if not header:
        return None
    if not header.isascii() or not header.isdecimal() or int(header[:20]) > _LARGEST:
        raise Refusal(400, "bad_event_id", "Last-Event-ID is not the number of an event.", "Last-Event-ID")
    return int(header)


def stream_answer(stream: Events) -> Answer:
    return Answer(200, content_type=SSE, headers={**BASE_HEADERS, "X-Accel-Buffering": "no"}, stream=stream)
