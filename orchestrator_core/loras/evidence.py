"""What a prompt says of LoRAs: BM25, word by word, over phrases that are there wholly or in part.

How often a LoRA has a word of the prompt is the sum of the weights of its phrases with this word, each times the share
of the phrase that is in the prompt: "red hat" has less of "red" than "red". Words add up like lengths at right angles
would, nearly: ten phrases that share one are not ten proofs.

What a word gives each LoRA is the same in all prompts but for phrases that have several words of one. It is worked out
once, kept, and put right for these.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from orchestrator_core.loras.documents import STRONG
from orchestrator_core.loras.phrase_table import PhraseTable
from orchestrator_core.loras.prompt_words import PromptWords
from orchestrator_core.loras.tuning import Tuning

_WHOLE = 0.8  # the share from which on a phrase is there wholly: a word that is only alike is worth a little less
_REMEMBERED = 2048  # words


class Evidence(NamedTuple):
    """A phrase that a prompt has something of."""

    at: int  # its place in the table
    value: float  # what it says, in natural units
    share: float  # the part of it that is there
    most: float  # the most weight that it may have


@dataclass(frozen=True, slots=True)
class Library:
    """What a Reader has to know of a library, besides its phrases."""

    table: PhraseTable
    information: Mapping[str, float]  # of any word: it has all
    norms: array[float]  # of BM25, by the numbers of LoRAs
    least: float  # the value that a phrase must have to be looked at
    common: float  # what more LoRAs than this have tells of those alone whose trigger words or notes it is


@dataclass(frozen=True, slots=True)
class _Alone:
    """A word as if it were a prompt's only one: the evidence by the phrases' places, and what it gives LoRAs."""

    information: float  # of the word, or what it is worth
    evidence: Mapping[int, Evidence]
    wholly: array[int]  # phrases of several words that have to be there wholly, and are looked up by this one
    numbers: array[int]  # of LoRAs, in order
    amounts: array[float]  # how much of the word each has
    given: array[float]  # its part of their scores, to the power of Tuning.adding

    def of(self, number: int) -> tuple[float, float]:
        """(amount, given) of a LoRA."""
        at = bisect_left(self.numbers, number)
        there = at < len(self.numbers) and self.numbers[at] == number
        return (self.amounts[at], self.given[at]) if there else (0.0, 0.0)


class Reader:
    """Reads prompts, for as long as a library stays as it is."""

    def __init__(self, library: Library, tuning: Tuning) -> None:
        self._library, self._table, self._tuning = library, library.table, tuning
        self._gain = tuning.k1 + 1
        self._totals = array("d", bytes(8 * len(library.table.keys)))  # the information of phrases; 0: not known yet
        self._known: dict[tuple[str, float], _Alone] = {}

    def read(self, words: PromptWords) -> tuple[list[Evidence], Mapping[int, float]]:
        """The phrases that a prompt has something of, and the score of each LoRA to the power of ``Tuning.adding``."""
        alone = {word: self._alone(word, worth) for word, worth in words.worth.items()}
        found: dict[int, Evidence] = {}
        sums: dict[int, float] = defaultdict(float)
        for one in alone.values():
            found.update(one.evidence)
            for number, given in zip(one.numbers, one.given, strict=True):
                sums[number] += given
        several = self._of_several(alone, words)
        found.update(several)
        near = list(self._near(found, words))
        instead: dict[int, Evidence | None] = {**several, **dict.fromkeys(one.at for one in near)}
        self._put_right(sums, alone, instead)
        for nearly in near:
            found[nearly.at] = nearly
            for number, weight in self._entries(nearly):
                gain = self._gain * nearly.value
                sums[number] += (gain * weight / (weight + self._library.norms[number])) ** self._tuning.adding
        return list(found.values()), sums

    def _alone(self, word: str, worth: float) -> _Alone:
        known = self._known.get((word, worth))
        if known is None:
            if len(self._known) >= _REMEMBERED:
                del self._known[next(iter(self._known))]
            known = self._known[word, worth] = self._made_alone(word, self._library.information[word] * worth)
        return known

    def _made_alone(self, word: str, information: float) -> _Alone:
        keys = self._table.keys
        wholly = list(self._table.wholly(word))
        places = [*self._table.in_part(word), *(at for at in wholly if len(keys[at]) == 1)]
        totals, most = self._totals, information**2 / (self._library.least or 1.0)
        evidence = {at: self._made(at, information) for at in places if (totals[at] or self._total(at)) <= most}
        amounts: dict[int, float] = defaultdict(float)
        for one in evidence.values():
            for number, weight in self._entries(one):
                amounts[number] += one.share * weight
        numbers, norms = sorted(amounts), self._library.norms
        gain, power = information * self._gain, self._tuning.adding
        return _Alone(
            information,
            evidence,
            array("I", [at for at in wholly if len(keys[at]) > 1]),
            array("I", numbers),
            array("d", [amounts[number] for number in numbers]),
            array("d", [(gain * (a := amounts[number]) / (a + norms[number])) ** power for number in numbers]),
        )

    def _made(self, at: int, information: float) -> Evidence:
        share = information / self._total(at)
        return Evidence(at, information * share, share, math.inf if share > _WHOLE else self._tuning.in_part)

    def _total(self, at: int) -> float:
        total = self._totals[at]
        if not total:
            total = self._totals[at] = sum(map(self._library.information.__getitem__, self._table.keys[at]))
        return total

    def _of_several(self, alone: Mapping[str, _Alone], words: PromptWords) -> dict[int, Evidence]:
        """The phrases that have several words of the prompt."""
        seen: set[int] = set()
        several: set[int] = set()
        for word, one in alone.items():
            places = self._table.in_part(word)
            several |= seen.intersection(places)
            seen.update(places)
            several.update(at for at in one.wholly if all(map(alone.__contains__, self._table.keys[at])))
        made = (self._made_of_several(at, alone, words) for at in several)
        return {one.at: one for one in made if one.value >= self._library.least}

    def _made_of_several(self, at: int, alone: Mapping[str, _Alone], words: PromptWords) -> Evidence:
        key = self._table.keys[at]
        one = self._made(at, sum([alone[word].information for word in key if word in alone]))
        if one.most < math.inf or key not in words.rows:
            return one
        more = 1 + self._tuning.in_a_row
        return one._replace(value=one.value * more, share=one.share * more)

    def _near(self, found: Mapping[int, Evidence], words: PromptWords) -> Iterator[Evidence]:
        """Phrases that the prompt says in other words, where these say more of them than its words do."""
        for key, near in words.near.items():
            at = self._table.place(key)
            if at is None:
                continue
            value, by_words = near.share * self._total(at), found.get(at)
            if by_words is not None and (by_words.most == math.inf or by_words.value >= value):
                continue
            if value > self._library.least:
                yield Evidence(at, value, 1.0, self._tuning.near)

    def _put_right(
        self, sums: dict[int, float], alone: Mapping[str, _Alone], instead: Mapping[int, Evidence | None]
    ) -> None:
        """What words give, where there is other evidence of a phrase, or none, than each of them alone is."""
        changes: dict[str, dict[int, float]] = defaultdict(lambda: defaultdict(float))
        for at, one in instead.items():
            entries, share = (self._entries(one), one.share) if one else ((), 0.0)
            for word in filter(alone.__contains__, self._table.keys[at]):
                changed = changes[word]
                for number, weight in entries:
                    changed[number] += share * weight
                if other := alone[word].evidence.get(at):
                    for number, weight in self._entries(other):
                        changed[number] -= other.share * weight
        norms, power = self._library.norms, self._tuning.adding
        for word, changed in changes.items():
            gain = self._gain * alone[word].information
            for number, more in changed.items():
                amount, given = alone[word].of(number)
                amount = max(0.0, amount + more)
                sums[number] += (gain * amount / (amount + norms[number])) ** power - given  # faster than a call

    def _entries(self, one: Evidence) -> Iterable[tuple[int, float]]:
        """The LoRAs that have a phrase, and its weight in each."""
        table, most = self._table, one.most
        entries = table.several.get(one.at)
        if entries is None:
            return ((table.first[one.at], min(table.heaviest[one.at], most)),)
        least = STRONG if len(entries[0]) > self._library.common else 0.0
        if table.heaviest[one.at] < least:
            return ()
        return [(number, min(weight, most)) for number, weight in zip(*entries, strict=True) if weight >= least]
