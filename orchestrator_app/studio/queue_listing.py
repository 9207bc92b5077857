"""The part of the queue that a page shows, and whether it is still so: each is one look at the database."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator_app.studio.queue_view import QueueWish
from orchestrator_core.jobs.model import STATES, Job, QueueState, State, job_of

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from orchestrator_core.jobs.queue import Queue

PAGE = 50  # jobs
MOST_RUNNING = 20  # that are shown; each is one of a worker's lanes
# What comes first: what a person waits for, then what waits for a person, then what is over.
_SECTIONS: tuple[tuple[State, ...], ...] = (("waiting",), ("held", "failed"), ("done", "cancelled"))


@dataclass(frozen=True, slots=True)
class Listing:
    """``running`` and ``jobs`` are what is shown; ``counts`` are of what has the text, ``total`` is without those that
    run, ``page`` the one that it is."""

    running: tuple[Job, ...]
    jobs: tuple[Job, ...]
    counts: Mapping[str, int]
    total: int
    page: int
    state: QueueState

    @property
    def first(self) -> int:
        """The place of the first of ``jobs``, from 0."""
        return self.page * PAGE


def listed(queue: Queue, wish: QueueWish) -> Listing:
    """Raises StoreError."""
    from orchestrator_core.store import jobs

    with queue.store.reading() as connection:
        row, everything = jobs.queue_row(connection), jobs.counts(connection)
        counts = jobs.counts(connection, wish.text) if wish.text else everything
        sections = _sections(wish)
        total = sum(counts.get(state, 0) for states in sections for state in states)
        page = min(max(0, wish.page), max(0, (total - 1) // PAGE))
        at_work = _running(connection, wish)
        shown = _part(connection, sections, counts, wish.text, page * PAGE)
    state = QueueState(bool(row["paused"]), row["reason"], {one: everything.get(one, 0) for one in STATES})
    every: dict[str, int] = {one: counts.get(one, 0) for one in STATES}
    return Listing(at_work, shown, every, total, page, state)


def running(queue: Queue, wish: QueueWish) -> tuple[Job, ...]:
    """Those of the list that run now. Raises StoreError."""
    with queue.store.reading() as connection:
        return _running(connection, wish)


def _running(connection: Connection, wish: QueueWish) -> tuple[Job, ...]:
    from orchestrator_core.store import jobs

    if wish.state not in ("", "running"):
        return ()
    return tuple(map(job_of, jobs.page(connection, ["running"], MOST_RUNNING, 0, wish.text)))


def _sections(wish: QueueWish) -> Sequence[tuple[str, ...]]:
    if wish.state == "running":
        return ()
    return ((wish.state,),) if wish.state else _SECTIONS


def _part(
    connection: Connection, sections: Sequence[tuple[str, ...]], counts: Mapping[str, int], text: str, offset: int
) -> tuple[Job, ...]:
    """A page of the sections one behind the other."""
    from orchestrator_core.store import jobs

    found: list[Job] = []
    for states in sections:
        size = sum(counts.get(state, 0) for state in states)
        if offset < size and len(found) < PAGE:
            rows = jobs.page(connection, states, PAGE - len(found), offset, text)
            found += map(job_of, rows)
        offset = max(0, offset - size)
    return tuple(found)


def numbers(queue: Queue, wish: QueueWish, states: Collection[str], most: int) -> list[int]:
    """Of all jobs of the list in these states, in their order, at most so many. Raises StoreError."""
    from orchestrator_core.store import jobs

    found: list[int] = []
    with queue.store.reading() as connection:
        for section in (("running",), *_SECTIONS):
            of = [one for one in section if one in states and wish.state in ("", one)]
            if of and len(found) < most:
                found += [row["number"] for row in jobs.page(connection, of, most - len(found), 0, wish.text)]
    return found


def neighbours(queue: Queue, wish: QueueWish, number: int) -> tuple[list[int], int]:
    """The waiting jobs around one of the page, in their order, and its place among them; -1 where it is not there."""
    from orchestrator_core.store import jobs

    first = max(0, wish.page * PAGE - PAGE)
    with queue.store.reading() as connection:
        rows = jobs.page(connection, ["waiting"], 3 * PAGE, first, wish.text)
    order = [row["number"] for row in rows]
    return order, order.index(number) if number in order else -1


@dataclass(frozen=True, slots=True)
class Pulse:
    """Two of one queue are equal while a page would show the same; ``at_work`` is what changes all the time."""

    rest: tuple[object, ...] = ()
    at_work: tuple[tuple[object, ...], ...] = ()


def pulse(queue: Queue) -> Pulse:
    """Raises StoreError."""
    from orchestrator_core.store import jobs

    with queue.store.reading() as connection:
        row, counts = jobs.queue_row(connection), jobs.counts(connection)
        running = jobs.page(connection, ["running"], MOST_RUNNING, 0)
        workers = jobs.worker_rows(connection, ("alive",))
    at_work = tuple((one["number"], one["stage"], one["progress"], one["stop"]) for one in running)
    lives = tuple(one["id"] for one in workers)
    return Pulse((row["events"], row["paused"], row["reason"], tuple(sorted(counts.items())), lives), at_work)


def images_of(queue: Queue, run_ids: Sequence[str]) -> Mapping[str, tuple[Path, ...]]:
    """The files of these runs' images, in their order. Raises StoreError."""
    from sqlalchemy import select

    from orchestrator_core.store.schema import images

    found: dict[str, tuple[Path, ...]] = {}
    if not run_ids:
        return found
    statement = select(images.c.run_id, images.c.path).where(images.c.run_id.in_(run_ids))
    with queue.store.reading() as connection:
        for run_id, path in connection.execute(statement.order_by(images.c.run_id, images.c.position)):
            found[run_id] = (*found.get(run_id, ()), Path(path))
    return found
