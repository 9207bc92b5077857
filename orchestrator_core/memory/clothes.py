"""Clothes: which a text names, and what somebody wears once they have put on something else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from orchestrator_core.memory.vocabulary import DETERMINERS, GARMENTS, LOOKS, NOT_WORN, REPLACES
from orchestrator_core.profiles.phrases import words_of

_MOST_LOOKS = 4  # words before a garment
_NONE = frozenset(("no", "without", "removes", "removed"))
_PLURALS = ("es", "s")


@dataclass(frozen=True, slots=True)
class Worn:
    """One piece: ``text`` as it is said, ``part`` of the body. ``is_off``: it is said not to be worn."""

    text: str
    part: str
    is_off: bool = False

    @property
    def replaces(self) -> frozenset[str]:
        """The parts of the body whose pieces come off for it."""
        return frozenset((self.part,)) if self.is_off else REPLACES.get(self.part, frozenset((self.part,)))


def worn_in(text: str) -> tuple[Worn, ...]:
    """The clothes that a text names, in its order."""
    found: list[Worn] = []
    for chunk in text.split(","):
        words = words_of(chunk)
        line = f" {' '.join(words)} "
        if any(f" {phrase} " in line for phrase in NOT_WORN):
            continue
        for at, word in enumerate(words):
            part = part_of(word)
            if part and not (at + 1 < len(words) and part_of(words[at + 1])):  # of "armor boots" the last one counts
                found.append(_piece(words, at, part))
    return tuple(dict.fromkeys(found))


def part_of(word: str) -> str:
    """Of the body, that this garment is for; "" for what is no garment."""
    if word in GARMENTS:
        return GARMENTS[word]
    singulars = (word.removesuffix(ending) for ending in _PLURALS if word.endswith(ending))
    return next((GARMENTS[one] for one in singulars if one in GARMENTS), "")


def _piece(words: Sequence[str], at: int, part: str) -> Worn:
    start = at
    while start and at - start < _MOST_LOOKS and (words[start - 1] in LOOKS or part_of(words[start - 1])):
        start -= 1
    near = range(at - 1, max(-1, at - 1 - _MOST_LOOKS), -1)
    determiner = next((place for place in near if words[place] in DETERMINERS), None)
    if determiner is not None and determiner < start:
        start = determiner + 1
    is_off = bool(start and words[start - 1] in _NONE) or bool(start > 1 and words[start - 2] in _NONE)
    return Worn(" ".join(words[start : at + 1]), part, is_off)


def pieces_of(outfit: str) -> list[str]:
    """The parts of an outfit between commas."""
    return [piece for piece in (part.strip() for part in outfit.split(",")) if piece]


def put_on(outfit: str, worn: Iterable[Worn]) -> str:
    """The outfit once these are worn: what they replace comes off, and the rest stays."""
    worn = list(worn)
    off = {part for piece in worn for part in piece.replaces}
    kept = [piece for piece in pieces_of(outfit) if not _parts_of(piece) & off]
    return ", ".join(dict.fromkeys([*kept, *(piece.text for piece in worn if not piece.is_off)]))


def fitting(outfit: str, worn: Iterable[Worn]) -> list[str]:
    """The pieces of an outfit that can be worn together with these."""
    off = {part for piece in worn for part in piece.replaces}
    return [piece for piece in pieces_of(outfit) if not _parts_of(piece) & off]


def _parts_of(piece: str) -> set[str]:
    return {worn.part for worn in worn_in(piece)}
