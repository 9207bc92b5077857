"""Jobs as rows: added, looked at, put in order, counted; each takes a connection, inside whose transaction it works.

``jobs/`` gives them their types and says what may be done with which; ``job_claims.py`` is what workers do.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, insert, or_, select, update

from orchestrator_core.store import webhooks
from orchestrator_core.store.job_tables import attempts, events, jobs, queue, steps, workers
from orchestrator_core.store.queries import chunks
from orchestrator_core.store.rows import Row, Stored

SPACE = 1024  # between two neighbours in the order, for those that are moved between them
ALL = frozenset({"waiting", "running", "held", "done", "failed", "cancelled"})
PENDING = ("waiting", "held")  # what can be put into another order
_ENDS = {*webhooks.EVENTS, "lost"}  # kinds after which a job may have come to one of the states that webhooks tell
BRIEF = [column for column in jobs.c if column.name not in ("pipeline", "run", "detail")]


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def add(connection: Connection, new: Sequence[Row]) -> list[Stored]:
    """Insert these jobs behind all others; the row of each, in place of which one with its key may be there already."""
    known = _by_key(connection, [row["key"] for row in new if row["key"] is not None])
    fresh: list[Row] = []
    found: list[Stored] = []
    for row in new:
        there = known.get(row["key"]) if row["key"] is not None else None
        if there is None:
            fresh.append(row)
            known |= {row["key"]: row} if row["key"] is not None else {}
        found.append(there or row)
    if fresh:
        last = _count_on(connection, "jobs", len(fresh))
        for number, row in enumerate(fresh, last - len(fresh) + 1):
            row.update(number=number, position=number * SPACE)
        connection.execute(insert(jobs), fresh)
        tell(connection, [(row["id"], "added", "") for row in fresh])
    return found


def _by_key(connection: Connection, keys: Sequence[str]) -> dict[str, Stored]:
    return {
        row["key"]: row
        for chunk in chunks(keys)
        for row in connection.execute(select(*BRIEF).where(jobs.c.key.in_(chunk))).mappings()
    }


def keys_there(connection: Connection, keys: Sequence[str]) -> set[str]:
    """Those of these keys that a job has."""
    return set(_by_key(connection, keys))


def _count_on(connection: Connection, counter: str, by: int) -> int:
    """The counter, after it grew; nobody else counts until the transaction ends."""
    column = queue.c[counter]
    grown = update(queue).where(queue.c.id == 1).values({counter: column + by}).returning(column)
    return int(connection.execute(grown).scalar_one())


def tell(connection: Connection, said: Sequence[tuple[str, str, str]]) -> None:
    """Add to the history: (job's id or "", kind, words for a person)."""
    if not said:
        return
    last, now = _count_on(connection, "events", len(said)), now_ms()
    rows = [
        {"number": number, "job_id": job_id, "at_ms": now, "kind": kind, "text": text}
        for number, (job_id, kind, text) in enumerate(said, last - len(said) + 1)
    ]
    connection.execute(insert(events), rows)
    webhooks.ended(connection, {job_id for job_id, kind, _ in said if kind in _ENDS}, now)


def found(connection: Connection, name: str) -> Stored | None:
    """The whole row of the job with this number or id."""
    by_number = name.isdecimal() and len(name) < 16
    wanted = jobs.c.number == int(name) if by_number else jobs.c.id == name
    return connection.execute(select(jobs).where(wanted)).mappings().first()


def locked(connection: Connection, name: str) -> Stored | None:
    """The same, and nobody else changes it until the transaction ends."""
    row = found(connection, name)
    if row is None:
        return None
    statement = select(jobs).where(jobs.c.id == row["id"]).with_for_update()
    return connection.execute(statement).mappings().first()


def pipeline_of_run(connection: Connection, run_id: str) -> str:
    """The pipeline, as JSON, of the job that made this run; "" where none did."""
    attempted = select(attempts.c.job_id).where(attempts.c.run_id == run_id).limit(1).scalar_subquery()
    for wanted in (jobs.c.id == run_id, jobs.c.run_id == run_id, jobs.c.id == attempted):  # the first is the usual way
        found = connection.execute(select(jobs.c.pipeline).where(wanted).limit(1)).scalar()
        if found is not None:
            return str(found)
    return ""


def page(connection: Connection, states: Sequence[str], limit: int, offset: int, text: str = "") -> Sequence[Stored]:
    """Jobs in these states without what is large: waiting and running ones in their order, others newest first."""
    statement = select(*BRIEF).limit(limit).offset(offset)
    if set(states) < ALL:  # of all, none has to be looked for, and their index by number alone is enough
        statement = statement.where(jobs.c.state.in_(states))
    if text:
        statement = statement.where(_having(text))
    if set(states) <= {"waiting", "running"}:
        statement = statement.order_by(jobs.c.state, jobs.c.priority.desc(), jobs.c.position)
    else:
        statement = statement.order_by(jobs.c.number.desc())
    return connection.execute(statement).mappings().all()


def _having(text: str) -> ColumnElement[bool]:
    fields = (jobs.c.title, jobs.c.tags, jobs.c.target, jobs.c.checkpoint)
    return or_(*(func.lower(field).contains(text.lower(), autoescape=True) for field in fields))


def counts(connection: Connection, text: str = "") -> dict[str, int]:
    """How many jobs are in each state; with a text, how many of those that have it."""
    statement = select(jobs.c.state, func.count()).group_by(jobs.c.state)
    if text:
        statement = statement.where(_having(text))
    return {str(state): int(number) for state, number in connection.execute(statement)}


def change(connection: Connection, job_id: str, **columns: Any) -> None:
    connection.execute(update(jobs).where(jobs.c.id == job_id).values(updated_ms=now_ms(), **columns))


def place_at_top(connection: Connection, job_id: str) -> None:
    """Before all others, whatever their priority. A priority that is higher than theirs is kept."""
    first = _edge(connection, func.max, func.min, job_id)
    if first is not None and _row(connection, job_id)["priority"] <= first[0]:
        change(connection, job_id, priority=first[0], position=first[1] - SPACE)


def place_at_end(connection: Connection, job_id: str) -> None:
    """Behind all others. A priority that is lower than theirs is kept."""
    last = _edge(connection, func.min, func.max, job_id)
    if last is not None and _row(connection, job_id)["priority"] >= last[0]:
        change(connection, job_id, priority=last[0], position=last[1] + SPACE)


def _edge(connection: Connection, of_priority: Any, of_position: Any, but: str) -> tuple[int, int] | None:
    others = (jobs.c.state.in_(PENDING), jobs.c.id != but)
    priority = connection.execute(select(of_priority(jobs.c.priority)).where(*others)).scalar()
    if priority is None:
        return None
    position = select(of_position(jobs.c.position)).where(*others, jobs.c.priority == priority)
    return int(priority), int(connection.execute(position).scalar_one())


def place_before(connection: Connection, job_id: str, other: Stored) -> None:
    """Just before the other one, with its priority."""
    before = _position_before(connection, job_id, other)
    if other["position"] - before < 2:
        _space_out(connection, other["priority"])
        other = _row(connection, other["id"])
        before = _position_before(connection, job_id, other)
    change(connection, job_id, priority=other["priority"], position=(before + int(other["position"])) // 2)


def _row(connection: Connection, job_id: str) -> Stored:
    return connection.execute(select(*BRIEF).where(jobs.c.id == job_id)).mappings().one()


def _position_before(connection: Connection, job_id: str, other: Stored) -> int:
    statement = select(func.max(jobs.c.position)).where(
        jobs.c.state.in_(PENDING),
        jobs.c.priority == other["priority"],
        jobs.c.position < other["position"],
        jobs.c.id != job_id,
    )
    found = connection.execute(statement).scalar()
    return int(other["position"]) - 2 * SPACE if found is None else int(found)


def _space_out(connection: Connection, priority: int) -> None:
    """New positions, in the old order. After all of theirs, so that what ended keeps its own."""
    there = (jobs.c.state.in_(PENDING), jobs.c.priority == priority)
    ids = connection.execute(select(jobs.c.id).where(*there).order_by(jobs.c.position)).scalars().all()
    first = int(connection.execute(select(func.min(jobs.c.position)).where(*there)).scalar_one())
    for number, job_id in enumerate(ids):
        connection.execute(update(jobs).where(jobs.c.id == job_id).values(position=first + number * SPACE))


def queue_row(connection: Connection) -> Stored:
    return connection.execute(select(queue).where(queue.c.id == 1)).mappings().one()


def set_paused(connection: Connection, is_paused: bool, reason: str) -> None:
    connection.execute(update(queue).where(queue.c.id == 1).values(paused=int(is_paused), reason=reason))
    tell(connection, [("", "paused" if is_paused else "resumed", reason)])


def history(connection: Connection, after: int, limit: int, job_id: str | None = None) -> Sequence[Stored]:
    """What happened after the event of this number, in its order; of one job, or of all."""
    statement = select(events).where(events.c.number > after).order_by(events.c.number).limit(limit)
    if job_id is not None:
        statement = statement.where(events.c.job_id == job_id)
    return connection.execute(statement).mappings().all()


def attempts_of(connection: Connection, job_id: str) -> Sequence[Stored]:
    statement = select(attempts).where(attempts.c.job_id == job_id).order_by(attempts.c.number)
    return connection.execute(statement).mappings().all()


def steps_of(connection: Connection, job_id: str, attempt: int) -> Sequence[Stored]:
    """What the stages of this attempt left, in their order."""
    wanted = (steps.c.job_id == job_id, steps.c.attempt == attempt)
    return connection.execute(select(steps).where(*wanted).order_by(steps.c.position)).mappings().all()


def worker_rows(connection: Connection, states: Iterable[str]) -> Sequence[Stored]:
    statement = select(workers).where(workers.c.state.in_(list(states))).order_by(workers.c.started_ms, workers.c.id)
    return connection.execute(statement).mappings().all()


def forget(connection: Connection, states: Sequence[str], ended_before_ms: int) -> int:
    """Delete jobs that ended before; how many. Their runs and images stay."""
    old = (jobs.c.state.in_(states), jobs.c.ended_ms < ended_before_ms)
    ids = connection.execute(select(jobs.c.id).where(*old)).scalars().all()
    for chunk in chunks(ids):
        connection.execute(delete(events).where(events.c.job_id.in_(chunk)))
        connection.execute(delete(jobs).where(jobs.c.id.in_(chunk)))
    return len(ids)


def whole(connection: Connection, states: Sequence[str], after: int, limit: int) -> Sequence[Stored]:
    """Whole rows by number, for who takes them elsewhere."""
    statement = select(jobs).where(jobs.c.state.in_(states), jobs.c.number > after).order_by(jobs.c.number)
    return connection.execute(statement.limit(limit)).mappings().all()
