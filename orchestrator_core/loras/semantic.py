"""What a prompt nearly says: phrases of LoRAs whose meaning is near to words of the prompt, by a text encoder.

The lexical index knows "fox" from "foxes", and not from "vulpine". Where a person switches it on, the vector of each
phrase that may count in part (trigger words, tags, names and titles; not sixty training tags for each LoRA) is compared
with those of the prompt's runs of one to three words, and the best run speaks for the phrase.

How alike two texts are that have nothing in common differs from encoder to encoder, so that no cosine means the same to
all. Vectors are taken from their mean, and the cut is put where hardly any two phrases of the library reach it.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Protocol

from orchestrator_core.loras.documents import FieldName, strong_phrases
from orchestrator_core.loras.prompt_words import Near, runs_of
from orchestrator_core.loras.ranking import LoraIndex
from orchestrator_core.loras.record import LoraRecord
from orchestrator_core.loras.words import Key, words_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

FIELDS: frozenset[FieldName] = frozenset(("trigger", "user tag", "tag", "name", "title"))
_AT_ONCE = 64  # texts that are given to the encoder together
_ROWS = 8192  # phrases that are compared together: more would need much memory for a moment
_REMEMBERED = 4096  # runs of words whose vectors are kept
_SAMPLE = 512  # phrases that the cut is found with: each is compared with each


class Embedder(Protocol):
    """A text encoder. ``name`` differs between encoders whose vectors cannot be compared."""

    @property
    def name(self) -> str: ...

    def embed(self, texts: Sequence[str], /) -> Sequence[Sequence[float]]:
        """A vector of length 1 for each text; may be a numpy array."""
        ...


class VectorCache(Protocol):
    """Where vectors are kept between starts, as float16 in little-endian bytes, by encoder and hash of the text."""

    def get(self, embedder: str, hashes: Sequence[str], /) -> Mapping[str, bytes]: ...
    def put(self, embedder: str, vectors: Mapping[str, bytes], /) -> None: ...


@dataclass(frozen=True, slots=True)
class Nearness:
    """How the likeness of two texts becomes evidence. benchmarks/lora_selection.py shows what the numbers give."""

    rare: float = 0.98  # of pairs of the library's phrases, the share that are less alike than the cut
    power: float = 3.0
    least: float = 0.05  # what is less is not looked at


def text_hash(text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


class SemanticPhrases:
    """The vectors of a library's phrases, made once each. Threads may share it.

    The encoder is the host's, and works where and when it is asked: ``learn`` has it work for some time, at most
    ``patience`` seconds unless told otherwise, and each later call goes on. An encoder that fails, or a cache, costs
    the matches by meaning and nothing else: ``problem`` says what was wrong.
    """

    def __init__(
        self,
        embedder: Embedder,
        cache: VectorCache | None = None,
        tuning: Nearness | None = None,
        patience: float = 2.0,
    ) -> None:
        self.embedder = embedder
        self.patience = patience
        self.tuning = tuning or Nearness()
        self.problem = ""
        self._cache = cache
        self._lock = threading.RLock()
        self._seen: dict[str, LoraRecord] = {}
        self._texts: dict[Key, str] = {}  # that wait for their vectors
        self._keys: list[Key] = []
        self._known: set[Key] = set()
        self._blocks: list[Any] = []  # float16, one row for each of _keys
        self._runs: OrderedDict[str, Any] = OrderedDict()
        self._centred: tuple[int, Any, float] | None = None  # for so many keys: the mean, and the cut

    def follow(self, records: Iterable[LoraRecord]) -> None:
        """Take up the phrases of records that are new or another. What is gone does no harm: no LoRA has it."""
        with self._lock:
            for record in records:
                if self._seen.get(record.path) is record:
                    continue
                self._seen[record.path] = record
                for phrase in strong_phrases(record):
                    if phrase.field in FIELDS and phrase.key not in self._known:
                        self._texts.setdefault(phrase.key, " ".join(words_of(phrase.text)))

    def learn(self, seconds: float | None = None) -> int:
        """Make or fetch vectors, for about so long at most; how many phrases are left."""
        end = time.monotonic() + (self.patience if seconds is None else seconds)
        with self._lock:
            self._fetch()
            while self._texts and not self.problem and time.monotonic() < end:
                self._make(list(self._texts.items())[:_AT_ONCE])
            self._join()
            return len(self._texts)

    def near(self, text: str) -> Mapping[Key, Near]:
        """The phrases that a prompt is near to."""
        with self._lock:
            runs = list(runs_of(text))
            if not runs or not self._keys:
                return {}
            vectors = self._vectors_of(runs)
            return {} if vectors is None else self._compared(runs, vectors)

    def _compared(self, runs: Sequence[str], vectors: Vectors) -> Mapping[Key, Near]:
        import numpy as np

        mean, cut = self._calibrated()
        asked = _centred(vectors, mean).T
        found: dict[Key, Near] = {}
        for start, block in self._rows():
            alike = _centred(block, mean) @ asked
            best = alike.max(axis=1)
            shares = np.maximum(0.0, (best - cut) / (1 - cut)) ** self.tuning.power
            for row in np.flatnonzero(shares >= self.tuning.least):
                words = tuple(runs[int(alike[row].argmax())].split())
                found[self._keys[start + int(row)]] = Near(min(1.0, float(shares[row])), words)
        return found

    def _calibrated(self) -> tuple[Any, float]:
        """The mean of the phrases' vectors, and the cosine that ``rare`` of their pairs do not reach."""
        import numpy as np

        if self._centred is None or self._centred[0] != len(self._keys):
            every = max(1, len(self._keys) // _SAMPLE)
            sample = np.concatenate([block[-start % every :: every] for start, block in self._rows()])
            sample = sample.astype(np.float32)
            mean = sample.mean(axis=0) if len(sample) > _AT_ONCE else np.zeros(sample.shape[1], np.float32)
            centred = _centred(sample, mean)
            pairs = (centred @ centred.T)[np.triu_indices(len(centred), 1)]
            cut = float(np.quantile(pairs, self.tuning.rare)) if len(sample) > _AT_ONCE else 0.5
            self._centred = len(self._keys), mean, min(max(cut, 0.2), 0.95)
        return self._centred[1], self._centred[2]

    def _rows(self) -> Iterator[tuple[int, Any]]:
        """All vectors, some thousand at a time, each part with the number of its first."""
        start = 0
        for block in self._blocks:
            for at in range(0, len(block), _ROWS):
                part = block[at : at + _ROWS]
                yield start, part
                start += len(part)

    def _vectors_of(self, runs: Sequence[str]) -> Vectors | None:
        import numpy as np

        new = [run for run in runs if run not in self._runs]
        made = self._embedded(new) if new else []
        if made is None:
            return None
        self._runs.update(zip(new, made, strict=True))
        for run in runs:
            self._runs.move_to_end(run)
        found = np.stack([self._runs[run] for run in runs])
        while len(self._runs) > _REMEMBERED:
            self._runs.popitem(last=False)
        return found

    def _embedded(self, texts: Sequence[str]) -> Any:
        """float32 rows; None where the encoder fails, which is then not asked again."""
        import numpy as np

        if self.problem:
            return None
        parts = [texts[at : at + _AT_ONCE] for at in range(0, len(texts), _AT_ONCE)]
        try:
            made = [np.asarray(self.embedder.embed(part), dtype=np.float32) for part in parts]
            return _numbers(np.concatenate(made))
        except Exception as error:  # noqa: BLE001 - a host's model of any kind; LoRAs are found by their words still
            self.problem = f"Meanings cannot be compared ({_told(error)})"
            return None

    def _make(self, some: Sequence[tuple[Key, str]]) -> None:
        import numpy as np

        made = self._embedded([text for _, text in some])
        if made is None:
            return
        rows = np.ascontiguousarray(made, dtype="<f2")
        self._add([key for key, _ in some], rows)
        if self._cache is not None:
            hashed = {text_hash(text): row.tobytes() for (_, text), row in zip(some, rows, strict=True)}
            self._kept(hashed)

    def _kept(self, vectors: Mapping[str, bytes]) -> None:
        assert self._cache is not None
        try:
            self._cache.put(self.embedder.name, vectors)
        except Exception:  # noqa: BLE001 - a locked or full database: they are made again at the next start
            self._cache = None

    def _fetch(self) -> None:
        """From the cache, what it has."""
        import numpy as np

        if self._cache is None or not self._texts:
            return
        hashes = {text_hash(text): key for key, text in self._texts.items()}
        try:
            found = self._cache.get(self.embedder.name, list(hashes))
        except Exception:  # noqa: BLE001 - as above
            self._cache = None
            return
        width = self._width() if found else 0
        whole = {hashed: vector for hashed, vector in found.items() if len(vector) == 2 * width > 0}
        if whole:
            rows = np.frombuffer(b"".join(whole.values()), dtype="<f2").reshape(len(whole), width)
            self._add([hashes[hashed] for hashed in whole], _numbers(rows))

    def _width(self) -> int:
        """How many numbers a vector of this encoder has."""
        if self._blocks:
            return int(self._blocks[0].shape[1])
        made = self._embedded(["a"])
        return 0 if made is None else int(made.shape[1])

    def _add(self, keys: Sequence[Key], rows: Any) -> None:
        self._blocks.append(rows)
        self._keys += keys
        self._known.update(keys)
        for key in keys:
            self._texts.pop(key, None)

    def _join(self) -> None:
        import numpy as np

        if len(self._blocks) > 1:
            self._blocks = [np.concatenate(self._blocks)]


def near_phrases(
    text: str, index: LoraIndex, meanings: SemanticPhrases | None
) -> tuple[Mapping[Key, Near], Sequence[str]]:
    """The phrases of the index that a prompt says in other words, and why these may not be all."""
    if meanings is None:
        return {}, ["No text encoder is loaded here that could compare meanings: LoRAs are found by their words alone."]
    meanings.follow(index.records)
    left = meanings.learn()
    near = meanings.near(text)
    if meanings.problem:
        return near, [f"{meanings.problem}: LoRAs are found by their words alone."]
    return near, [f"{left:,} phrases of LoRAs are not compared by meaning yet; each run learns more."] if left else []


def _numbers(vectors: Any) -> Any:
    """Without what is none, as half precision makes of a number that is too large."""
    import numpy as np

    return np.nan_to_num(vectors, nan=0.0, posinf=0.0, neginf=0.0)


def _centred(vectors: Any, mean: Any) -> Any:
    import numpy as np

    found = vectors.astype(np.float32) - mean
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    return found / np.maximum(lengths, 1e-6)


def _told(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:300]
