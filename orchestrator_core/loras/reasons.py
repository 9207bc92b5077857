"""Why a LoRA was chosen, nearly chosen or refused: as data, and as a sentence for a person."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from orchestrator_core.loras.documents import FieldName, Phrase, document_of
from orchestrator_core.loras.prompt_words import PromptWords
from orchestrator_core.loras.ranking import LoraIndex, Ranked
from orchestrator_core.loras.words import Key, stem

_SHOWN = 3
_MENTIONS: tuple[FieldName, ...] = ("notes", "description")  # what they name in passing, the LoRA need not be for
_NAMED: dict[FieldName, str] = {"user tag": "your tag", "notes": "your notes", "description": "its description"}


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason. ``words`` are those of the prompt, or of another LoRA's name; ``number`` depends on the kind:
    a match's value, a learned weight's factor, the strength that was left."""

    kind: str
    sentence: str
    words: tuple[str, ...] = ()
    number: float = 0.0


def matches(ranked: Ranked, words: PromptWords) -> tuple[Reason, ...]:
    """Which phrases of a LoRA the prompt has, the best first; not one whose words are all those of a better one."""
    wanted = dict(ranked.phrases[: 2 * _SHOWN])
    found: dict[Key, Reason] = {}
    for phrase in document_of(ranked.record):
        if len(found) == len(wanted):
            break
        if phrase.key not in wanted or phrase.key in found:
            continue
        shown, sentence = _said(phrase, words)
        found[phrase.key] = Reason(phrase.field, sentence, shown, wanted[phrase.key])
    return tuple(_without_shorter(sorted(found.values(), key=lambda reason: -reason.number)))[:_SHOWN]


def words_told(index: LoraIndex, ranked: Ranked, words: PromptWords) -> dict[str, float]:
    """What each word of the prompt says of a LoRA."""
    told = {word for key, _ in ranked.phrases for word in _told(key, words)}
    return {word: index.information(word) for word in sorted(told)}


def words_mentioned(ranked: Ranked, words: PromptWords, told: Iterable[str]) -> frozenset[str]:
    """Of the words that a LoRA was told by, those that nothing but its notes or its description has."""
    left = set(told)
    if not (ranked.record.notes or ranked.record.description):
        return frozenset()
    matched = {key for key, _ in ranked.phrases}
    for phrase in document_of(ranked.record):  # whose notes and description come last
        if not left or phrase.field in _MENTIONS:
            break
        if phrase.key in matched:
            left.difference_update(_told(phrase.key, words))
    return frozenset(left)


def _told(key: Key, words: PromptWords) -> Iterable[str]:
    """The stems of the prompt that speak for a phrase; a compound is spoken for by its part."""
    there = [words.parts.get(word, word) for word in key if word in words.worth]
    return there if there or key not in words.near else map(stem, words.near[key].words)


def _said(phrase: Phrase, words: PromptWords) -> tuple[tuple[str, ...], str]:
    """The words of the prompt that speak for a phrase, and the sentence that says so."""
    there = tuple(words.shown[word] for word in phrase.key if word in words.worth)
    if there or phrase.key not in words.near:
        return there, _match(phrase.field, phrase.text, there, len(there) == len(phrase.key))
    near = words.near[phrase.key].words
    return near, f"{_NAMED.get(phrase.field, phrase.field)} '{phrase.text}' means nearly '{' '.join(near)}'"


def _without_shorter(reasons: Iterable[Reason]) -> Iterable[Reason]:
    """Leaves out a reason whose words are all among those of a better one."""
    said: list[set[str]] = []
    for reason in reasons:
        words = set(reason.words)
        if not any(words <= earlier for earlier in said):
            said.append(words)
            yield reason


def _match(field: FieldName, phrase: str, words: tuple[str, ...], whole: bool) -> str:
    if field in _MENTIONS:
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
