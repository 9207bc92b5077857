"""``queue``: whether it goes on, how much is in it and who works on it."""

from __future__ import annotations

from pydantic import Field

from orchestrator_core.api.models import Asked, Shown, time_of
from orchestrator_core.api.routing import Call
from orchestrator_core.jobs.queue import Queue


class WorkerShown(Shown):
    id: str
    host: str
    serves: tuple[str, ...] = Field(description="Targets of jobs.")
    seen: str | None


class QueueShown(Shown):
    is_paused: bool
    reason: str
    counts: dict[str, int] = Field(description="Of jobs, by state.")
    workers: list[WorkerShown]
    last_event: int = Field(description="The number of the last event: give it as ``after`` to hear only what follows.")


class PauseAsked(Asked):
    reason: str = Field("", max_length=500)


def shown(call: Call) -> QueueShown:
    from orchestrator_core.store.jobs import queue_row

    with call.place.open_store() as store:
        queue = Queue(store)
        state, workers = queue.state(), queue.workers()
        with store.reading() as connection:
            last = int(queue_row(connection)["events"])
    listed = [WorkerShown(id=one.id, host=one.host, serves=one.serves, seen=time_of(one.seen_ms)) for one in workers]
    counts = dict(state.counts)
    return QueueShown(is_paused=state.is_paused, reason=state.reason, counts=counts, workers=listed, last_event=last)


def pause(call: Call) -> QueueShown:
    with call.place.open_store() as store:
        Queue(store).pause(call.body.reason)
    call.place.changed("jobs")
    return shown(call)


def resume(call: Call) -> QueueShown:
    with call.place.open_store() as store:
        Queue(store).resume()
    call.place.changed("jobs")
    return shown(call)
