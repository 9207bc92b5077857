"""Why a LoRA was chosen, nearly chosen or refused: as data, and as a sentence for a person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from orchestrator_core.loras.documents import FieldName, document_of
from orchestrator_core.loras.ranking import LoraIndex, PromptWords
from orchestrator_core.loras.record import LoraRecord

_SHOWN = 3
_NAMED: dict[FieldName, str] = {"user tag": "your tag", "notes": "your notes", "description": "its description"}


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason. ``words`` are those of the prompt, or of another LoRA's name; ``number`` depends on the kind:
    a match's value, a learned weight's factor, the strength that was left."""

    kind: str
    sentence: str
    words: tuple[str, ...] = ()
    number: float = 0.0


@dataclass(frozen=True, slots=True)
class Explained:
    """The matches of one record, best first, and what each word of the prompt tells of it."""

    reasons: tuple[Reason, ...]
    words: Mapping[str, float]


def explain(index: LoraIndex, record: LoraRecord, words: PromptWords) -> Explained:
    """Which phrases of a record the prompt has."""
    found: dict[tuple[str, ...], Reason] = {}
    there: dict[str, float] = {}
    for phrase in document_of(record):
        value = index.value(phrase.key, words)
        if value <= 0:
            continue
        matched = [word for word in phrase.key if word in words.worth]
        number = value * phrase.weight
        there.update({word: index.information(word) * words.worth[word] for word in matched})
        if phrase.key not in found or found[phrase.key].number < number:
            shown = tuple(words.shown[word] for word in matched)
            sentence = _match(phrase.field, phrase.text, shown, len(matched) == len(phrase.key))
            found[phrase.key] = Reason(phrase.field, sentence, shown, number)
    best = sorted(found.values(), key=lambda reason: -reason.number)
    return Explained(tuple(_without_shorter(best))[:_SHOWN], there)


def _without_shorter(reasons: Iterable[Reason]) -> Iterable[Reason]:
    """Leaves out a reason whose words are all among those of a better one."""
    said: list[set[str]] = []
    for reason in reasons:
        words = set(reason.words)
        if not any(words <= earlier for earlier in said):
            said.append(words)
            yield reason


def _match(field: FieldName, phrase: str, words: tuple[str, ...], whole: bool) -> str:
    if field in ("notes", "description"):
        return f"{_NAMED[field]} has '{phrase}'".replace("notes has", "notes have")
    named = f"{_NAMED.get(field, field)} '{phrase}'"
    if whole and {word.casefold() for word in words} <= set(phrase.casefold().replace("_", " ").split()):
        return f"{named} is in the prompt"
    return f"{named}: the prompt has {_listed(words)}"


def _listed(words: Iterable[str]) -> str:
    return ", ".join(f"'{word}'" for word in words)


def sentence_of(reasons: Iterable[Reason]) -> str:
    """All reasons as one sentence."""
    return "; ".join(reason.sentence for reason in reasons)
