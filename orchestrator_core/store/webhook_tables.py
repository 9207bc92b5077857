"""The tables of webhooks, and the step that makes them. ``store/webhooks.py`` has the queries."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Connection, Table, text

from orchestrator_core.store.schema import AnyText, metadata

allowed = Table(  # the addresses that a person allowed
    "webhook_allowed",
    metadata,
    Column("prefix", AnyText),
    Column("created_ms", BigInteger),
)
webhooks = Table(
    "webhooks",
    metadata,
    Column("id", AnyText),
    Column("url", AnyText),  # "" for the one that stands for the addresses that jobs name
    Column("events", AnyText),  # JSON
    Column("secret", AnyText),
    Column("created_ms", BigInteger),
)
deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("id", AnyText),  # the message's id: the same, however often it is sent
    Column("number", BigInteger),  # from 1, for people
    Column("webhook_id", AnyText),
    Column("job_id", AnyText),
    Column("event", AnyText),
    Column("url", AnyText),
    Column("place", AnyText),  # its scheme, host and port: one message at a time goes to each
    Column("body", AnyText),  # JSON: what is signed and sent
    Column("state", AnyText),  # "waiting", "sending", "delivered", "failed"
    Column("tries", BigInteger),
    Column("due_ms", BigInteger),  # not before
    Column("owner", AnyText),  # the worker that sends it
    Column("claimed_ms", BigInteger),
    Column("status", BigInteger),  # of the last answer; 0: none came
    Column("error", AnyText),
    Column("created_ms", BigInteger),
    Column("ended_ms", BigInteger),
)


def m011_webhooks(connection: Connection) -> None:
    """Webhooks: what may be sent to, who is told, and what is to be sent; and the address that a job names."""
    key = 'TEXT COLLATE "C"' if connection.dialect.name == "postgresql" else "TEXT"
    statements = (
        "ALTER TABLE jobs ADD COLUMN callback_url TEXT NOT NULL DEFAULT ''",
        f"CREATE TABLE webhook_allowed (prefix {key} NOT NULL PRIMARY KEY, created_ms BIGINT NOT NULL)",
        f"""CREATE TABLE webhooks (
            id {key} NOT NULL PRIMARY KEY, url TEXT NOT NULL, events TEXT NOT NULL, secret TEXT NOT NULL,
            created_ms BIGINT NOT NULL)""",
        f"""CREATE TABLE webhook_deliveries (
            id {key} NOT NULL PRIMARY KEY, number BIGINT NOT NULL UNIQUE,
            webhook_id {key} NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE, job_id {key} NOT NULL,
            event TEXT NOT NULL, url TEXT NOT NULL, place {key} NOT NULL, body TEXT NOT NULL, state {key} NOT NULL,
            tries BIGINT NOT NULL, due_ms BIGINT NOT NULL, owner {key} NOT NULL, claimed_ms BIGINT NOT NULL,
            status BIGINT NOT NULL, error TEXT NOT NULL, created_ms BIGINT NOT NULL, ended_ms BIGINT NOT NULL)""",
        "CREATE INDEX webhook_deliveries_due ON webhook_deliveries (state, due_ms)",
    )
    for statement in statements:
        connection.execute(text(statement))
