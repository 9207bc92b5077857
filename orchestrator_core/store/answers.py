"""What language models answered, by all that an answer depends on: asked once, the same for ever."""

from __future__ import annotations

import time

from sqlalchemy import delete, insert, select

from orchestrator_core.store import schema
from orchestrator_core.store.database import Store


class LlmAnswers:
    """An ``AnswerCache`` of ``enhancing/caching.py`` that lasts. Every method is one transaction; raises StoreError."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def get(self, key: str) -> str | None:
        table = schema.llm_answers.c
        with self.store.reading() as connection:
            row = connection.execute(select(table.answer).where(table.key == key)).first()
        return None if row is None else str(row[0])

    def put(self, key: str, model: str, answer: str) -> None:
        """In place of what is there: two hosts may ask the same at once, and then the later answer counts."""
        table = schema.llm_answers
        now = time.time_ns() // 1_000_000
        with self.store.writing() as connection:
            connection.execute(delete(table).where(table.c.key == key))
            connection.execute(insert(table).values(key=key, answered_ms=now, model=model, answer=answer))
