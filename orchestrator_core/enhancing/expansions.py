"""The table of additions that need no language model, ``expansions.txt``, and what of a prompt its lines ask for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from orchestrator_core.enhancing.facts import Facts, facts_of
from orchestrator_core.enhancing.figures import figures_in
from orchestrator_core.loras.words import stem, words_of

_FILE = Path(__file__).with_name("expansions.txt")
_LONGEST = 3  # words of a phrase in the lists
_PEOPLE = ("woman", "man", "person", "role", "child")


@dataclass(frozen=True, slots=True)
class Condition:
    """``values`` of a dimension: the prompt says one of them, or (``?``) nothing or one, or (``!``) none."""

    dimension: str
    sign: str
    values: frozenset[str]

    def weight(self, facts: Facts) -> int | None:
        """How much it speaks for a line; None where the line does not fit."""
        there = facts.get(self.dimension, frozenset())
        meets = bool(there & self.values)
        if self.sign == "!":
            return None if meets else 0
        if self.sign == "?":
            return 1 if meets else (None if there else 0)
        return 2 if meets else None


@dataclass(frozen=True, slots=True)
class Expansion:
    """One line: when it fits, and its three ways of being said. ``number`` is its place in the file."""

    number: int
    aspect: str
    conditions: tuple[Condition, ...]
    phrase: str
    tags: str
    sentence: str

    def weight(self, facts: Facts) -> int | None:
        """How well it fits; None where it does not."""
        total = 0
        for condition in self.conditions:
            weight = condition.weight(facts)
            if weight is None:
                return None
            total += weight
        return total


@dataclass(frozen=True, slots=True)
class Table:
    """``subjects`` and ``named``: what a prompt speaks of, and which aspects it has settled, by phrases' stems."""

    subjects: Mapping[tuple[str, ...], frozenset[str]]
    named: Mapping[tuple[str, ...], frozenset[str]]
    expansions: tuple[Expansion, ...]


@lru_cache(maxsize=1)
def table() -> Table:
    """The whole table, read once."""
    parts: dict[str, list[str]] = {}
    name = ""
    for line in _FILE.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            name = line.strip("[]")
        elif line.strip() and not line.startswith("#"):
            parts.setdefault(name, []).append(line)
    words = (_phrases(parts.pop("subjects")), _phrases(parts.pop("named")))
    lines = [(aspect, line) for aspect, found in parts.items() for line in found]
    return Table(*words, tuple(_expansion(number, *line) for number, line in enumerate(lines)))


def _phrases(lines: list[str]) -> Mapping[tuple[str, ...], frozenset[str]]:
    found: dict[tuple[str, ...], frozenset[str]] = {}
    for line in lines:
        name, _, phrases = line.partition(":")
        for phrase in phrases.split(","):
            key = tuple(stem(word) for word in words_of(phrase))
            found[key] = found.get(key, frozenset()) | {name.strip()}
    return found


def _expansion(number: int, aspect: str, line: str) -> Expansion:
    when, phrase, tags, sentence = (part.strip() for part in (*line.split("|"), "", "")[:4])
    return Expansion(number, aspect, tuple(_condition(text) for text in when.split()), phrase, tags, sentence)


def _condition(text: str) -> Condition:
    dimension, _, values = text.partition(":")
    sign = values[:1] if values[:1] in ("?", "!") else ""
    return Condition(dimension, sign, frozenset(values.removeprefix(sign).split("/")) - {""})


@lru_cache(maxsize=512)
def fitting_lines(facts: frozenset[tuple[str, frozenset[str]]]) -> tuple[tuple[Expansion, int], ...]:
    """The lines that fit these facts, each with how well. The prompts of a batch mostly say the same."""
    known = dict(facts)
    weighed = ((expansion, expansion.weight(known)) for expansion in table().expansions)
    return tuple((expansion, weight) for expansion, weight in weighed if weight is not None)


def facts_and_subjects(text: str) -> Facts:
    """The facts of a text, with its subjects as one more dimension."""
    subjects = set(_found(text, table().subjects))
    kinds = set(figures_in(text).values())
    subjects |= kinds & {"role", "animal", "creature", "robot"}
    if kinds & set(_PEOPLE):
        subjects.add("person")
    facts = dict(facts_of(text))
    if subjects:
        facts["subject"] = frozenset(subjects)
    return facts


def aspects_named(text: str) -> frozenset[str]:
    """The aspects that a prompt has words of its own for."""
    return frozenset(_found(text, table().named))


def _found(text: str, phrases: Mapping[tuple[str, ...], frozenset[str]]) -> Iterator[str]:
    stems = [stem(word) for word in words_of(text)]
    for at in range(len(stems)):
        for length in range(1, _LONGEST + 1):
            yield from phrases.get(tuple(stems[at : at + length]), ())
