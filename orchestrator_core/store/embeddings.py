"""Vectors of texts by the text encoder that made them: bytes in, bytes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import delete, insert, select

from orchestrator_core.store import schema
from orchestrator_core.store.database import Store

_AT_ONCE = 500  # hashes in a statement


class Embeddings:
    """A ``VectorCache`` of ``loras/semantic.py`` that lasts. Raises StoreError."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def get(self, embedder: str, hashes: Sequence[str]) -> Mapping[str, bytes]:
        """Those of these texts' vectors that are there."""
        table = schema.embeddings.c
        found: dict[str, bytes] = {}
        with self.store.reading() as connection:
            for start in range(0, len(hashes), _AT_ONCE):
                some = hashes[start : start + _AT_ONCE]
                statement = select(table.text_hash, table.vector)
                statement = statement.where(table.embedder == embedder, table.text_hash.in_(some))
                found |= {row[0]: bytes(row[1]) for row in connection.execute(statement)}
        return found

    def some(self, embedder: str, most: int) -> list[bytes]:
        """Up to so many of an encoder's vectors, whichever they are."""
        table = schema.embeddings.c
        with self.store.reading() as connection:
            found = connection.execute(select(table.vector).where(table.embedder == embedder).limit(most))
            return [bytes(row[0]) for row in found]

    def put(self, embedder: str, vectors: Mapping[str, bytes]) -> None:
        """In one transaction; in place of those that are there."""
        if not vectors:
            return
        table = schema.embeddings
        rows = [{"embedder": embedder, "text_hash": hashed, "vector": vectors[hashed]} for hashed in sorted(vectors)]
        with self.store.writing() as connection:
            connection.execute(delete(table).where(table.c.embedder == embedder, table.c.text_hash.in_(list(vectors))))
            connection.execute(insert(table), rows)
