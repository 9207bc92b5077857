"""Tables change in numbered steps: once, whole, and with a way back."""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, inspect, text

import orchestrator_core
from orchestrator_core.errors import SchemaTooNew, StoreError
from orchestrator_core.prompt import (
    Background,
    Choice,
    Component,
    Diagnostic,
    Enhancement,
    LoraUse,
    PromptDraft,
    PromptSource,
    StoryUse,
)
from orchestrator_core.request import GeneratedImage, GenerationRequest
from orchestrator_core.run import Run, Score
from orchestrator_core.store import Store, schema
from orchestrator_core.store.backup import KEPT, back_up, backups
from orchestrator_core.store.migrations import MIGRATIONS, Migration, migrate

RUN = Run("r1", PromptDraft((Component("fox"),)))


def m900_marks(connection: Connection) -> None:
    connection.execute(text("CREATE TABLE marks (run_id TEXT)"))


def m901_fails(connection: Connection) -> None:
    connection.execute(text("CREATE TABLE half (id TEXT)"))
    connection.execute(text("INSERT INTO nowhere VALUES (1)"))


def upgrade(store: Store, *more: Migration) -> None:
    migrate(store.engine, store.place, (*MIGRATIONS, *more))


def make_step(number: int) -> Migration:
    def step(connection: Connection) -> None:
        connection.execute(text(f"CREATE TABLE step{number} (id TEXT)"))

    step.__name__ = f"m{number}_step"
    return step


def test_the_migrations_make_the_tables_that_the_queries_name(store: Store) -> None:
    inspector = inspect(store.engine)
    made = {name: {column["name"] for column in inspector.get_columns(name)} for name in inspector.get_table_names()}
    assert made == {table.name: {column.name for column in table.columns} for table in schema.metadata.tables.values()}


def test_migrations_are_numbered_without_a_gap() -> None:
    assert [step.__name__[:5] for step in MIGRATIONS] == [f"m{n:03}_" for n in range(1, len(MIGRATIONS) + 1)]


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (Run, "id draft images scores"),
        (PromptDraft, "components negative loras seed source variables diagnostics background story enhanced"),
        (PromptSource, "template negative dialect rerolls method index missing profiles genre odds"),
        (Component, "text origin choices strength span"),
        (Choice, "key siblings file line weight probability options"),
        (Diagnostic, "kind message start end where"),
        (LoraUse, "name strength_model strength_clip sha256"),
        (Background, "kind title text"),
        (StoryUse, "story scene action notes profiles"),
        (Enhancement, "status detail model natural"),
        (GeneratedImage, "path request run_id"),
        (Score, "run_id image component metric value raw low high calibrated scorer key text"),
        (
            GenerationRequest,
            "positive negative loras checkpoint sampler scheduler steps cfg denoise width height seed batch_size vae"
            " clip_skip extra",
        ),
    ],
)
def test_a_stored_type_that_changes_needs_a_migration(kind: type, fields: str) -> None:
    """When this fails: add a migration (for a type kept as JSON an empty one), then the field's name here."""
    assert [field.name for field in dataclasses.fields(kind)] == fields.split()


def test_an_upgrade_keeps_what_was_saved(store: Store) -> None:
    store.save_run(RUN)
    upgrade(store, m900_marks)
    upgrade(store, m900_marks)
    assert inspect(store.engine).has_table("marks")
    assert store.load_run("r1") == RUN


def test_a_run_of_a_pack_that_kept_no_method_was_drawn_at_random(store: Store) -> None:
    store.save_run(RUN)
    with store.writing() as connection:
        connection.execute(text("ALTER TABLE runs DROP COLUMN drawing"))
        connection.execute(text("DELETE FROM orchestrator_migrations WHERE name = 'm003_drawing'"))
    upgrade(store)
    assert store.load_run("r1") == RUN


def test_an_upgrade_that_fails_leaves_all_as_it_was(store: Store) -> None:
    store.save_run(RUN)
    with pytest.raises(Exception, match="nowhere"):
        upgrade(store, m900_marks, m901_fails)
    assert not {"marks", "half"} & set(inspect(store.engine).get_table_names())
    upgrade(store)
    assert store.load_run("r1") == RUN


