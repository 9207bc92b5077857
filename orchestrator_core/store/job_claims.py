"""What workers do with jobs: take one, keep what each stage left, end it, say that they live. As ``jobs.py``.

Each change of a job says who makes it and in which attempt: a worker that was given up changes nothing any more.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, insert, or_, select, update

from orchestrator_core.store.job_lacks import NOTHING, Passing
from orchestrator_core.store.job_tables import attempts, jobs, queue, steps, workers
from orchestrator_core.store.jobs import BRIEF, now_ms
from orchestrator_core.store.queries import upsert
from orchestrator_core.store.rows import Row, Stored


def lock_queue(connection: Connection) -> Stored:
    """The queue's row; nobody else takes a job until the transaction ends."""
    return connection.execute(select(queue).where(queue.c.id == 1).with_for_update()).mappings().one()


def is_busy(connection: Connection, resource: str) -> bool:
    running = exists().where(jobs.c.state == "running", jobs.c.resource == resource)
    return bool(connection.execute(select(running)).scalar())


def candidates(
    connection: Connection, serves: Sequence[str], limit: int, passing: Passing = NOTHING
) -> Sequence[Stored]:
    """The first waiting jobs that render for these targets (of none: nowhere), in their order, but for ``passing``."""
    may = or_(jobs.c.needs_gpu == 0, and_(jobs.c.needs_gpu == 1, jobs.c.target.in_(list(serves))))
    statement = select(*BRIEF).where(jobs.c.state == "waiting", may, *passing.none_of_them())
    return connection.execute(statement.order_by(jobs.c.priority.desc(), jobs.c.position).limit(limit)).mappings().all()


def is_alive(connection: Connection, worker: str) -> bool:
    alive = select(workers.c.id).where(workers.c.id == worker, workers.c.state == "alive")
    return connection.execute(alive).first() is not None


def owners_without_life(connection: Connection) -> Sequence[str]:
    """Workers that ended and left jobs running, as when the store was away at their end."""
    alive = select(workers.c.id).where(workers.c.state == "alive")
    left = select(jobs.c.owner).where(jobs.c.state == "running", jobs.c.owner.not_in(alive)).distinct()
    return connection.execute(left).scalars().all()


def pass_over(connection: Connection, ids: Sequence[str]) -> None:
    """Another was preferred to these."""
    if ids:
        connection.execute(update(jobs).where(jobs.c.id.in_(list(ids))).values(passed=jobs.c.passed + 1))


def take(connection: Connection, job_id: str, worker: str, resource: str) -> Stored | None:
    """The whole row, now running in a new attempt of this worker; None where it is waiting no more."""
    now = now_ms()
    taken = update(jobs).where(jobs.c.id == job_id, jobs.c.state == "waiting")
    values: Row = {"state": "running", "owner": worker, "resource": resource, "attempt": jobs.c.attempt + 1}
    values |= {"stop": 0, "error": "", "reason": "", "detail": "", "start": "", "stage": "", "progress": "{}"}
    values |= {"started_ms": now, "ended_ms": 0, "updated_ms": now}
    return connection.execute(taken.values(**values).returning(*jobs.c)).mappings().first()


def begin_attempt(connection: Connection, row: Row) -> None:
    connection.execute(insert(attempts), [{"state": "running", "error": "", "ended_ms": 0, **row}])


def keep_steps(connection: Connection, rows: Sequence[Row]) -> None:
    """Steps that an earlier attempt had done, as they are in this one."""
    if rows:
        connection.execute(insert(steps), rows)


def owns(connection: Connection, job_id: str, worker: str, attempt: int) -> bool:
    """Whether the job is this worker's; if so, nobody else changes it until the transaction ends."""
    mine = _mine(job_id, worker, attempt)
    return connection.execute(select(jobs.c.id).where(mine).with_for_update()).first() is not None


def _mine(job_id: str, worker: str, attempt: int) -> ColumnElement[bool]:
    return and_(jobs.c.id == job_id, jobs.c.owner == worker, jobs.c.attempt == attempt, jobs.c.state == "running")


def begin_step(connection: Connection, worker: str, row: Row) -> bool:
    """The stage is under way; in place of what an earlier start in the same attempt wrote. False as ``owns``."""
    under_way = update(jobs).where(_mine(row["job_id"], worker, row["attempt"]))
    now = now_ms()
    if not connection.execute(under_way.values(stage=row["stage_id"], progress="{}", updated_ms=now)).rowcount:
        return False
    empty = {"state": "started", "outcome": "", "note": "", "run": "", "seconds": 0.0, "started_ms": now}
    upsert(connection, steps, ("job_id", "attempt", "position"), [{**empty, **row}])
    return True


def end_step(connection: Connection, job_id: str, attempt: int, position: int, **left: Any) -> None:
    connection.execute(update(steps).where(_step(job_id, attempt, position)).values(state="done", **left))


def _step(job_id: str, attempt: int, position: int) -> ColumnElement[bool]:
    return and_(steps.c.job_id == job_id, steps.c.attempt == attempt, steps.c.position == position)


def end_attempt(connection: Connection, job_id: str, attempt: int, state: str, error: str = "") -> None:
    wanted = and_(attempts.c.job_id == job_id, attempts.c.number == attempt)
    connection.execute(update(attempts).where(wanted).values(state=state, error=error, ended_ms=now_ms()))


def running_of(connection: Connection, worker: str) -> Sequence[Stored]:
    """The jobs that this worker runs, whole."""
    statement = select(jobs).where(jobs.c.state == "running", jobs.c.owner == worker).with_for_update()
    return connection.execute(statement).mappings().all()


def stops_asked(connection: Connection, worker: str) -> set[str]:
    """Ids of this worker's jobs that a person wants to stop."""
    wanted = and_(jobs.c.state == "running", jobs.c.owner == worker, jobs.c.stop == 1)
    return set(connection.execute(select(jobs.c.id).where(wanted)).scalars())


def set_progress(connection: Connection, job_id: str, worker: str, attempt: int, progress: Row) -> None:
    mine = _mine(job_id, worker, attempt)
    text = json.dumps(progress, ensure_ascii=False)
    connection.execute(update(jobs).where(mine).values(progress=text, updated_ms=now_ms()))


def add_worker(connection: Connection, row: Row) -> None:
    now = now_ms()
    connection.execute(insert(workers), [{"state": "alive", "beats": 0, "started_ms": now, "seen_ms": now, **row}])


def beat(connection: Connection, worker: str) -> bool:
    """The worker lives. False where it was given up."""
    alive = update(workers).where(workers.c.id == worker, workers.c.state == "alive")
    return connection.execute(alive.values(beats=workers.c.beats + 1, seen_ms=now_ms())).rowcount > 0


def end_worker(connection: Connection, worker: str, state: str) -> None:
    alive = update(workers).where(workers.c.id == worker, workers.c.state == "alive")
    connection.execute(alive.values(state=state, seen_ms=now_ms()))


def forget_workers(connection: Connection, seen_before_ms: int) -> None:
    connection.execute(delete(workers).where(workers.c.state != "alive", workers.c.seen_ms < seen_before_ms))


def end_job(connection: Connection, job_id: str, worker: str, attempt: int, **columns: Any) -> bool:
    """It runs no more, and nobody owns it. False as ``owns``."""
    ended = update(jobs).where(_mine(job_id, worker, attempt))
    values: Row = {"owner": "", "resource": "", "stage": "", "progress": "{}", "stop": 0, "updated_ms": now_ms()}
    return connection.execute(ended.values(**values, **columns)).rowcount > 0
