"""Jobs in the states that a test names, without a worker."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

from orchestrator_core.jobs.model import NewJob
from orchestrator_core.jobs.place import QueuePlace
from orchestrator_core.jobs.queue import Queue
from tests.core.jobs.at_work import lane

RENDER = {"id": "render", "type": "dispatch", "options": {"checkpoint": "dream.safetensors"}}


def place_at(folder: Path) -> QueuePlace:
    """The queue in this folder, on which nobody works unasked."""
    database = f"sqlite:///{folder / 'queue.db'}"
    return QueuePlace("The studio", lambda: nullcontext([lane()]), is_wanted=lambda: False, database=database)


def add(queue: Queue, *states: str, **columns: Any) -> list[int]:
    """The numbers of new jobs, one in each of these states."""
    from orchestrator_core.store import jobs

    new = [NewJob(pipeline=[RENDER], title=f"prompt {place}", target="forge") for place, _ in enumerate(states)]
    added = [one.job for one in queue.add_all(new)]
    with queue.store.writing() as connection:
        for job, state in zip(added, states, strict=True):
            if state != "waiting" or columns:
                ended = jobs.now_ms() - 1000 if state in ("done", "failed", "cancelled") else 0
                jobs.change(connection, job.id, **{"state": state, "ended_ms": ended, **columns})
                jobs.tell(connection, [(job.id, state, "")])
    return [job.number for job in added]


def progress(queue: Queue, number: int, step: int) -> None:
    """As its worker writes it."""
    from orchestrator_core.store import jobs

    with queue.store.writing() as connection:
        told = f'{{"what": "sampler", "step": {step}, "steps": 20}}'
        jobs.change(connection, queue.job(number).id, stage="render", progress=told)
