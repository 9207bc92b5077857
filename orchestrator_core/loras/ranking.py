"""Which LoRAs a prompt speaks of: an inverted index in memory, from words to phrases to LoRAs.

The score is BM25's (Robertson, Zaragoza: The Probabilistic Relevance Framework, 2009; saturation k1, length b) with
three changes. A *phrase* is what is scored: its value is the information of its words that are in the prompt, times the
share that these are of the whole phrase, so that "red" is little evidence for "red hat". Phrases add up like lengths at
right angles would, nearly: ten that share one word are not ten proofs. And words that fit every picture ("1girl",
"masterpiece") are never evidence by themselves. 1 is about what a tag gives that one LoRA alone has and the prompt
contains.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from threading import RLock
from typing import Protocol

from orchestrator_core.loras.documents import STRONG, document_of
from orchestrator_core.loras.record import LoraRecord
from orchestrator_core.loras.words import STOP_WORDS, grams_of, is_generic, prompt_text, stem, words_of

_K1, _B = 2.0, 0.3
_ADDING = 1.5  # 1 would add phrases up, infinity would take the best alone
_IN_A_ROW = 0.3  # what a phrase gains if its words stand in the prompt in a row
_COMMON = 0.05  # a tag that more LoRAs than this have tells nothing
_COMMON_FROM = 100  # in a smaller library five per cent are too few to say so
_LEAST = 0.02  # of the largest value: what is less is not looked at
_ALIKE, _ALIKE_WORTH = 0.5, 0.8  # forms of a word that no LoRA has: how alike, and what they are worth
_WASTE = 0.25  # the part of the entries that may belong to LoRAs that are gone

Prior = Callable[[LoraRecord], float]


class LoraSource(Protocol):
    """The LoRAs to choose from, as they are now."""

    def index(self) -> LoraIndex: ...


@dataclass(frozen=True, slots=True)
class PromptWords:
    """A prompt as it is compared: stems in their order, and each stem with what it is worth, 0 … 1."""

    stems: tuple[str, ...]
    worth: Mapping[str, float]
    shown: Mapping[str, str]  # the word as it stands in the prompt, by stem of the library


@dataclass(slots=True)
class _Postings:
    """The LoRAs that have one phrase; those with a strong weight apart: a common phrase is looked up only there."""

    key: tuple[str, ...]
    strong: array[int] = field(default_factory=lambda: array("I"))
    strong_weights: array[float] = field(default_factory=lambda: array("f"))
    weak: array[int] = field(default_factory=lambda: array("I"))
    weak_weights: array[float] = field(default_factory=lambda: array("f"))


class LoraIndex:
    """LoRAs by what prompts say. Records are added, replaced and removed one by one, from any thread."""

    def __init__(self, records: Iterable[LoraRecord] = ()) -> None:
        self._lock = RLock()
        self._clear()
        for record in records:
            self.add(record)

    def _clear(self) -> None:
        self._phrases: dict[tuple[str, ...], _Postings] = {}
        self._by_word: dict[str, list[_Postings]] = defaultdict(list)
        self._grams: dict[str, list[str]] = defaultdict(list)
        self._count: Counter[str] = Counter()  # LoRAs that have a word
        self._records: list[LoraRecord | None] = []
        self._lengths = array("f")
        self._numbers: dict[str, int] = {}  # path → place in _records
        self._length = 0.0  # of all together
        self._worth: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def records(self) -> tuple[LoraRecord, ...]:
        with self._lock:
            return tuple(record for record in self._records if record is not None)

    def index(self) -> LoraIndex:
        """Itself: an index is a LoraSource."""
        return self

    def add(self, record: LoraRecord) -> None:
        """Adds a record, or puts it in the place of the one with its path."""
        with self._lock:
            self.remove(record.path)
            number = len(self._records)
            self._records.append(record)
            self._numbers[record.path] = number
            weights: dict[tuple[str, ...], float] = defaultdict(float)
            for phrase in document_of(record):
                weights[phrase.key] += phrase.weight
            for key, weight in weights.items():
                self._enter(key, number, weight)
            self._lengths.append(float(sum(len(key) for key in weights)))
            self._length += self._lengths[number]
            self._count.update({word for key in weights for word in key})
            self._worth = {}

    def remove(self, path: str) -> None:
        """Takes the record with this path out, if there is one."""
        with self._lock:
            number = self._numbers.pop(path, None)
            if number is None:
                return
            record = self._records[number]
            assert record is not None
            self._records[number] = None
            self._length -= self._lengths[number]
            self._count.subtract({word for phrase in document_of(record) for word in phrase.key})
            self._worth = {}
            if len(self._records) - len(self._numbers) > max(100, _WASTE * len(self._records)):
                self._compact()

    def _compact(self) -> None:
        records = self.records
        self._clear()
        for record in records:
            self.add(record)

    def _enter(self, key: tuple[str, ...], number: int, weight: float) -> None:
        postings = self._phrases.get(key)
        if postings is None:
            postings = self._phrases[key] = _Postings(key)
            for word in key:
                if word not in self._by_word:
                    self._enter_word(word)
                self._by_word[word].append(postings)
        if weight >= STRONG:
            postings.strong.append(number)
            postings.strong_weights.append(weight)
        else:
            postings.weak.append(number)
            postings.weak_weights.append(weight)

    def _enter_word(self, word: str) -> None:
        if len(word) > 3 and word.isalpha():
            for gram in grams_of(word):
                self._grams[gram].append(word)

    def information(self, word: str) -> float:
        """How much it says that a prompt has this word: BM25's inverse document frequency, in natural units."""
        found = self._worth.get(word)
        if found is None:
            found = self._worth[word] = self._information_of(self._count[word])
        return found

    def _information_of(self, count: int) -> float:
        return math.log(1 + (len(self) - count + 0.5) / (count + 0.5))

    def words_in(self, text: str) -> PromptWords:
        """A prompt as this library reads it: words that no LoRA has stand for the forms that are most alike."""
        words = words_of(prompt_text(text))
        worth: dict[str, float] = {}
        shown: dict[str, str] = {}
        for word in words:
            found = stem(word)
            if word in STOP_WORDS or found in worth:
                continue
            if self._count[found] > 0:
                worth[found], shown[found] = 1.0, word
                continue
            for other, alike in self._alike(found):
                if alike > worth.get(other, 0.0):
                    worth[other], shown[other] = alike, word
        return PromptWords(tuple(stem(word) for word in words), worth, shown)

    def _alike(self, word: str) -> list[tuple[str, float]]:
        if len(word) < 4 or not word.isalpha():
            return []
        grams = grams_of(word)
        shared = Counter(other for gram in grams for other in self._grams.get(gram, ()))
        found = []
        for other, count in shared.items():
            alike = count / (len(grams) + len(other) - count)  # a word has as many grams as letters, or fewer
            if alike >= _ALIKE and self._count[other] > 0:
                found.append((other, alike * _ALIKE_WORTH))
        return found

    def value(self, key: tuple[str, ...], words: PromptWords) -> float:
        """What a phrase is worth to a prompt, in natural units. 0 if the prompt has none of it but generic words."""
        informations = [self.information(word) for word in key]
        total = sum(informations)
        there = sum(
            information * words.worth.get(word, 0.0) for word, information in zip(key, informations, strict=True)
        )
        if total <= 0 or not any(word in words.worth and not is_generic(word) for word in key):
            return 0.0
        row = len(key) > 1 and _in_a_row(key, words.stems)
        return there * there / total * (1 + _IN_A_ROW if row else 1)

    def scores(self, text: str, prior: Prior | None = None) -> list[tuple[LoraRecord, float]]:
        """Records that the prompt says something of, best first; equal ones by name."""
        with self._lock:
            sums = self._sums(self.words_in(text))
            unit = self._information_of(1)
            found = []
            for number, total in sums.items():
                record = self._records[number]
                if record is not None:
                    score = total ** (1 / _ADDING) / unit
                    found.append((record, score if prior is None else score * prior(record)))
        return sorted(found, key=lambda item: (-round(item[1], 9), item[0].name, item[0].path))

    def _sums(self, words: PromptWords) -> dict[int, float]:
        if not self._numbers:
            return {}
        common = _COMMON * len(self) if len(self) >= _COMMON_FROM else math.inf
        least = _LEAST * self._information_of(1)
        norms = self._norms()
        sums: dict[int, float] = defaultdict(float)
        touched = {id(postings): postings for word in words.worth for postings in self._by_word.get(word, ())}
        for postings in touched.values():
            value = self.value(postings.key, words)
            if value < least:
                continue
            _add(sums, postings.strong, postings.strong_weights, value, norms)
            if len(postings.weak) <= common:
                _add(sums, postings.weak, postings.weak_weights, value, norms)
        return sums

    def _norms(self) -> Callable[[int], float]:
        mean = self._length / len(self) or 1.0
        lengths, short, steep = self._lengths, _K1 * (1 - _B), _K1 * _B / mean
        return lambda number: short + steep * lengths[number]


def _add(
    sums: dict[int, float], numbers: array[int], weights: array[float], value: float, norm: Callable[[int], float]
) -> None:
    for number, weight in zip(numbers, weights, strict=True):
        sums[number] += (value * weight * (_K1 + 1) / (weight + norm(number))) ** _ADDING


def _in_a_row(key: tuple[str, ...], stems: tuple[str, ...]) -> bool:
    size = len(key)
    return any(stems[at : at + size] == key for at in range(len(stems) - size + 1))
