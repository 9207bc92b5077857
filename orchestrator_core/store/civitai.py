"""What Civitai answered by hash: one row for each file that was asked for, also for those that it does not know."""

from __future__ import annotations

from sqlalchemy import delete, insert, select

from orchestrator_core.store import schema
from orchestrator_core.store.database import Store


class CivitaiAnswers:
    """An ``Answers`` of ``loras/civitai.py`` that lasts. Every method is one transaction; raises StoreError."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def get(self, sha256: str) -> tuple[int, str] | None:
        """(UTC milliseconds, the answer as JSON or ""); None for what was never asked."""
        table = schema.civitai_answers.c
        with self.store.reading() as connection:
            statement = select(table.answered_ms, table.answer).where(table.sha256 == sha256)
            row = connection.execute(statement).first()
        return None if row is None else (int(row[0]), str(row[1]))

    def not_found_since(self, answered_ms: int) -> set[str]:
        """The files of which Civitai said at that time, or later, that it does not know them."""
        table = schema.civitai_answers.c
        with self.store.reading() as connection:
            statement = select(table.sha256).where(table.answer == "", table.answered_ms >= answered_ms)
            return {str(sha256) for (sha256,) in connection.execute(statement)}

    def put(self, sha256: str, answered_ms: int, answer: str) -> None:
        table = schema.civitai_answers
        with self.store.writing() as connection:
            connection.execute(delete(table).where(table.c.sha256 == sha256))
            connection.execute(insert(table).values(sha256=sha256, answered_ms=answered_ms, answer=answer))
