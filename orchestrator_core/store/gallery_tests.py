"""LoRA tests as rows; each takes a connection, inside whose transaction it works."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from orchestrator_core.store.gallery_find import SHOWN
from orchestrator_core.store.gallery_tables import images
from orchestrator_core.store.lora_test_tables import lora_tests
from orchestrator_core.store.queries import chunks, upsert
from orchestrator_core.store.rows import Row, Stored


def put(connection: Connection, row: Row) -> None:
    """In place of what was known of it; when it was begun stays."""
    there = connection.execute(select(lora_tests.c.made_ms).where(lora_tests.c.id == row["id"])).scalar()
    upsert(connection, lora_tests, ("id",), [{**row, "made_ms": there or row["made_ms"]}])


def newest(connection: Connection, most: int) -> Sequence[Stored]:
    table = lora_tests.c
    statement = select(table.id, table.title, table.made_ms).order_by(table.updated_ms.desc(), table.id).limit(most)
    return connection.execute(statement).mappings().all()


def one(connection: Connection, test: str) -> Stored | None:
    return connection.execute(select(lora_tests).where(lora_tests.c.id == test)).mappings().first()


def images_of_runs(connection: Connection, run_ids: Sequence[str]) -> dict[str, Stored]:
    """Of each run its first image; of those that are gone too."""
    found: dict[str, Stored] = {}
    for chunk in chunks(run_ids):
        statement = select(*SHOWN).where(images.c.run_id.in_(chunk)).order_by(images.c.missing, images.c.id)
        for row in connection.execute(statement).mappings():
            found.setdefault(row["run_id"], row)
    return found
