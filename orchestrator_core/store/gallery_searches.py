"""Searches of the gallery that a person keeps under a name."""

from __future__ import annotations

from sqlalchemy import Connection, delete, select

from orchestrator_core.store.gallery_tables import searches
from orchestrator_core.store.jobs import now_ms
from orchestrator_core.store.queries import upsert


def all_of(connection: Connection) -> list[tuple[str, str]]:
    rows = connection.execute(select(searches.c.name, searches.c.query).order_by(searches.c.name_key))
    return [(row.name, row.query) for row in rows]


def put(connection: Connection, name: str, query: str) -> None:
    row = {"name_key": name.casefold(), "name": name, "query": query, "updated_ms": now_ms()}
    upsert(connection, searches, ("name_key",), [row])


def delete_named(connection: Connection, name: str) -> bool:
    """False where there was none."""
    key = " ".join(name.split()).casefold()
    return connection.execute(delete(searches).where(searches.c.name_key == key)).rowcount > 0
