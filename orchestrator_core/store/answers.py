"""What language models answered, by all that an answer depends on: asked once, the same for ever."""

from __future__ import annotations

import time
from collections.abc import Callable

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


class OpenedAnswers:
    """The same, for who lives as long as a host: the store is open during a call alone. Raises StoreError."""

    def __init__(self, open_store: Callable[[], Store]) -> None:
        self._open_store = open_store

    def get(self, key: str) -> str | None:
        with self._open_store() as store:
            return LlmAnswers(store).get(key)

    def put(self, key: str, model: str, answer: str) -> None:
        with self._open_store() as store:
            LlmAnswers(store).put(key, model, answer)
