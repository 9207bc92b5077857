"""The queries behind the store's methods; each takes a connection, inside whose transaction it works."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Select, Table, bindparam, delete, func, literal_column, select
from sqlalchemy.dialects import postgresql, sqlite

from orchestrator_core.run import Run
from orchestrator_core.store import schema
from orchestrator_core.store.rows import Row, runs_of

CHUNK = 500  # ids in one statement; SQLite takes 999 at the least
CHILDREN = (schema.components, schema.run_loras, schema.images, schema.scores)  # choices go with their components
LOADED = (
    (schema.components, ("run_id", "side", "position")),
    (schema.choices, ("run_id", "side", "component", "position")),
    (schema.run_loras, ("run_id", "position")),
    (schema.images, ("run_id", "position")),
    (schema.scores, ("run_id", "position")),
)
KEPT_ON_CONFLICT = {"runs": ("created_ms",)}
_T = TypeVar("_T")


def _rows_of(table: Table, column: str, order: tuple[str, ...]) -> tuple[str, Select[Any]]:
    """The rows of the runs ``ids``: made once, as to put a statement together takes longer than to ask a few rows."""
    wanted = table.c[column].in_(bindparam("ids", expanding=True))
    return table.name, select(table).where(wanted).order_by(*(table.c[name] for name in order))


_ROWS = (_rows_of(schema.runs, "id", ("id",)), *(_rows_of(table, "run_id", order) for table, order in LOADED))


def save(connection: Connection, rows: Sequence[dict[str, list[Row]]]) -> None:
    """Write the rows of these runs in place of what was stored under their ids."""
    tables = {name: [row for one in rows for row in one[name]] for name in (rows[0] if rows else {})}
    if not tables:
        return
    # First the runs: PostgreSQL locks their rows by it, so that two writers of one run take turns.
    upsert(connection, schema.runs, ("id",), tables["runs"])
    keep_known_facts(connection, tables["images"])
    for ids in chunks([row["id"] for row in tables["runs"]]):
        for table in CHILDREN:
            connection.execute(delete(table).where(table.c.run_id.in_(ids)))
    for table, _ in LOADED:
        if tables[table.name]:
            connection.execute(table.insert(), tables[table.name])


def add_images(connection: Connection, run_id: str, rows: Sequence[Row]) -> None:
    """Add the rows after the run's images; one with the path of a stored image takes that one's place."""
    table = schema.images
    there = select(table.c.path, table.c.position).where(table.c.run_id == run_id)
    positions = {row.path: row.position for row in connection.execute(there)}
    free = count(max(positions.values(), default=-1) + 1)
    new = list({row["path"]: row for row in rows}.values())
    for row in new:
        row["position"] = positions[row["path"]] if row["path"] in positions else next(free)
    keep_known_facts(connection, new)
    upsert(connection, table, ("run_id", "position"), new)


def upsert(connection: Connection, table: Table, keys: Sequence[str], rows: list[Row]) -> None:
    """Insert, or where the key is there already, change all other columns."""
    if not rows:
        return
    insert: Callable[[Table], Any] = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    statement = insert(table)
    kept = (*keys, *KEPT_ON_CONFLICT.get(table.name, ()))
    changed = {name: statement.excluded[name] for name in rows[0] if name not in kept}
    connection.execute(statement.on_conflict_do_update(index_elements=list(keys), set_=changed), rows)


def keep_known_facts(connection: Connection, image_rows: list[Row]) -> None:
    """Fill in what is known already of files that cannot be read any more."""
    lacking = [row for row in image_rows if row["sha256"] is None]
    table = schema.images
    for ids in chunks(sorted({row["run_id"] for row in lacking})):
        known = {
            (row["run_id"], row["path"]): row
            for row in connection.execute(
                select(table).where(table.c.run_id.in_(ids), table.c.sha256.is_not(None))
            ).mappings()
        }
        for row in lacking:
            if before := known.get((row["run_id"], row["path"])):
                row.update({name: before[name] for name in ("sha256", "width", "height")})


def load(connection: Connection, ids: Sequence[str]) -> list[Run]:
    """The runs that are there, in the order of ``ids``."""
    found: dict[str, Run] = {}
    for chunk in chunks(ids):
        tables = {name: connection.execute(rows, {"ids": chunk}).mappings().all() for name, rows in _ROWS}
        found.update(runs_of(tables))
    return [found[id_] for id_ in ids if id_ in found]


def newest_ids(
    connection: Connection, limit: int, before: str | None, condition: ColumnElement[bool] | None = None
) -> Sequence[str]:
    """Ids of runs, newest first: those that ``new_run_id`` makes sort by time."""
    statement = select(schema.runs.c.id).order_by(schema.runs.c.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(schema.runs.c.id < before)
    if condition is not None:
        statement = statement.where(condition)
    return connection.execute(statement).scalars().all()


def having_text(text: str) -> ColumnElement[bool]:
    return schema.runs.c.search_text.contains(text.casefold(), autoescape=True)


def having_choice(key: str) -> ColumnElement[bool]:
    table = schema.choices
    # PostgreSQL's index is on the beginning of the key, and seen only if these numbers are literals; SQLite's on all.
    beginning = func.substr(table.c.key, literal_column("1"), literal_column("255"))
    return schema.runs.c.id.in_(select(table.c.run_id).where(beginning == key[:255], table.c.key == key))


def known_ids(connection: Connection, ids: Sequence[str]) -> set[str]:
    """Those of these ids that are of stored runs."""
    table = schema.runs.c
    return {
        found
        for chunk in chunks(ids)
        for found in connection.execute(select(table.id).where(table.id.in_(chunk))).scalars()
    }


def lock_run(connection: Connection, run_id: str) -> bool:
    """Whether the run is there; if so, nobody else changes it until the transaction ends."""
    statement = select(schema.runs.c.id).where(schema.runs.c.id == run_id).with_for_update()
    return connection.execute(statement).first() is not None


def chunks(ids: Sequence[_T]) -> Iterator[Sequence[_T]]:
    for start in range(0, len(ids), CHUNK):
        yield ids[start : start + CHUNK]
