"""What a prompt says that an addition must not say otherwise: time of day, weather, place, medium, view, …

Facts are found by words alone, so they are few and plain: what no word says is not known, and contradicts nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

from orchestrator_core.loras.words import stem, words_of

Facts = Mapping[str, frozenset[str]]  # values by dimension; a dimension that nothing was said of is absent

_FILE = Path(__file__).with_name("facts.txt")
_LONGEST = 3  # words of a phrase in the table
NOT = frozenset(("no", "without", "not", "never", "non"))

_TOGETHER = "together"  # the name of a line, not a value
_NOTHING = "nothing"  # phrases with a word of the table that there says nothing of a picture


def _key(phrase: str) -> tuple[str, ...]:
    return tuple(stem(word) for word in words_of(phrase))


@lru_cache(maxsize=1)
def _lines() -> tuple[tuple[str, str, str], ...]:
    """(dimension, value, phrases) of facts.txt."""
    found, dimension = [], ""
    for line in _FILE.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            dimension = line.strip("[]")
        elif line and not line.startswith("#"):
            value, _, phrases = line.partition(": ")
            found.append((dimension, value, phrases))
    return tuple(found)


@lru_cache(maxsize=1)
def _table() -> Mapping[tuple[str, ...], tuple[tuple[str, str], ...]]:
    found: dict[tuple[str, ...], tuple[tuple[str, str], ...]] = {}
    for dimension, value, phrases in _lines():
        for phrase in phrases.split(",") if value != _TOGETHER else ():
            said = ((dimension, value),) if dimension != _NOTHING else ()
            found[_key(phrase)] = (*found.get(_key(phrase), ()), *said)
    return found


@lru_cache(maxsize=1)
def _pairs() -> Mapping[str, frozenset[frozenset[str]]]:
    """The values of each dimension that do not contradict each other."""
    return {
        dimension: frozenset(frozenset(pair.split()) for pair in phrases.split(","))
        for dimension, value, phrases in _lines()
        if value == _TOGETHER
    }


@lru_cache(maxsize=4096)
def facts_of(text: str) -> Facts:
    """What a text says. A word after "no" or "without" says nothing."""
    found: dict[str, set[str]] = {}
    for dimension, value, _ in _said(text):
        found.setdefault(dimension, set()).add(value)
    return {dimension: frozenset(values) for dimension, values in found.items()}


def _said(text: str) -> Iterator[tuple[str, str, str]]:
    words = words_of(text)
    stems, at, table = [stem(word) for word in words], 0, _table()
    while at < len(stems):
        length = next((n for n in range(_LONGEST, 0, -1) if tuple(stems[at : at + n]) in table), 0)
        if length and not (at and words[at - 1] in NOT):
            for dimension, value in table[tuple(stems[at : at + length])]:
                yield dimension, value, " ".join(words[at : at + length])
        at += length or 1


def synonyms(text: str) -> list[str]:
    """Other phrases of the table that say what words of a text say, as "midnight" for "night"."""
    said = list(_said(text))
    there = {phrase for _, _, phrase in said}
    wanted = dict.fromkeys((dimension, value) for dimension, value, _ in said)
    phrases = (each.strip() for one in wanted for line in _lines() if line[:2] == one for each in line[2].split(","))
    return [phrase for phrase in dict.fromkeys(phrases) if phrase not in there]


def against(known: Facts, said: Facts) -> tuple[str, str, str] | None:
    """(dimension, what is known, what is said instead) of the first contradiction; None where there is none."""
    for dimension, values in said.items():
        there = known.get(dimension, frozenset())
        if not there:
            continue
        for value in sorted(values - there):
            for other in sorted(there):
                if frozenset((value, other)) not in _pairs().get(dimension, frozenset()):
                    return dimension, other, value
    return None


def beside(known: Facts, more: Facts) -> Facts:
    """The facts with those of ``more`` in dimensions that they leave open, where ``more`` is at one with itself."""
    settled = {
        name: values
        for name, values in more.items()
        if name not in known
        and all(against({name: values - {one}}, {name: frozenset({one})}) is None for one in values)
    }
    return {**settled, **known}


def joined(first: Facts, second: Facts) -> Facts:
    """The facts of both."""
    return {name: first.get(name, frozenset()) | second.get(name, frozenset()) for name in {*first, *second}}
