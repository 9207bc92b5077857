"""``health`` and ``openapi.json``: what this is, and what may be asked of it."""

from __future__ import annotations

from pydantic import Field

import orchestrator_core
from orchestrator_core.api.models import Shown
from orchestrator_core.api.refusing import BASE_HEADERS
from orchestrator_core.api.routing import Call
from orchestrator_core.api.wire import Answer
from orchestrator_core.jobs.queue import Queue


class Health(Shown):
    """Answered where the store can be read."""

    status: str
    place: str = Field(description="standalone, comfyui or forge.")
    version: str
    is_paused: bool
    counts: dict[str, int] = Field(description="Of jobs, by state.")
    workers: int = Field(description="How many work on the queue, on whichever machine.")
    targets: list[str] = Field(description="Where this place itself can render.")


def health(call: Call) -> Health:
    with call.place.open_store() as store:
        queue = Queue(store)
        state, workers = queue.state(), queue.workers()
    return Health(
        status="ok",
        place=call.place.name,
        version=orchestrator_core.__version__,
        is_paused=state.is_paused,
        counts=dict(state.counts),
        workers=len(workers),
        targets=list(call.place.targets()),
    )


def openapi(call: Call) -> Answer:
    from orchestrator_core.api.openapi import document_bytes

    return Answer(200, document_bytes(), headers=BASE_HEADERS)
