"""What lanes cannot do, as rows: which waiting jobs concern a lane, what living workers lack, and who holds which.

A worker's ``serves`` is JSON: {"lanes": [{"name", "serves": [targets], "away": why its host does not answer, "lacks":
{"checkpoints": {name: why}, "jobs": {id: why}}}]}. So what a worker lacks is forgotten with it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select, update

from orchestrator_core.store.job_tables import jobs, workers
from orchestrator_core.store.jobs import BRIEF, now_ms, tell
from orchestrator_core.store.queries import chunks
from orchestrator_core.store.rows import Stored

MOST = 400  # jobs that one lane passes over by name: SQLite takes 999 values in a statement


@dataclass(frozen=True, slots=True)
class Passing:
    """What a lane passes over: all jobs of some checkpoints, and some jobs."""

    checkpoints: Collection[str] = ()
    jobs: Collection[str] = ()

    def none_of_them(self) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = []
        if self.checkpoints:
            found.append(or_(jobs.c.needs_gpu == 0, jobs.c.checkpoint.not_in(list(self.checkpoints)[:MOST])))
        if self.jobs:
            found.append(jobs.c.id.not_in(list(self.jobs)[:MOST]))
        return found


NOTHING = Passing()


def _waiting_for(serves: Sequence[str]) -> ColumnElement[bool]:
    return and_(jobs.c.state == "waiting", jobs.c.needs_gpu == 1, jobs.c.target.in_(list(serves)))


def checkpoints_waiting(connection: Connection, serves: Sequence[str]) -> dict[str, int]:
    """Of the waiting jobs for these targets: each checkpoint, and when the last of its jobs was changed."""
    newest = func.max(jobs.c.updated_ms)
    statement = select(jobs.c.checkpoint, newest).where(_waiting_for(serves)).group_by(jobs.c.checkpoint)
    return {str(name): int(when) for name, when in connection.execute(statement)}


def still_waiting(connection: Connection, ids: Collection[str]) -> set[tuple[str, int]]:
    """Those of them that wait, each with the time of its last change."""
    found: set[tuple[str, int]] = set()
    for chunk in chunks(list(ids)):
        wanted = and_(jobs.c.state == "waiting", jobs.c.id.in_(chunk))
        found |= {
            (str(key), int(when))
            for key, when in connection.execute(select(jobs.c.id, jobs.c.updated_ms).where(wanted))
        }
    return found


def whole_rows(connection: Connection, ids: Collection[str]) -> Sequence[Stored]:
    return connection.execute(select(jobs).where(jobs.c.id.in_(list(ids)))).mappings().all()


def set_serves(connection: Connection, worker: str, serves: str) -> None:
    connection.execute(update(workers).where(workers.c.id == worker).values(serves=serves))


def living_lanes(connection: Connection) -> list[dict[str, Any]]:
    """The lanes of all workers that live; of one of an older pack, which says less, one that lacks nothing."""
    found: list[dict[str, Any]] = []
    for text in connection.execute(select(workers.c.serves).where(workers.c.state == "alive")).scalars():
        told = json.loads(text)
        found += told["lanes"] if isinstance(told, dict) else [{"name": "", "serves": ["", *told], "lacks": {}}]
    return [lane for lane in found if lane["serves"]]


def concerned(connection: Connection, serves: Sequence[str], passing: Passing, limit: int) -> Sequence[Stored]:
    """The waiting jobs that a lane of these targets passes over, in their order."""
    lacking = or_(jobs.c.checkpoint.in_(list(passing.checkpoints)[:MOST]), jobs.c.id.in_(list(passing.jobs)[:MOST]))
    statement = select(*BRIEF).where(_waiting_for(serves), lacking)
    return connection.execute(statement.order_by(jobs.c.priority.desc(), jobs.c.position).limit(limit)).mappings().all()


def hold(connection: Connection, job_id: str, reason: str, error: str) -> None:
    waiting = update(jobs).where(jobs.c.id == job_id, jobs.c.state == "waiting")
    if connection.execute(waiting.values(state="held", reason=reason, error=error, updated_ms=now_ms())).rowcount:
        tell(connection, [(job_id, "held", error)])
