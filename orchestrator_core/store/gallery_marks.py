"""Marks of images, field by field, each with the revision at which it was set. This is the one place where marks are.

Several people may mark one image at once: what they say of different fields is all kept, in the order in which it
arrives. Who says which revision he had seen is told when the same field was set to something else since. No clock of
anybody plays a part.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, update

from orchestrator_core.store.gallery_find import SHOWN
from orchestrator_core.store.gallery_images import MARKS, count_on
from orchestrator_core.store.gallery_tables import images, mark_log
from orchestrator_core.store.jobs import now_ms
from orchestrator_core.store.queries import chunks
from orchestrator_core.store.rows import Row

Values = Mapping[str, int]
# Made once: to build a statement anew takes longer than to run it.
_ROWS = select(*SHOWN).where(images.c.id.in_(bindparam("ids", expanding=True)))
_SET = {
    field: update(images)
    .where(images.c.id == bindparam("_id"))
    .values({field: bindparam("_value"), f"{field}_rev": bindparam("_at"), "revision": bindparam("_at")})
    for field in MARKS
}
_LOG = insert(mark_log)
_OPPOSITE = {"favourite": "reject", "reject": "favourite"}  # to set one takes the other away


@dataclass(frozen=True, slots=True)
class MarkChange:
    """``seen``: the revision that whoever says it had seen; ``was``: what the fields have to be. None: no check."""

    image_id: int
    fields: Values
    seen: int | None = None
    was: Values | None = None


@dataclass(frozen=True, slots=True)
class Marked:
    """``row``: the image as it is now, as ``gallery_find.images_of`` gives it. ``stale``: of each field that was set to
    something else meanwhile what it is. Then nothing was changed."""

    image_id: int
    row: Row
    changed: bool = False
    stale: Values | None = None

    @property
    def marks(self) -> Values:
        return {field: self.row[field] for field in MARKS}


def put(connection: Connection, changes: Sequence[MarkChange], *, takes_back: bool = False) -> tuple[int, list[Marked]]:
    """All of these as one step; its number (0 where nothing changed), and what became of each.

    Unknown ids are left out. Where one is stale nothing at all is changed. Who calls took his turn: nobody else marks.
    """
    rows = _rows(connection, [change.image_id for change in changes])
    planned = [(rows[one.image_id], one) for one in changes if one.image_id in rows]
    outcomes = [_outcome(row, change) for row, change in planned]
    if any(one.stale for one in outcomes):
        return 0, outcomes
    said = [
        (row, field, value)
        for row, change in planned
        for field, value in _wanted(row, change.fields).items()
        if row[field] != value
    ]
    if not said:
        return 0, outcomes
    last = count_on(connection, "revision", len(said))
    step = last - len(said) + 1
    _write(connection, said, step, takes_back)
    changed = {row["id"] for row, _, _ in said}
    for number, (row, field, value) in enumerate(said, step):
        row.update({field: value, "revision": number})
    return step, [replace(one, changed=one.image_id in changed) for one in outcomes]


def _rows(connection: Connection, ids: Iterable[int]) -> dict[int, Row]:
    return {
        row.id: row._asdict()
        for chunk in chunks(list(dict.fromkeys(ids)))
        for row in connection.execute(_ROWS, {"ids": chunk})
    }


def _wanted(row: Row, fields: Values) -> dict[str, int]:
    """With what the fields take away: a favourite is not rejected."""
    taken = {_OPPOSITE[name]: 0 for name, value in fields.items() if value and name in _OPPOSITE}
    return {name: value for name, value in taken.items() if row[name]} | dict(fields)


def _outcome(row: Row, change: MarkChange) -> Marked:
    wanted = _wanted(row, change.fields)
    stale = {
        field: row[field] for field, value in wanted.items() if row[field] != value and _is_stale(row, field, change)
    }
    return Marked(row["id"], row, stale=stale or None)


def _is_stale(row: Row, field: str, change: MarkChange) -> bool:
    if change.was is not None:
        return bool(row[field] != change.was.get(field, row[field]))
    return change.seen is not None and row[f"{field}_rev"] > change.seen


def _write(connection: Connection, said: Sequence[tuple[Row, str, int]], step: int, takes_back: bool) -> None:
    now = now_ms()
    log: list[Row] = []
    changes: dict[str, list[Row]] = {}
    for number, (row, field, value) in enumerate(said, step):
        entry = {"number": number, "step": step, "image_id": row["id"], "field": field, "at_ms": now}
        log.append(entry | {"before": row[field], "after": value, "undone": int(takes_back)})
        changes.setdefault(field, []).append({"_id": row["id"], "_value": value, "_at": number})
    for field, rows in changes.items():
        connection.execute(_SET[field], rows)
    connection.execute(_LOG, log)


def last_step(connection: Connection) -> int:
    """The newest that was not taken back; 0 where there is none."""
    return int(connection.execute(select(func.max(mark_log.c.step)).where(mark_log.c.undone == 0)).scalar() or 0)


def taking_back(connection: Connection, step: int) -> list[MarkChange]:
    """What takes this step back. A field that is something else by now is stale then."""
    of_step = mark_log.c.step == step
    rows = connection.execute(select(mark_log).where(of_step, mark_log.c.undone == 0).order_by(mark_log.c.number))
    by_image: dict[int, list[Any]] = {}
    for row in rows:
        by_image.setdefault(row.image_id, []).append(row)
    return [
        MarkChange(image_id, {row.field: row.before for row in said}, was={row.field: row.after for row in said})
        for image_id, said in by_image.items()
    ]


def set_taken_back(connection: Connection, step: int) -> None:
    connection.execute(update(mark_log).where(mark_log.c.step == step).values(undone=1))
