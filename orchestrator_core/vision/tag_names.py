"""Vocabulary: the tags that a tagger knows, and which of them a prompt's words mean.

The file is that of the WD14 taggers, ``selected_tags.csv``: tag_id, name, category, count. Names are Danbooru's, as
``long_hair``; prompts write ``long hair``, ``a girl``, ``two girls``. What no tag means is told, never guessed.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from orchestrator_core.errors import ScorerError
from orchestrator_core.vision.readable import is_small

Category = Literal["general", "character", "rating", "other"]
_CATEGORIES: Mapping[str, Category] = {"0": "general", "4": "character", "9": "rating"}  # Danbooru's numbers
_MOST_BYTES, _MOST_WORDS = 16 * 1024 * 1024, 8  # of a vocabulary; of a tag
_KIND = re.compile(r" \((?:medium|style)\)$")  # as in watercolor_(medium), which prompts write without
_NUMBERS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5}
_PEOPLE = {"girl": "girl", "woman": "girl", "boy": "boy", "man": "boy"}
_PLURALS = {"women": "woman", "men": "man", "people": "person", "leaves": "leaf", "feet": "foot", "children": "child"}


@dataclass(frozen=True, slots=True)
class TagName:
    """``name`` as the file writes it; ``index``: its place in what the model gives."""

    name: str
    category: Category
    index: int

    @property
    def words(self) -> str:
        """As a prompt writes it."""
        return plain(self.name)


@dataclass(frozen=True, slots=True)
class TagReading:
    """The tags that a text means, and its words that no tag does."""

    tags: tuple[TagName, ...]
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    names: tuple[TagName, ...]
    _by_words: dict[str, TagName] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        content = [name for name in self.names if name.category != "rating"]
        for words in (lambda name: name.words, lambda name: _KIND.sub("", name.words)):
            for name in content:
                self._by_words.setdefault(words(name), name)

    def read(self, text: str) -> TagReading:
        """The longest tags first, from the left. Little words as "a" and "with" need no tag."""
        words = plain(text).replace(",", " ").split()
        tags: dict[str, TagName] = {}
        unknown: list[str] = []
        at = 0
        while at < len(words):
            length, tag = self._longest(words[at : at + _MOST_WORDS])
            if tag is not None:
                tags[tag.name] = tag
            elif not is_small(words[at]):
                unknown.append(words[at])
            at += length
        return TagReading(tuple(tags.values()), tuple(unknown))

    def _longest(self, words: list[str]) -> tuple[int, TagName | None]:
        for length in range(len(words), 0, -1):
            for form in _forms(words[:length]):
                if (tag := self._by_words.get(form)) is not None:
                    return length, tag
        return 1, None


def read_vocabulary(path: Path) -> Vocabulary:
    """Raises ScorerError for a file that is none, and for one without a tag."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ScorerError(f"{path}: a list of tags is not larger than {_MOST_BYTES:,} bytes.")
        with path.open(encoding="utf-8-sig", newline="") as file:
            names = tuple(_names(csv.DictReader(file), path))
    except (OSError, UnicodeError, csv.Error) as error:
        raise ScorerError(f"{path}: the tagger's list of tags cannot be read: {error}") from error
    if not names:
        raise ScorerError(f"{path}: there is no tag in it. Take the selected_tags.csv that came with the model.")
    return Vocabulary(names)


def _names(rows: csv.DictReader[str], path: Path) -> Iterator[TagName]:
    for index, row in enumerate(rows):
        name, category = row.get("name"), row.get("category")
        if not name or category is None:
            raise ScorerError(f"{path}, line {rows.line_num}: there should be the columns name and category.")
        yield TagName(name.strip(), _CATEGORIES.get(category.strip(), "other"), index)


def plain(text: str) -> str:
    """Lower case, blanks for underscores, brackets without their backslashes."""
    return " ".join(text.lower().replace("_", " ").replace("\\", "").split())


def content_words(text: str) -> frozenset[str]:
    """The words of a text that mean something, in the singular."""
    words = (word.strip(".,;:!?\"'()[]") for word in plain(text).split())
    return frozenset(singular(word) for word in words if word and not is_small(word))


def singular(word: str) -> str:
    """By the usual endings of English."""
    if word in _PLURALS:
        return _PLURALS[word]
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("ses", "xes", "ches", "shes")):
        return word[:-2]
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")) else word


def _forms(words: list[str]) -> Iterable[str]:
    """The spellings under which a tag for these words may stand, the likeliest first."""
    yield " ".join(words)
    one = [*words[:-1], singular(words[-1])]
    yield " ".join(one)
    if len(words) <= 2 and one[-1] in _PEOPLE:
        number = _NUMBERS.get(words[0], 0) if len(words) == 2 else 1 if words == one else 0
        yield f"{number}{_PEOPLE[one[-1]]}{'s' * (number > 1)}"
    yield " ".join(words).replace("-", " ")
