"""What is missing or wrong with a LoRA, by kind: each with a sentence that says so and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator_core.base_models import base_model_named
from orchestrator_core.base_models.compatibility import contradict
from orchestrator_core.loras.believing import split_groups
from orchestrator_core.loras.findings import finite_number
from orchestrator_core.loras.record import Fact, LoraRecord

_STATED = 0.6  # what is weaker is a guess, and a guess contradicts nothing


@dataclass(frozen=True, slots=True)
class Missing:
    """One kind: a title for a filter, what is the matter, and what a person can do."""

    kind: str
    title: str
    sentence: str
    advice: str


KINDS: dict[str, Missing] = {
    kind.kind: kind
    for kind in (
        Missing(
            "trigger_words",
            "No trigger words",
            "No file says which words this LoRA answers to.",
            "Type them in, or fetch them from Civitai; for a style that needs none, save an empty value.",
        ),
        Missing(
            "base_model",
            "No base model",
            "Neither a file nor the tensors tell which base model this LoRA is for.",
            "Set it by hand: until then it is offered for every checkpoint, with a warning.",
        ),
        Missing(
            "preview",
            "No preview",
            "There is no image beside the file, and none in it.",
            "Put an image with the same name beside it, as name.png or name.preview.png.",
        ),
        Missing(
            "conflict",
            "Contradiction",
            "Two sources that are trusted alike say different things.",
            "Look at the values and their sources, and set the right one by hand: it then wins.",
        ),
        Missing(
            "duplicate",
            "Duplicate",
            "Another file has the same content.",
            "Keep one of them; what you have noted is kept for the content, not for the file.",
        ),
        Missing(
            "incomplete",
            "Incomplete",
            "The file ends before its data does: it may still be downloading.",
            "Wait; it is looked at again by itself.",
        ),
        Missing(
            "truncated",
            "Truncated",
            "The file ends before its data does, and it has not grown for minutes.",
            "Download it again.",
        ),
        Missing(
            "unreadable",
            "Unreadable",
            "The file cannot be read, or it is no LoRA.",
            "Check its permissions, and that it is a whole .safetensors file.",
        ),
        Missing(
            "unreadable_sidecar",
            "Unreadable sidecar",
            "A file beside the LoRA could not be used; the rest was read.",
            "Repair or delete that file.",
        ),
        Missing(
            "other_hash",
            "Other content",
            "A file beside the LoRA was written for another content: the LoRA was replaced or its header edited.",
            "Fetch the metadata anew, or delete the old file.",
        ),
    )
}


def flags(record: LoraRecord, duplicate: bool = False) -> tuple[str, ...]:
    """The kinds that fit a record, in the order of KINDS. Whether it is a duplicate only the library knows."""
    stated = {fact.field for fact in record.facts if fact.source in ("user", "civitai")}
    problems = [fact for fact in record.facts if fact.field == "problem" and fact.source != "header"]
    found = {
        "trigger_words": not record.trigger_words and "trigger_words" not in stated and needs_trigger_words(record),
        "base_model": not record.base_model,
        "preview": not record.preview,
        "conflict": bool(conflicting(record)),
        "duplicate": duplicate,
        "incomplete": record.state == "incomplete",
        "truncated": record.state == "truncated",
        "unreadable": record.state == "unreadable",
        "unreadable_sidecar": bool(problems),
        "other_hash": has_other_hash(record),
    }
    return tuple(kind for kind in KINDS if found[kind])


def needs_trigger_words(record: LoraRecord) -> bool:
    """An accelerator answers to no words."""
    return record.category != "accelerator"


def problems(record: LoraRecord) -> tuple[str, ...]:
    """The sentences about files that could not be used."""
    return tuple(fact.value for fact in record.facts if fact.field == "problem")


def conflicting(record: LoraRecord) -> tuple[str, ...]:
    """The fields whose sources contradict one another, and that no person has decided."""
    by_field: dict[str, list[Fact]] = {}
    for fact in record.facts:
        if fact.field in _COMPARED and (fact.confidence >= _STATED or fact.source == "user"):
            by_field.setdefault(fact.field, []).append(fact)
    return tuple(field for field, facts in by_field.items() if _contradict(field, facts))


def _contradict(field: str, facts: list[Fact]) -> bool:
    if len(facts) < 2 or any(fact.source == "user" for fact in facts):
        return False
    best = max(facts, key=lambda fact: fact.confidence)
    differs = _COMPARED[field]
    return any(fact.value != best.value and differs(best.value, fact.value) for fact in facts)


def _bases_differ(first: str, second: str) -> bool:
    return contradict(base_model_named(first), base_model_named(second))


def _numbers_differ(first: str, second: str) -> bool:
    one, other = finite_number(first), finite_number(second)
    return one is not None and other is not None and abs(one - other) > 0.051


def _words_differ(first: str, second: str) -> bool:
    """Neither set of words holds the other: some tools keep only one group, or add the words of the captions."""
    one, other = _word_set(first), _word_set(second)
    return bool(one and other) and not (one <= other or other <= one)


def _word_set(text: str) -> set[str]:
    groups = ",".join(split_groups(text)).replace("_", " ").lower().split(",")
    return {word for group in groups if (word := " ".join(group.split()))}


def _texts_differ(first: str, second: str) -> bool:
    return first.casefold() != second.casefold()


_COMPARED = {
    "base_model": _bases_differ,
    "preferred_strength": _numbers_differ,
    "trigger_words": _words_differ,
    "model_id": _texts_differ,
    "version_id": _texts_differ,
}


def has_other_hash(record: LoraRecord) -> bool:
    """Only known once the file was hashed."""
    said = [fact.value for fact in record.facts if fact.field == "sha256"]
    return bool(record.sha256 and said) and record.sha256 not in said
