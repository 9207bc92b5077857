"""LoRA tests, whose images lie in the gallery, and the places elsewhere that pictures are posted to."""

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
places = Table(
    "gallery_places",
    metadata,
    Column("name_key", AnyText),  # case-folded
    Column("name", AnyText),
    Column("kind", AnyText),  # "post": a picture and what is known of it; "iib": infinite-image-browsing's tags
    Column("url", AnyText),
    Column("secret", AnyText),  # of "iib", where it has one
    Column("webhook_id", AnyText),  # of "post": whose secret signs, and whose messages are sent again; "" for none
    Column("created_ms", BigInteger),
)


def m014_gallery_places(connection: Connection) -> None:
    """LoRA tests as grids of the gallery, and places that pictures are posted to."""
    key = 'TEXT COLLATE "C"' if connection.dialect.name == "postgresql" else "TEXT"
    for statement in (
        f"""CREATE TABLE gallery_lora_tests (
            id {key} NOT NULL PRIMARY KEY, title TEXT NOT NULL, made_ms BIGINT NOT NULL, updated_ms BIGINT NOT NULL,
            document TEXT NOT NULL)""",
        f"""CREATE TABLE gallery_places (
            name_key {key} NOT NULL PRIMARY KEY, name TEXT NOT NULL, kind {key} NOT NULL, url TEXT NOT NULL,
            secret TEXT NOT NULL, webhook_id {key} NOT NULL, created_ms BIGINT NOT NULL)""",
    ):
        connection.execute(text(statement))
