"""Meanings: what the phrases of LoRAs mean to the text encoder that a host has loaded.

The encoder is the host's, and is used while LoRAs are chosen, and then only. What it made of the phrases stays, and is
kept in the database by what the encoder makes of one sentence: that tells encoders apart, whatever files they are from.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from typing import Any

from orchestrator_core.loras.semantic import SemanticPhrases, VectorCache

_PROBE = "a red fox in the snow"

Encode = Callable[[Any, Sequence[str]], Sequence[Sequence[float]]]  # (CLIP, texts); vectors of length 1


class Meanings:
    """One for a host. ``encode`` is the host's; ``cache`` may wait for the database, and may give None."""

    def __init__(self, encode: Encode, cache: Callable[[], VectorCache | None] = lambda: None) -> None:
        self._encode = encode
        self._cache = cache
        self._lock = threading.RLock()
        self._model: Callable[[], Any] = lambda: None  # a weak reference
        self._phrases: SemanticPhrases | None = None  # of the encoder that was used last

    @contextmanager
    def of(self, clip: Any) -> Iterator[SemanticPhrases | None]:
        """What is known to this CLIP, for as long as the block runs; None where there is no CLIP."""
        if clip is None:
            yield None
            return
        with self._lock:
            encoder = _Encoder(clip, self._encode)
            phrases = self._of(encoder)
            try:
                yield phrases
            finally:
                encoder.clip = None  # it must be free to go when a person loads another

    def _of(self, encoder: _Encoder) -> SemanticPhrases:
        """The same as before for clones of one CLIP, whatever LoRAs they have."""
        model = getattr(encoder.clip, "cond_stage_model", encoder.clip)
        known = self._phrases
        if known is not None and self._model() is model and not known.problem:
            encoder.name = known.embedder.name
        else:
            encoder.recognize()
        if known is None or known.embedder.name != encoder.name:
            known = SemanticPhrases(encoder, self._cache())
        known.embedder, known.problem = encoder, encoder.problem
        self._phrases, self._model = known, weakref.ref(model)
        return known


class _Encoder:
    """An ``Embedder``."""

    def __init__(self, clip: Any, encode: Encode) -> None:
        self.clip = clip
        self.name = self.problem = ""
        self._encode = encode

    def recognize(self) -> None:
        try:
            vector = self._encode(self.clip, [_PROBE])[0]
        except Exception as error:  # noqa: BLE001 - text encoders of any kind, and none of them needs to be able to
            self.problem = f"This text encoder cannot compare meanings ({str(error).splitlines()[0][:200]})"
            return
        self.name = blake2b(repr([round(float(value), 3) for value in vector]).encode(), digest_size=16).hexdigest()

    def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        return self._encode(self.clip, texts)
