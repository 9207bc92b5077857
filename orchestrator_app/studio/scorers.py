"""The scorer that the settings name, kept while they are the same: it holds weights, and the vectors of texts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from orchestrator_core.errors import ScorerError

if TYPE_CHECKING:
    from orchestrator_app.studio.environment import Settings
    from orchestrator_core.llm.residence import Residence
    from orchestrator_core.store import Store
    from orchestrator_core.vision.opening import ScorerSettings
    from orchestrator_core.vision.port import Scorer
    from orchestrator_core.vision.vector_cache import VectorCache

PREFIX = "scorer_"
_NONE = "No scorer is set: write the folder of a CLIP or SigLIP model, or the name of one, into Scorer model."


def scorer_settings(settings: Settings) -> ScorerSettings:
    """Those of the settings that are about the scorer."""
    from orchestrator_core.vision.opening import ScorerSettings

    named = {name.removeprefix(PREFIX): value for name, value in settings if name.startswith(PREFIX)}
    return ScorerSettings.model_validate(named)


class StudioScorers:
    """``residence``: of a host's memory manager. ``let_go`` is given what must be told that it is needed no more."""

    def __init__(
        self,
        open_store: Callable[[], Store] | None,
        residence: Callable[[], Residence] | None = None,
        let_go: Callable[[Scorer], None] | None = None,
    ) -> None:
        self._open_store, self._residence, self._let_go = open_store, residence, let_go or release
        self._lock = threading.Lock()
        self._of: ScorerSettings | None = None
        self._scorer: Scorer | None = None

    def get(self, settings: Settings) -> Scorer:
        """Raises ScorerError where none is set, or what is set is not there."""
        wanted = scorer_settings(settings)
        with self._lock:
            if self._scorer is None or self._of != wanted:
                before = self._scorer
                self._scorer, self._of = self._opened(wanted), wanted
                if before is not None:
                    self._let_go(before)
            return self._scorer

    def tested(self, settings: Settings) -> str:
        """What a person is told who asks whether the scorer is there. Raises ScorerError where it is not."""
        scorer = self._opened(scorer_settings(settings))
        return f"{scorer.identity.rpartition(':')[0]} is there. It is loaded when an image is first scored."

    def close(self) -> None:
        """Let go of the weights."""
        with self._lock:
            if self._scorer is not None:
                self._let_go(self._scorer)
            self._scorer = self._of = None

    def _opened(self, wanted: ScorerSettings) -> Scorer:
        from orchestrator_core.vision.opening import open_scorer

        if not wanted.model.strip():
            raise ScorerError(_NONE)
        return open_scorer(wanted, residence=self._residence() if self._residence else None, cache=self._cache())

    def _cache(self) -> VectorCache | None:
        return None if self._open_store is None else StoredVectors(self._open_store)


class StoredVectors:
    """A ``VectorCache`` in the store, which is open only while it is asked. Raises StoreError."""

    def __init__(self, open_store: Callable[[], Store]) -> None:
        self._open_store = open_store

    def get(self, embedder: str, hashes: Sequence[str], /) -> Mapping[str, bytes]:
        from orchestrator_core.store.embeddings import Embeddings

        with self._open_store() as store:
            return Embeddings(store).get(embedder, hashes)

    def put(self, embedder: str, vectors: Mapping[str, bytes], /) -> None:
        from orchestrator_core.store.embeddings import Embeddings

        with self._open_store() as store:
            Embeddings(store).put(embedder, vectors)


def release(scorer: Scorer) -> None:
    """Its weights go, where it holds any."""
    let_go = getattr(scorer, "release", None)
    if let_go is not None:
        let_go()
