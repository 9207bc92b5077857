"""The table of LoRA tests, whose images lie in the gallery. ``store/gallery_tests.py`` has the queries."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Connection, Table, text

from orchestrator_core.store.schema import AnyText, metadata

lora_tests = Table(
    "gallery_lora_tests",
    metadata,
    Column("id", AnyText),  # a hash of where the test lies: to go on with it is the same test
    Column("title", AnyText),
    Column("made_ms", BigInteger),
    Column("updated_ms", BigInteger),
    Column("document", AnyText),  # JSON: its axes, and the run of each of its images
)


def m014_lora_tests(connection: Connection) -> None:
    """LoRA tests as grids of the gallery."""
    key = 'TEXT COLLATE "C"' if connection.dialect.name == "postgresql" else "TEXT"
    statement = f"""CREATE TABLE gallery_lora_tests (
        id {key} NOT NULL PRIMARY KEY, title TEXT NOT NULL, made_ms BIGINT NOT NULL, updated_ms BIGINT NOT NULL,
        document TEXT NOT NULL)"""
    connection.execute(text(statement))