def test_an_older_pack_refuses_a_newer_database_in_one_line(store_url: str) -> None:
    with Store.open(store_url) as store, store.writing() as connection:
        row = {"name": "m999_future", "applied_ms": 0, "pack_version": "9.8.7"}
        connection.execute(insert(schema.migrations).values(row))
    with pytest.raises(SchemaTooNew) as caught:
        Store.open(store_url)
    message = str(caught.value)
    assert all(words in message for words in ("9.8.7", "m999_future", orchestrator_core.__version__, "Update the pack"))
    assert "\n" not in message


def test_tables_of_another_program_are_left_alone(postgres_url: str) -> None:
    import psycopg

    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE images (id TEXT)")
    with pytest.raises(StoreError, match="another program already has tables named images"):
        Store.open(postgres_url)
    with psycopg.connect(postgres_url) as connection:
        names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    assert names == [("images",)]


def test_other_tables_in_a_shared_postgresql_do_not_matter(postgres_url: str) -> None:
    import psycopg

    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE invoices (id TEXT)")
    with Store.open(postgres_url) as store:
        store.save_run(RUN)


def test_a_new_database_needs_no_backup(sqlite_store: Store, sqlite_path: Path) -> None:
    assert backups(sqlite_path) == []


def test_before_an_upgrade_a_copy_is_made_that_works_as_it_is(sqlite_store: Store, sqlite_path: Path) -> None:
    sqlite_store.save_run(RUN)  # in the write-ahead log still, which the copy must include
    upgrade(sqlite_store, m900_marks)
    (copy,) = backups(sqlite_path)
    assert copy.name.startswith("orchestrator.sqlite3.backup-2")
    assert copy.name.endswith(f"Z-{MIGRATIONS[-1].__name__}")
    with Store.open(copy) as restored:
        assert restored.load_run("r1") == RUN


def test_the_last_three_copies_are_kept(sqlite_store: Store, sqlite_path: Path) -> None:
    steps = [make_step(n) for n in range(900, 905)]
    for end in range(1, 6):
        upgrade(sqlite_store, *steps[:end])
    assert [copy.name.rpartition("-")[2] for copy in backups(sqlite_path)] == ["m901_step", "m902_step", "m903_step"]
    assert KEPT == 3


def test_without_room_for_a_copy_nothing_is_upgraded(sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(path: Path, version: str) -> Path:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr("orchestrator_core.store.migrations.back_up", no_room)
    with pytest.raises(sqlite3.OperationalError):
        upgrade(sqlite_store, m900_marks)
    assert not inspect(sqlite_store.engine).has_table("marks")


def test_a_copy_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    broken = tmp_path / "broken.sqlite3"
    broken.write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    with pytest.raises(sqlite3.DatabaseError):
        back_up(broken, "m001_runs")
    assert list(tmp_path.iterdir()) == [broken]


def m902_rebuilds_runs(connection: Connection) -> None:
    """As SQLite's documentation has it: a new table, the rows, drop the old one, rename."""
    copy_and_swap(connection, ["CREATE TABLE runs_new AS SELECT * FROM runs"])


def m903_loses_runs(connection: Connection) -> None:
    copy_and_swap(connection, ["CREATE TABLE runs_new AS SELECT * FROM runs WHERE false"])


def copy_and_swap(connection: Connection, first: Sequence[str]) -> None:
    index = "CREATE UNIQUE INDEX runs_by_id ON runs_new (id)"
    for statement in (*first, index, "DROP TABLE runs", "ALTER TABLE runs_new RENAME TO runs"):
        connection.execute(text(statement))


def test_a_table_can_be_rebuilt_without_losing_its_children(sqlite_store: Store) -> None:
    sqlite_store.save_run(RUN)
    upgrade(sqlite_store, m902_rebuilds_runs)
    assert sqlite_store.load_run("r1") == RUN


def test_an_upgrade_that_orphans_rows_is_undone(sqlite_store: Store) -> None:
    sqlite_store.save_run(RUN)
    with pytest.raises(StoreError, match="was undone"):
        upgrade(sqlite_store, m903_loses_runs)
    assert sqlite_store.load_run("r1") == RUN


def test_foreign_keys_hold_again_after_an_upgrade(sqlite_store: Store) -> None:
    upgrade(sqlite_store, m900_marks)
    for _ in range(3):
        with sqlite_store.reading() as connection:
            assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_the_file_is_one_sqlite_database_that_others_can_read(sqlite_store: Store, sqlite_path: Path) -> None:
    sqlite_store.save_run(RUN)
    with closing(sqlite3.connect(sqlite_path)) as connection:
        assert connection.execute("SELECT text FROM components").fetchall() == [("fox",)]
