"""Vectors of texts and of images, kept: a text costs a model once, however many images it is held against.

In memory, and where a ``VectorCache`` is given (the store's ``Embeddings``) between starts as well. Both hold float16:
a score is the same whether its text has just been read or comes from the store.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Protocol

from orchestrator_core.errors import StoreError
from orchestrator_core.llm.port import IsCancelled, never

if TYPE_CHECKING:
    from orchestrator_core.vision.encoders import Encoder, Vectors
    from orchestrator_core.vision.port import Pixels

_TEXTS, _IMAGES = 20_000, 4_096  # vectors in memory


class VectorCache(Protocol):
    """Where vectors are kept between starts, as float16 in little-endian bytes, by encoder and hash."""

    def get(self, embedder: str, hashes: Sequence[str], /) -> Mapping[str, bytes]: ...
    def put(self, embedder: str, vectors: Mapping[str, bytes], /) -> None: ...


class Kept:
    """The vectors that one encoder made of one kind of thing. A cache that fails costs time and nothing else."""

    def __init__(self, cache: VectorCache | None, most: int) -> None:
        self._cache, self._most = cache, most
        self._rows: OrderedDict[tuple[str, str], Any] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, embedder: str, hashes: Sequence[str]) -> dict[str, Any]:
        """Those that are there, as float16 rows."""
        with self._lock:
            found = {each: self._rows[embedder, each] for each in hashes if (embedder, each) in self._rows}
            for each in found:
                self._rows.move_to_end((embedder, each))
        missing = [each for each in dict.fromkeys(hashes) if each not in found]
        if missing and self._cache is not None:
            found |= self._fetched(self._cache, embedder, missing)
        return found

    def keep(self, embedder: str, vectors: Mapping[str, Any]) -> None:
        self._remember(embedder, vectors)
        if self._cache is None or not vectors:
            return
        try:
            self._cache.put(embedder, {key: row.astype("<f2").tobytes() for key, row in vectors.items()})
        except StoreError:
            self._cache = None

    def _fetched(self, cache: VectorCache, embedder: str, hashes: Sequence[str]) -> dict[str, Any]:
        import numpy as np

        try:
            told = cache.get(embedder, hashes)
        except StoreError:
            self._cache = None
            return {}
        found = {key: np.frombuffer(row, dtype="<f2") for key, row in told.items() if row and len(row) % 2 == 0}
        self._remember(embedder, found)
        return found

    def _remember(self, embedder: str, vectors: Mapping[str, Any]) -> None:
        with self._lock:
            for key, row in vectors.items():
                self._rows[embedder, key] = row
            while len(self._rows) > self._most:
                self._rows.popitem(last=False)


class TextVectors:
    """Texts as vectors, each made once. ``encoder`` makes what is not there."""

    def __init__(self, encoder: Encoder, cache: VectorCache | None = None) -> None:
        self._encoder, self._kept = encoder, Kept(cache, _TEXTS)

    def of(self, identity: str, texts: Sequence[str], is_cancelled: IsCancelled = never) -> Vectors:
        """``identity``: the encoder's. Raises ScorerError, Cancelled."""
        import numpy as np

        hashes = [hash_of(text.encode("utf-8", "surrogatepass")) for text in texts]
        found = self._kept.find(identity, hashes)
        missing = {key: text for key, text in zip(hashes, texts, strict=True) if key not in found}
        if missing:
            made = self._encoder.text_vectors(list(missing.values()), is_cancelled).astype(np.float16)
            new = dict(zip(missing, made, strict=True))
            self._kept.keep(identity, new)
            found |= new
        else:
            self._encoder.rest()
        return np.stack([found[key] for key in hashes]).astype(np.float32) if hashes else np.zeros((0, 1), np.float32)


class ImageVectors:
    """Images as vectors, by what is in them: an image that is scored again is not encoded again."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder, self._kept = encoder, Kept(None, _IMAGES)

    def of(self, identity: str, images: Sequence[Pixels], is_cancelled: IsCancelled = never) -> Vectors:
        """Raises ScorerError, Cancelled."""
        import numpy as np

        hashes = [image_hash(image) for image in images]
        found = self._kept.find(identity, hashes)
        missing = {key: image for key, image in zip(hashes, images, strict=True) if key not in found}
        if missing:
            made = self._encoder.image_vectors(list(missing.values()), is_cancelled).astype(np.float16)
            new = {key: row for key, row in zip(missing, made, strict=True) if np.isfinite(row).all()}
            self._kept.keep(identity, new)
            found |= dict(zip(missing, made, strict=True))
        return np.stack([found[key] for key in hashes]).astype(np.float32) if hashes else np.zeros((0, 1), np.float32)


class SeenImages:
    """An ``ImageEncoder`` whose images are encoded once, whoever asks for them."""

    def __init__(self, encoder: Encoder, vectors: ImageVectors) -> None:
        self._encoder, self._vectors = encoder, vectors

    @property
    def identity(self) -> str:
        """Raises ScorerError."""
        return self._encoder.identity

    def image_vectors(self, images: Sequence[Pixels], is_cancelled: IsCancelled = never) -> Vectors:
        """Raises ScorerError, Cancelled."""
        return self._vectors.of(self.identity, images, is_cancelled)


def hash_of(data: bytes) -> str:
    return blake2b(data, digest_size=16).hexdigest()


def image_hash(image: Pixels) -> str:
    """Of size and pixels."""
    digest = blake2b(repr(image.shape).encode(), digest_size=16)
    digest.update(image.data if image.flags.c_contiguous else image.tobytes())
    return digest.hexdigest()
