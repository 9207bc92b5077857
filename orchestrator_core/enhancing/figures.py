"""Who is in a picture: the people, animals and creatures that a text names, and how many people it counts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from orchestrator_core.enhancing.facts import NOT
from orchestrator_core.loras.words import people_in, stem, words_of

_FILE = Path(__file__).with_name("figures.txt")
_PEOPLE = frozenset(("woman", "man", "person", "role", "child", "others"))
# A word that only points at a figure that is there already.
_POINTING_WORDS = "she her he him his they their person figure character human someone"
_GENERIC_WORDS = "girl woman lady female boy man male guy gentleman person people figure"
# Words that speak of an animal and mean a thing: "fish eye", "bird's eye view", "horse tail" …
_NOT_MEANT = re.compile(
    r"\b(?:bird'?s?[ -]eye|fish[ -]?eye|worm'?s?[ -]eye|cat[ -]eye|butterfly[ -]lighting|model sheet|tiger eye|"
    r"portrait lens|bear in mind|ghost of a|giant (?=\w)|spirited?|character design|fox fire|bat wing|seal of)\b",
    re.I,
)
_AGED = re.compile(r"\b(?:\d{1,2}|one|two|three|four|five|six|seven|eight|nine|ten|\w+teen)[ -]years?[ -]old\b", re.I)
_NUMBERS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "a pair of": 2, "couple of": 2, "solo": 1}
_COUNTED = re.compile(
    r"\b(two|three|four|five|a pair of|couple of)\s(?:\w+\s){0,2}?(?:women|men|girls|boys|people|persons|friends|"
    r"sisters|brothers|figures|children|kids|lovers|knights|warriors|dancers|soldiers)\b",
    re.I,
)


@lru_cache(maxsize=1)
def _table() -> Mapping[str, str]:
    """The kind of each stem; of a word in several lists, the first says."""
    found: dict[str, str] = {}
    for line in _FILE.read_text(encoding="utf-8").splitlines():
        kind, _, words = line.partition(": ")
        for word in words.split() if not line.startswith("#") else ():
            found.setdefault(stem(word), kind)
    return found


@lru_cache(maxsize=2)
def _stems(words: str) -> frozenset[str]:
    return frozenset(stem(word) for word in words.split())


@lru_cache(maxsize=4096)
def figures_in(text: str) -> Mapping[str, str]:
    """The kind of each figure that a text names, by the stem of its name."""
    table = _table()
    if _AGED.search(text):
        text = f"{text} child"  # however old: nobody becomes one whom the prompt does not call so
    words = words_of(_NOT_MEANT.sub(" ", text))
    stems = [stem(word) for word in words]
    return {one: table[one] for at, one in enumerate(stems) if one in table and not (at and words[at - 1] in NOT)}


@lru_cache(maxsize=4096)
def count_in(text: str) -> int:
    """How many people a text counts: ``2girls``, ``1girl, 1boy``, "two women". 0 where it does not say."""
    counted = people_in(text) or sum(_NUMBERS[match[1].lower()] for match in _COUNTED.finditer(text))
    return counted or (1 if re.search(r"\bsolo\b", text, re.I) else 0)


def has_people(text: str) -> bool:
    return any(kind in _PEOPLE for kind in figures_in(text).values())


def stranger(there: str, said: str) -> str:
    """The first figure that ``said`` names and a picture of ``there`` does not have; "" if there is none."""
    known = figures_in(there)
    kinds = set(known.values())
    for one, kind in figures_in(said).items():
        if one not in known and not _is_known(one, kind, kinds):
            return one
    return ""


def _is_known(one: str, kind: str, kinds: set[str]) -> bool:
    if one in _stems(_POINTING_WORDS):
        return _agrees(kind, kinds)
    return (
        kind in ("woman", "man", "person")
        and one in _stems(_GENERIC_WORDS)
        and bool(kinds & _PEOPLE)
        and _agrees(kind, kinds)
    )


def _agrees(kind: str, kinds: set[str]) -> bool:
    """A woman is no stranger where the prompt speaks of a knight, but is where it speaks of a man alone."""
    other = {"woman": "man", "man": "woman"}.get(kind)
    return other is None or kind in kinds or other not in kinds
