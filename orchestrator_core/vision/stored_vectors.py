"""StoredVectors: vectors of texts and images in the store, which is open during a call alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from orchestrator_core.errors import StoreError

if TYPE_CHECKING:
    from orchestrator_core.store import Store
    from orchestrator_core.store.embeddings import Embeddings


class StoredVectors:
    """A ``VectorStore``: for a scorer's texts, and for the bank of a person's own images. Raises StoreError."""

    def __init__(self, open_store: Callable[[], Store]) -> None:
        self._open_store = open_store

    def get(self, embedder: str, hashes: Sequence[str], /) -> Mapping[str, bytes]:
        with self._opened() as embeddings:
            return embeddings.get(embedder, hashes)

    def put(self, embedder: str, vectors: Mapping[str, bytes], /) -> None:
        with self._opened() as embeddings:
            embeddings.put(embedder, vectors)

    def some(self, embedder: str, most: int, /) -> list[bytes]:
        with self._opened() as embeddings:
            return embeddings.some(embedder, most)

    @contextmanager
    def _opened(self) -> Iterator[Embeddings]:
        try:
            from orchestrator_core.store.embeddings import Embeddings

            with self._open_store() as store:
                yield Embeddings(store)
        except (ImportError, OSError) as error:  # as where requirements.txt was not installed
            raise StoreError(str(error)) from error
