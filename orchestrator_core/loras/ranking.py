"""Which LoRAs a prompt speaks of: an inverted index in memory, from words to phrases to LoRAs.

The score is BM25's (Robertson, Zaragoza: The Probabilistic Relevance Framework, 2009; saturation k1, length b) with
three changes. A *phrase* is what is scored: its value is the information of its words that are in the prompt, times the
share that these are of the whole phrase, so that "red" is little evidence for "red hat". Phrases add up like lengths at
right angles would, nearly: ten that share one word are not ten proofs. Words that fit every picture ("1girl",
"masterpiece") count for nothing. 1 is about what a tag gives that one LoRA alone has and the prompt
contains.
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

from orchestrator_core.loras.documents import STRONG, document_of
from orchestrator_core.loras.naming import LoraNames
from orchestrator_core.loras.phrase_table import PhraseTable
from orchestrator_core.loras.prompt_words import Near, PromptWords
from orchestrator_core.loras.record import LoraRecord
from orchestrator_core.loras.tuning import Tuning
from orchestrator_core.loras.words import STOP_WORDS, Key, is_generic, prompt_text, stem, words_of

_AT_ONCE = 50  # LoRAs whose phrases are looked for together
_WASTE = 0.25  # the part of the entries that may belong to LoRAs that are gone

_WHOLE = 0.8  # the share from which on a phrase is there wholly: a word that is only alike is worth a little less

_Value = tuple[int, float, float]  # a phrase's place, its value in natural units, and the most weight that it may have
Prior = Callable[[LoraRecord], float]


class LoraSource(Protocol):
    """The LoRAs to choose from, as they are now."""

    def index(self) -> LoraIndex: ...


@dataclass(frozen=True, slots=True)
class Ranked:
    """A LoRA that a prompt says something of. ``phrases``: those that match, and what each gives; the best first."""

    record: LoraRecord
    score: float
    phrases: tuple[tuple[Key, float], ...] = ()


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
        self._information: dict[str, float] = {}
        self._totals: array[float] | None = None
        self._norms: array[float] | None = None
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
        found = self._information.get(word)
        if found is None:
            found = self._information[word] = self._information_of(self._count[word])
        return found

    def _information_of(self, count: int) -> float:
        size = max(len(self), self.tuning.small)
        return math.log(1 + (size - count + 0.5) / (count + 0.5))

    def words_in(self, text: str, near: Mapping[Key, Near] | None = None) -> PromptWords:
        """A prompt as this library reads it: words that no LoRA has stand for the forms that are most alike.

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
        return PromptWords(tuple(stem(word) for word in words), worth, shown, near or {})

    def _alike(self, word: str) -> Iterator[tuple[str, float]]:
        for other, alike in self._table.alike(word, self.tuning.alike):
            if self._count[other] > 0:
                yield other, alike * self.tuning.alike_worth

    def rank(self, text: str | PromptWords, prior: Prior | None = None, least: float = 0.0) -> Iterator[Ranked]:
        """The LoRAs that a prompt says something of, with at least this score; best first, equal ones by name."""
        with self._lock:
            values = self._values(self.words_in(text) if isinstance(text, str) else text)
            found = self._scored(self._sums(values), prior, least)
            while some := list(islice(found, _AT_ONCE)):
                phrases = self._phrases_of({number for _, _, number in some}, values)
                yield from (Ranked(record, score, tuple(phrases[number])) for record, score, number in some)

    def scores(self, text: str | PromptWords, prior: Prior | None = None) -> list[tuple[LoraRecord, float]]:
        """As ``rank``, without the phrases."""
        with self._lock:
            words = self.words_in(text) if isinstance(text, str) else text
            found = self._scored(self._sums(self._values(words)), prior, 0.0)
            return [(record, score) for record, score, _ in found]

    def _scored(
        self, sums: Mapping[int, float], prior: Prior | None, least: float
    ) -> Iterator[tuple[LoraRecord, float, int]]:
        """The best first; those of one score by name."""
        power, unit = 1 / self.tuning.adding, self._information_of(1)
        least_sum = (least * unit) ** self.tuning.adding if prior is None else 0.0
        records = self._records
        found = []
        for number, total in sums.items():
            if total < least_sum or (record := records[number]) is None:
                continue
            score = total**power / unit * (1.0 if prior is None else prior(record))
            if score >= least:
                found.append((-round(score, 9), number))
        found.sort()
        for score, same in groupby(found, lambda item: item[0]):
            there = [(record, number) for _, number in same if (record := records[number]) is not None]
            if len(there) > 1:
                there.sort(key=lambda item: (item[0].name, item[0].path))
            for record, number in there:
                yield record, -score, number

    def _values(self, words: PromptWords) -> list[_Value]:
        """The phrases that the prompt has something of."""
        there = self._table.found({word: self.information(word) * worth for word, worth in words.worth.items()})
        least = self.tuning.least * self._information_of(1) if len(self) else 0.0
        there = {at: information for at, information in there.items() if information >= least}
        totals = self._filled_totals(there)
        found: dict[int, _Value] = {}
        for at, information in there.items():
            value = information * information / totals[at]
            if value < least:
                continue
            whole = information > _WHOLE * totals[at]
            key = self._table.keys[at]
            if whole and len(key) > 1 and key in words.rows:
                value *= 1 + self.tuning.in_a_row
            found[at] = (at, value, math.inf if whole else self.tuning.in_part)
        self._add_near(found, words, least)
        return list(found.values())

    def _add_near(self, found: dict[int, _Value], words: PromptWords, least: float) -> None:
        """Phrases that the prompt says in other words, where these say more of them than its words do."""
        places = {at: near.share for key, near in words.near.items() if (at := self._table.place(key)) is not None}
        totals = self._filled_totals(places)
        for at, share in places.items():
            value = share * totals[at]
            _, lexical, most = found.get(at, (at, 0.0, 0.0))
            if value > max(lexical, least) and most < math.inf:
                found[at] = (at, value, self.tuning.near)

    def _filled_totals(self, phrases: Iterable[int]) -> array[float]:
        """The information of whole phrases, which is 0 where it was not asked for yet."""
        if self._totals is None or len(self._totals) != len(self._table.keys):
            self._totals = array("f", bytes(4 * len(self._table.keys)))
        totals = self._totals
        for at in phrases:
            if not totals[at]:
                totals[at] = sum(self.information(word) for word in self._table.keys[at])
        return totals

    def _sums(self, values: Sequence[_Value]) -> dict[int, float]:
        """What the phrases give each LoRA, to the power that makes many of them less than their sum."""
        tuning, norms = self.tuning, self._filled_norms()
        common = tuning.common * len(self) if len(self) >= tuning.small else math.inf
        gain, power = tuning.k1 + 1, tuning.adding
        sums: dict[int, float] = defaultdict(float)
        table, heaviest = self._table, self._table.heaviest
        for at, value, most in values:
            gained = value * gain
            entries = table.several.get(at)
            if entries is None:
                number, weight = table.first[at], min(heaviest[at], most)
                sums[number] += (gained * weight / (weight + norms[number])) ** power
                continue
            least = STRONG if len(entries[0]) > common else 0.0
            if heaviest[at] < least:
                continue
            for number, weight in zip(*entries, strict=True):
                if weight >= least:
                    if weight > most:  # faster than min(), in the innermost loop
                        weight = most
                    sums[number] += (gained * weight / (weight + norms[number])) ** power
        return sums

    def _filled_norms(self) -> array[float]:
        if self._norms is None:
            tuning = self.tuning
            total = sum(self._lengths[number] for number in self._numbers.values())
            mean = total / len(self) if total else 1.0
            self._norms = array("f", (tuning.k1 * (1 - tuning.b + tuning.b * n / mean) for n in self._lengths))
        return self._norms

    def _phrases_of(self, numbers: set[int], values: Sequence[_Value]) -> Mapping[int, list[tuple[Key, float]]]:
        found: dict[int, list[tuple[Key, float]]] = defaultdict(list)
        table = self._table
        for at, value, most in values:
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
