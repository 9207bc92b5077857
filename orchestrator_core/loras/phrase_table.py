"""The phrases of all LoRAs, each once, with the LoRAs that have it: what an index looks words up in.

A phrase that is weak wherever it stands (a training tag, a word of a description) has to be in a prompt wholly, and is
looked up by one of its words, the rarest so far; a part of any other phrase tells something too. Plain arrays, because
10,000 LoRAs have a million tags, and none for the four of five phrases that one LoRA alone has. Nothing is ever taken
out: who removes a LoRA forgets its number.
"""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from orchestrator_core.loras.words import Key, grams_of

IN_PART = 1.0  # the weight from which on a part of a phrase tells something
_SHORTEST = 4  # letters: shorter words have too few runs of three to be alike by chance alone


class PhraseTable:
    """``keys[at]`` is a phrase, and ``heaviest[at]`` the most weight that a LoRA gives it.

    ``first[at]`` is a LoRA that has it: the only one, unless ``several`` has the numbers of all, in order, and their
    weights. Public for the ranking's innermost loops, for which a call for each phrase would be too much.
    """

    def __init__(self) -> None:
        self.keys: list[Key] = []
        self.heaviest = array("f")
        self.first = array("I")
        self.several: dict[int, tuple[array[int], array[float]]] = {}
        self._places: dict[Key, int] = {}
        self._by_word: dict[str, array[int]] = {}  # phrases that may be there in part
        self._by_rarest: dict[str, array[int]] = {}  # phrases that have to be there wholly
        self._in_part: set[int] = set()
        self._by_gram: dict[str, list[str]] = defaultdict(list)

    def enter(self, key: Key, number: int, weight: float) -> None:
        at = self._places.get(key)
        if at is None:
            at = self._new(key, number, weight)
        else:
            self._again(at, number, weight)
        if weight >= IN_PART and at not in self._in_part:
            self._in_part.add(at)
            for word in key:
                self._by_word[word].append(at)

    def _again(self, at: int, number: int, weight: float) -> None:
        entries = self.several.get(at)
        if entries is None:
            entries = self.several[at] = self.first[at : at + 1], self.heaviest[at : at + 1]
        entries[0].append(number)
        entries[1].append(weight)
        self.heaviest[at] = max(self.heaviest[at], weight)

    def place(self, key: Key) -> int | None:
        return self._places.get(key)

    def _new(self, key: Key, number: int, weight: float) -> int:
        at = self._places[key] = len(self.keys)
        self.keys.append(key)
        self.first.append(number)
        self.heaviest.append(weight)
        for word in key:
            if word not in self._by_word:
                self._new_word(word)
        self._by_rarest[min(key, key=lambda word: len(self._by_rarest[word]))].append(at)
        return at

    def _new_word(self, word: str) -> None:
        self._by_word[word], self._by_rarest[word] = array("I"), array("I")
        if len(word) >= _SHORTEST and word.isalpha():
            for gram in grams_of(word):
                self._by_gram[gram].append(word)

    def in_part(self, word: str) -> Sequence[int]:
        """The places of the phrases that have this word and tell something even where the others are missing."""
        return self._by_word.get(word, ())

    def wholly(self, word: str) -> Iterator[int]:
        """Those of the phrases that have to be there wholly, and are looked up by this word."""
        return (at for at in self._by_rarest.get(word, ()) if at not in self._in_part)

    def alike(self, word: str, least: float) -> Iterator[tuple[str, float]]:
        """The words that are at least so alike, 0 … 1: the share of their runs of three characters that both have."""
        if len(word) < _SHORTEST or not word.isalpha():
            return
        grams = grams_of(word)
        shared = Counter(other for gram in grams for other in self._by_gram.get(gram, ()))
        for other, count in shared.items():
            alike = count / (len(grams) + len(grams_of(other)) - count)
            if alike >= least:
                yield other, alike

    def compounds(self, word: str) -> Iterator[str]:
        """The words that begin or end with this one, and those that it begins or ends with, if not much longer."""
        if len(word) < _SHORTEST or not word.isalpha():
            return
        grams = (word[at : at + 3] for at in range(len(word) - 2))
        for other in min((self._by_gram.get(gram, ()) for gram in grams), key=len):
            if word != other and _is_part(word, other):
                yield other
        for size in range(_SHORTEST, len(word)):
            for other in (word[:size], word[-size:]):
                if other in self._by_word and _is_part(other, word):
                    yield other


def _is_part(part: str, word: str) -> bool:
    """Whether a longer word is a compound of a part. "Chair" is none of "hair": what goes before is no word."""
    is_end = word.endswith(part) and len(word) - len(part) >= _SHORTEST - 1
    return 5 * len(part) >= 2 * len(word) and (is_end or word.startswith(part))
