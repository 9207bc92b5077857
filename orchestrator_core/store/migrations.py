"""How the tables came to be: numbered steps, each applied once, their names kept in ``orchestrator_migrations``.

To change the tables, or a type that is kept as JSON in them, add a step at the end of MIGRATIONS and never edit an old
one: that also tells an older pack that it would not understand the database. All pending steps run in one transaction,
under a lock, after a backup: an upgrade happened whole or not at all, and once, however many hosts start together.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, insert, inspect, select, text

import orchestrator_core
from orchestrator_core.errors import SchemaTooNew, StoreError
from orchestrator_core.store import schema
from orchestrator_core.store.backup import back_up
from orchestrator_core.store.engine import WRITES
from orchestrator_core.store.gallery_tables import m012_gallery, m013_gallery_finding, m016_gallery_pixels
from orchestrator_core.store.gallery_untaught import m017_gallery_untaught
from orchestrator_core.store.job_tables import m010_jobs
from orchestrator_core.store.lora_test_tables import m014_lora_tests
from orchestrator_core.store.migration_steps import (
    m001_runs,
    m002_loras,
    m003_drawing,
    m004_civitai,
    m005_embeddings,
    m006_draft_notes,
    m007_stories,
    m008_answers,
    m009_learning,
    m018_learning_turns,
)
from orchestrator_core.store.outside_tables import m015_outside
from orchestrator_core.store.webhook_tables import m011_webhooks

Migration = Callable[[Connection], None]

ADVISORY_LOCK = 0x6F726368657374  # "orchest": any number that other programs will not take
MIGRATIONS: tuple[Migration, ...] = (
    m001_runs,
    m002_loras,
    m003_drawing,
    m004_civitai,
    m005_embeddings,
    m006_draft_notes,
    m007_stories,
    m008_answers,
    m009_learning,
    m010_jobs,
    m011_webhooks,
    m012_gallery,
    m013_gallery_finding,
    m014_lora_tests,
    m015_outside,
    m016_gallery_pixels,
    m017_gallery_untaught,
    m018_learning_turns,
)


def migrate(engine: Engine, place: str, steps: Sequence[Migration] = MIGRATIONS) -> None:
    """Bring the database up to date; a glance when it is. Raises SchemaTooNew if it is of a newer pack."""
    with engine.connect() as connection:
        if not _pending(connection, place, steps):
            return
    with _only_migrator(engine) as connection:
        pending = _pending(connection, place, steps)  # another host may have been first
        if not pending:
            return
        names = _applied(connection)
        if not names:
            _make_table(connection, place)
        elif engine.dialect.name == "sqlite":
            back_up(Path(place), max(names))
        for step in pending:
            step(connection)
            connection.execute(insert(schema.migrations).values(_record(step)))


def _pending(connection: Connection, place: str, steps: Sequence[Migration]) -> list[Migration]:
    applied = _applied(connection)
    unknown = sorted(applied.keys() - {step.__name__ for step in steps})
    if unknown:
        raise SchemaTooNew(
            f"{place}: this database was written by version {applied[unknown[-1]]} of this pack ({unknown[-1]}), "
            f"which version {orchestrator_core.__version__} does not understand. "
            "Update the pack here, or give it a database of its own with ORCHESTRATOR_HOME."
        )
    return [step for step in steps if step.__name__ not in applied]


def _applied(connection: Connection) -> dict[str, str]:
    """The version of the pack that applied it, for each migration."""
    if not inspect(connection).has_table(schema.migrations.name):
        return {}
    table = schema.migrations.c
    return {row.name: row.pack_version for row in connection.execute(select(table.name, table.pack_version))}


def _make_table(connection: Connection, place: str) -> None:
    others = schema.metadata.tables.keys() & set(inspect(connection).get_table_names())
    if others - {schema.migrations.name}:
        raise StoreError(
            f"{place}: another program already has tables named {', '.join(sorted(others))} there. "
            "Give the store a database of its own."
        )
    connection.execute(
        text(
            "CREATE TABLE IF NOT EXISTS orchestrator_migrations"
            " (name TEXT NOT NULL PRIMARY KEY, applied_ms BIGINT NOT NULL, pack_version TEXT NOT NULL)"
        )
    )


def _record(step: Migration) -> dict[str, object]:
    return {
        "name": step.__name__,
        "applied_ms": time.time_ns() // 1_000_000,
        "pack_version": orchestrator_core.__version__,
    }


@contextmanager
def _only_migrator(engine: Engine) -> Iterator[Connection]:
    """A transaction that no other host's migration overlaps."""
    with engine.connect() as connection:
        connection = connection.execution_options(**{WRITES: True})
        if engine.dialect.name == "sqlite":
            with _without_foreign_keys(connection), connection.begin():  # BEGIN IMMEDIATE is the lock
                yield connection
                _check_foreign_keys(connection)
        else:
            with connection.begin():
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
                yield connection


@contextmanager
def _without_foreign_keys(connection: Connection) -> Iterator[None]:
    """SQLite changes a table by making another and dropping the first, which would cascade to its children.

    The pragma does nothing inside a transaction, so it goes to the driver's connection, where none has begun.
    """
    driver = connection.connection.dbapi_connection
    assert driver is not None
    driver.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        driver.execute("PRAGMA foreign_keys=ON")


def _check_foreign_keys(connection: Connection) -> None:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
    if broken is not None:
        raise StoreError(f"The upgrade of table {broken[0]} lost what its rows refer to, and was undone. Report this.")
