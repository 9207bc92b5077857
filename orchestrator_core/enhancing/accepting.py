"""What of an answer is taken, and the components that it gives. What is left out is told."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from orchestrator_core.enhancing.asking import plain_text
from orchestrator_core.enhancing.assembling import Components, appended, expanded, rewritten
from orchestrator_core.enhancing.budget import shortened, within
from orchestrator_core.enhancing.drift import drift, fitting, lost
from orchestrator_core.enhancing.neutral import is_refusal, neutral
from orchestrator_core.enhancing.reading import phrases_in, texts_in
from orchestrator_core.enhancing.repeating import Repeats
from orchestrator_core.enhancing.task import Task
from orchestrator_core.errors import LanguageModelError
from orchestrator_core.loras.words import key_of

NATURAL_TOKENS = 256  # of the second text; what T5 is given in most pipelines
_ENDS = ".!?… "


@dataclass(frozen=True, slots=True)
class Accepted:
    """What comes into the prompt: ``added`` at its end, ``parts`` by key; and ``left_out``, with the reasons."""

    added: tuple[str, ...] = ()
    parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    natural: str = ""
    left_out: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.parts or self.natural)

    def as_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)


def accepted_from(text: str) -> Accepted | None:
    """What was remembered; None where it is damaged."""
    try:
        found: Mapping[str, Any] = json.loads(text)
        parts = {str(key): tuple(map(str, phrases)) for key, phrases in found["parts"].items()}
        return Accepted(
            tuple(map(str, found["added"])), parts, str(found["natural"]), tuple(map(str, found["left_out"]))
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def accepted(task: Task, answer: str) -> Accepted:
    """What can be taken of an answer. Raises LanguageModelError where that is nothing."""
    if is_refusal(answer):
        raise LanguageModelError("The language model declined to answer.")
    mode = task.options.mode
    found = _of_parts(task, answer) if mode in ("rewrite", "region") else _of_additions(task, answer)
    if not found:
        said = f": {'; '.join(found.left_out[:3])}" if found.left_out else "; it had no new words"
        raise LanguageModelError(f"The language model's answer could not be used{said}.")
    return found


def _of_additions(task: Task, answer: str) -> Accepted:
    added, left_out = _new(task, phrases_in(answer, task.style.kind), task.question.amount, task.left)
    natural = ""
    if task.options.mode == "tags+natural":
        natural, reason = _natural(task, texts_in(answer, ["natural"]).get("natural", ""))
        left_out = (*left_out, *([reason] if reason else []))
    return Accepted(added, {}, natural, left_out)


def _new(task: Task, phrases: Sequence[str], most: int, left: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(what is new, fits the scene, and has room; what does not fit the scene)"""
    repeats = Repeats(task.told.scene if task.style.kind == "natural" else task.told.prompt)
    new: list[str] = []
    for phrase in phrases:
        if text := repeats.new_in(neutral(phrase), task.style.kind):
            repeats.add(text)
            new.append(text)
    fit, dropped = fitting(task.told, new)
    return within(fit, task.style, left, task.count)[:most], tuple(str(one) for one in dropped)


def _natural(task: Task, text: str) -> tuple[str, str]:
    """(the second text, why there is none). Where it leaves words of the prompt out, the prompt itself begins it."""
    text = neutral(text)
    if not text:
        return "", "no text in sentences came"
    if reason := drift(task.told, text):
        return "", f"the text in sentences ({reason})"
    prompt = task.question.prompt
    if not set(key_of(prompt)) <= set(key_of(text)):
        text = f"{prompt[:1].upper()}{prompt[1:].rstrip(_ENDS)}. {text}"
    return shortened(text, max(NATURAL_TOKENS, task.count(prompt)), task.count) or text, ""


def _of_parts(task: Task, answer: str) -> Accepted:
    told = texts_in(answer, task.question.parts)
    take = _rewritten_part if task.options.mode == "rewrite" else _region_part
    parts: dict[str, tuple[str, ...]] = {}
    left_out: list[str] = []
    left = task.left
    for key, before in task.question.parts.items():
        if key not in told:
            continue
        phrases, reasons = take(task, before, told[key], left)
        left_out += reasons
        if phrases:
            parts[key] = phrases
            grown = task.count(", ".join(phrases)) - (task.count(before) if take is _rewritten_part else 0)
            left -= max(0, grown)
    return Accepted((), parts, "", tuple(left_out))


def _rewritten_part(task: Task, before: str, after: str, left: int) -> tuple[tuple[str, ...], list[str]]:
    text = shortened(neutral(after), task.count(before) + left, task.count)
    if not text or text == before:
        return (), []
    if reason := lost(plain_text(before), text) or drift(task.told, text):
        return (), [f"'{text}' ({reason})"]
    return (text,), []


def _region_part(task: Task, before: str, after: str, left: int) -> tuple[tuple[str, ...], list[str]]:
    pieces = phrases_in(after, task.style.kind)
    phrases, reasons = _new(task, pieces, task.question.amount, left)
    return phrases, list(reasons)


def components_with(task: Task, found: Accepted) -> Components:
    """The draft's components with what was accepted."""
    components, words, joiner = task.draft.components, task.protected_words, _joiner(task)
    if task.options.mode == "rewrite":
        return rewritten(components, {key: joiner.join(texts) for key, texts in found.parts.items()}, words)
    if task.options.mode == "region":
        return expanded(components, found.parts, ", ", words)
    return appended(components, _sentences(found.added) if joiner == ". " else found.added, joiner, words)


def _joiner(task: Task) -> str:
    return ". " if task.style.kind == "natural" else ", "


def _sentences(texts: Sequence[str]) -> list[str]:
    """Sentences that a full stop is put between; the last keeps its own."""
    plain = [text.rstrip(_ENDS) for text in texts]
    return [*plain[:-1], f"{plain[-1]}."] if plain else []
