"""The tables of galleries elsewhere, and the step that makes them. ``store/outside.py`` has the queries."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Connection, Table, text

from orchestrator_core.store.schema import AnyText, metadata

places = Table(
    "outside_places",
    metadata,
    Column("name_key", AnyText),  # case-folded
    Column("name", AnyText),
    Column("url", AnyText),
    Column("secret", AnyText),  # that signs
    Column("created_ms", BigInteger),
)
posted = Table(  # what is there by now
    "outside_posted",
    metadata,
    Column("place", AnyText),  # its name_key
    Column("sha256", AnyText),
    Column("posted_ms", BigInteger),
    Column("status", BigInteger),  # of the answer; 409: it had it already
)


def m015_outside(connection: Connection) -> None:
    """Galleries elsewhere, and what was posted to them."""
    key = 'TEXT COLLATE "C"' if connection.dialect.name == "postgresql" else "TEXT"
    for statement in (
        f"""CREATE TABLE outside_places (
            name_key {key} NOT NULL PRIMARY KEY, name TEXT NOT NULL, url TEXT NOT NULL, secret TEXT NOT NULL,
            created_ms BIGINT NOT NULL)""",
        f"""CREATE TABLE outside_posted (
            place {key} NOT NULL REFERENCES outside_places (name_key) ON DELETE CASCADE, sha256 {key} NOT NULL,
            posted_ms BIGINT NOT NULL, status BIGINT NOT NULL, PRIMARY KEY (place, sha256))""",
    ):
        connection.execute(text(statement))
