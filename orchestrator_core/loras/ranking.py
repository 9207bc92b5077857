"""Which LoRAs a prompt speaks of: an inverted index in memory, from words to phrases to LoRAs.

The score is BM25's (Robertson, Zaragoza: The Probabilistic Relevance Framework, 2009; saturation k1, length b) with
three changes. A word in a *phrase* counts by the share of the phrase that is in the prompt, so that "red" is little
evidence for "red hat" (evidence.py). A word finds its compounds too, for less: "city" a "cityscape". Words that fit
every picture ("1girl", "masterpiece") count for nothing. 1 is about what a tag gives that one LoRA alone has and the
prompt contains.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from threading import RLock
from typing import Protocol

from orchestrator_core.loras.documents import document_of
from orchestrator_core.loras.evidence import Evidence, Library, Reader
from orchestrator_core.loras.naming import LoraNames
from orchestrator_core.loras.phrase_table import PhraseTable
from orchestrator_core.loras.prompt_words import Near, PromptWords
from orchestrator_core.loras.record import LoraRecord
from orchestrator_core.loras.tuning import Tuning
from orchestrator_core.loras.words import STOP_WORDS, Key, is_generic, prompt_text, stem, words_of

_AT_ONCE = 50  # LoRAs whose phrases are looked for together
_WASTE = 0.25  # the part of the entries that may belong to LoRAs that are gone

Prior = Callable[[LoraRecord], float]


class LoraSource(Protocol):
    """The LoRAs to choose from, as they are now."""

    def index(self) -> LoraIndex: ...


@dataclass(frozen=True, slots=True)
class LaterLoras:
    """A LoraSource that is opened when somebody chooses from it: a draw needs none."""

    open: Callable[[], LoraSource]

    def index(self) -> LoraIndex:
        """Raises what ``open`` does."""
        return self.open().index()


@dataclass(frozen=True, slots=True)
class Ranked:
    """A LoRA that a prompt says something of. ``phrases``: those that match, and what each gives; the best first."""

    record: LoraRecord
    score: float
    phrases: tuple[tuple[Key, float], ...] = ()


class _Information(dict[str, float]):
    """What words say, each worked out when it is asked for: faster than a function in the innermost loops."""

    def __init__(self, found: Callable[[str], float]) -> None:
        super().__init__()
        self._found = found

    def __missing__(self, word: str) -> float:
        value = self[word] = self._found(word)
        return value


class LoraIndex:
    """LoRAs by what prompts say. Records are added, replaced and removed one by one, from any thread."""

    def __init__(self, records: Iterable[LoraRecord] = (), tuning: Tuning | None = None) -> None:
        self.tuning = tuning or Tuning()
        self._lock = RLock()
        self._clear()
        for record in records:
            self.add(record)

    def _clear(self) -> None:
        self._table = PhraseTable()
        self._count: Counter[str] = Counter()  # LoRAs that have a word
        self._records: list[LoraRecord | None] = []
        self._numbers: dict[str, int] = {}  # path → place in _records and _lengths
        self._lengths = array("f")
        self._forget()

    def _forget(self) -> None:
        """What follows from the whole of the library is found again when it is asked for."""
        self._information = _Information(self._information_of_word)
        self._reader: Reader | None = None
        self._names: LoraNames | None = None

    def __len__(self) -> int:
        return len(self._numbers)

    def index(self) -> LoraIndex:
        """Itself: an index is a LoraSource."""
        return self

    @property
    def records(self) -> tuple[LoraRecord, ...]:
        with self._lock:
            return tuple(record for record in self._records if record is not None)

    @property
    def names(self) -> LoraNames:
        with self._lock:
            if self._names is None:
                self._names = LoraNames(self.records)
            return self._names

    def add(self, record: LoraRecord) -> None:
        """Adds a record, or puts it in the place of the one with its path."""
        with self._lock:
            self.remove(record.path)
            number = len(self._records)
            self._records.append(record)
            self._numbers[record.path] = number
            weights: dict[Key, float] = defaultdict(float)
            for phrase in document_of(record):
                weights[phrase.key] += phrase.weight
            for key, weight in weights.items():
                self._table.enter(key, number, weight)
            self._lengths.append(float(sum(len(key) for key in weights)))
            self._count.update({word for key in weights for word in key})
            self._forget()

    def remove(self, path: str) -> None:
        """Takes the record with this path out, if there is one."""
        with self._lock:
            number = self._numbers.pop(path, None)
            if number is None:
                return
            record = self._records[number]
            assert record is not None
            self._records[number] = None
            self._count.subtract({word for phrase in document_of(record) for word in phrase.key})
            self._forget()
            if len(self._records) - len(self._numbers) > max(100, _WASTE * len(self._records)):
                self._compact()

    def _compact(self) -> None:
        records = self.records
        self._clear()
        for record in records:
            self.add(record)

    def information(self, word: str) -> float:
        """How much it says that a prompt has this word: BM25's inverse document frequency, in natural units."""
        return self._information[word]

    def _information_of_word(self, word: str) -> float:
        return self._information_of(self._count[word])

    def _information_of(self, count: int) -> float:
        size = max(len(self), self.tuning.small)
        return math.log(1 + (size - count + 0.5) / (count + 0.5))

    def words_in(self, text: str, near: Mapping[Key, Near] | None = None) -> PromptWords:
        """A prompt as this library reads it: words stand for their compounds too, and those that no LoRA has for the
        forms that are most alike.

        ``near``: phrases that it says in other words, as SemanticPhrases finds them.
        """
        words = [word for word in words_of(prompt_text(text)) if word not in STOP_WORDS and not is_generic(stem(word))]
        worth: dict[str, float] = {}
        shown: dict[str, str] = {}
        for word in words:
            found = stem(word)
            if worth.get(found) == 1.0:
                continue
            for other, alike in [(found, 1.0)] if self._count[found] > 0 else self._alike(found):
                if alike > worth.get(other, 0.0):
                    worth[other], shown[other] = alike, word
        parts: dict[str, str] = {}
        for word in words:
            for compound in self._compounds(stem(word)):
                if compound not in worth:
                    worth[compound], shown[compound], parts[compound] = self.tuning.compound, word, stem(word)
                    shown.setdefault(stem(word), word)
        return PromptWords(tuple(stem(word) for word in words), worth, shown, near or {}, parts)

    def _compounds(self, word: str) -> Iterator[str]:
        return (compound for compound in self._table.compounds(word) if self._count[compound] > 0)

    def _alike(self, word: str) -> Iterator[tuple[str, float]]:
        for other, alike in self._table.alike(word, self.tuning.alike):
            if self._count[other] > 0:
                yield other, alike * self.tuning.alike_worth

    def rank(self, text: str | PromptWords, prior: Prior | None = None, least: float = 0.0) -> Iterator[Ranked]:
        """The LoRAs that a prompt says something of, with at least this score; best first, equal ones by name."""
        with self._lock:
            words = self.words_in(text) if isinstance(text, str) else text
            evidence, sums = self._read(words)
            found = self._scored(sums, prior, least)
            while some := list(islice(found, _AT_ONCE)):
                phrases = self._phrases_of({number for _, _, number in some}, evidence)
                yield from (Ranked(record, score, tuple(phrases[number])) for record, score, number in some)

    def scores(self, text: str | PromptWords, prior: Prior | None = None) -> list[tuple[LoraRecord, float]]:
        """As ``rank``, without the phrases."""
        with self._lock:
            words = self.words_in(text) if isinstance(text, str) else text
            found = self._scored(self._read(words)[1], prior, 0.0)
            return [(record, score) for record, score, _ in found]

    def _scored(
        self, sums: Mapping[int, float], prior: Prior | None, least: float
    ) -> Iterator[tuple[LoraRecord, float, int]]:
        """The best first; those of one score by name. Who asks for the first alone has no others' scores worked out."""
        power, unit, records = self.tuning.adding, self._information_of(1), self._records
        if prior is not None:
            sums = {
                number: total * prior(record) ** power for number, total in sums.items() if (record := records[number])
            }
        least_sum = (least * unit) ** power
        found = sorted([number for number in sums if sums[number] >= least_sum], key=sums.__getitem__, reverse=True)
        for score, same in groupby(found, lambda number: round(sums[number] ** (1 / power) / unit, 9)):
            there = [(record, number) for number in same if (record := records[number]) is not None]
            if len(there) > 1:
                there.sort(key=lambda item: (item[0].name, item[0].path))
            for record, number in there:
                yield record, score, number

    def _read(self, words: PromptWords) -> tuple[Sequence[Evidence], Mapping[int, float]]:
        """What the prompt says, and of which LoRA how much."""
        if self._reader is None:
            least = self.tuning.least * self._information_of(1) if len(self) else 0.0
            common = self.tuning.common * len(self) if len(self) >= self.tuning.small else math.inf
            library = Library(self._table, self._information, self._norms(), least, common)
            self._reader = Reader(library, self.tuning)
        return self._reader.read(words)

    def _norms(self) -> array[float]:
        tuning = self.tuning
        total = sum(self._lengths[number] for number in self._numbers.values())
        mean = total / len(self) if total else 1.0
        return array("f", (tuning.k1 * (1 - tuning.b + tuning.b * n / mean) for n in self._lengths))

    def _phrases_of(self, numbers: set[int], evidence: Sequence[Evidence]) -> Mapping[int, list[tuple[Key, float]]]:
        found: dict[int, list[tuple[Key, float]]] = defaultdict(list)
        table = self._table
        for at, value, _, most in evidence:
            entries = table.several.get(at)
            if entries is None:
                if table.first[at] in numbers:
                    found[table.first[at]].append((table.keys[at], value * min(table.heaviest[at], most)))
                continue
            there, weights = entries
            for number in numbers.intersection(there):
                found[number].append((table.keys[at], value * min(weights[bisect_left(there, number)], most)))
        for phrases in found.values():
            phrases.sort(key=lambda phrase: (-phrase[1], phrase[0]))
        return found
