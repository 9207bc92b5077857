"""What a LoRA is found by: the phrases of its record, each with the weight of the field that it stands in.

Trigger words weigh most, then what a person wrote, the name, Civitai's tags, training tags and the description. A tag
that is written twice counts twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from orchestrator_core.loras.record import LoraRecord
from orchestrator_core.loras.words import STOP_WORDS, key_of, name_phrase, phrases_of, words_of

FieldName = Literal["trigger", "user tag", "notes", "name", "title", "tag", "training tag", "description"]
WEIGHTS: dict[FieldName, float] = {
    "trigger": 10.0,
    "user tag": 5.0,
    "notes": 2.0,
    "name": 3.0,
    "title": 3.0,
    "tag": 1.0,
    "training tag": 0.5,
    "description": 0.2,
}
STRONG = 2.0  # from here on a phrase counts however many LoRAs have it
_LATER_PART = 0.4  # "foo, red hat": what follows the first part is worn or done, and less of the LoRA's own
_TRAINING_TAGS, _NOTE_WORDS, _DESCRIPTION_WORDS, _PHRASE_WORDS = 40, 40, 40, 8


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase of a record. ``key`` is what it is found by."""

    text: str
    field: FieldName
    weight: float
    key: tuple[str, ...]


def document_of(record: LoraRecord) -> Iterator[Phrase]:
    """All phrases by which a record can be found, the weightiest fields first."""
    yield from _phrases(_strong_texts(record))
    yield from _phrases(_weak_texts(record))


def strong_phrases(record: LoraRecord) -> Iterator[Phrase]:
    """Of ``document_of``, trigger words, tags, name and title: what says what a LoRA is, in some phrases."""
    return _phrases(_strong_texts(record))


def _phrases(texts: Iterator[tuple[FieldName, str, float]]) -> Iterator[Phrase]:
    for field, text, weight in texts:
        key = key_of(text)[:_PHRASE_WORDS]
        if key:
            yield Phrase(text, field, weight, key)


def _strong_texts(record: LoraRecord) -> Iterator[tuple[FieldName, str, float]]:
    for group in record.trigger_words:
        for number, text in enumerate(phrases_of(group)):
            yield "trigger", text, WEIGHTS["trigger"] * (_LATER_PART if number else 1)
    theirs = {fact.value.casefold() for fact in record.facts if fact.source == "user" and fact.field == "tags"}
    for tag in record.tags:
        field: FieldName = "user tag" if tag.casefold() in theirs else "tag"
        yield field, tag, WEIGHTS[field]
    yield "name", name_phrase(record.name), WEIGHTS["name"]
    if key_of(record.title) != key_of(name_phrase(record.name)):
        yield "title", name_phrase(record.title), WEIGHTS["title"]


def _weak_texts(record: LoraRecord) -> Iterator[tuple[FieldName, str, float]]:
    yield from _training_tags(record)
    for word in _distinct_words(record.notes, _NOTE_WORDS):
        yield "notes", word, WEIGHTS["notes"]
    for word in _distinct_words(record.description, _DESCRIPTION_WORDS):
        yield "description", word, WEIGHTS["description"]


def _training_tags(record: LoraRecord) -> Iterator[tuple[FieldName, str, float]]:
    most = max((count for _, count in record.training_tags), default=1) or 1
    for tag, count in record.training_tags[:_TRAINING_TAGS]:
        yield "training tag", tag, WEIGHTS["training tag"] * max(0.1, min(1.0, count / most))


def _distinct_words(text: str, most: int) -> list[str]:
    words = dict.fromkeys(word for word in words_of(text[:4000]) if word not in STOP_WORDS and len(word) > 2)
    return list(words)[:most]
