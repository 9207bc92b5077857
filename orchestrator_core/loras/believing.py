"""Facts → the values that a record shows: of each field the most trusted fact, read back from its text.

Tags are the exception: a person's and Civitai's are all kept. And a base model is two things, a family and a
sub-family, which different facts may know best: tensors tell SDXL surely and Illustrious never.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from orchestrator_core.base_models import BaseModel, base_model_named
from orchestrator_core.loras.findings import finite_number
from orchestrator_core.loras.record import ExamplePrompt, Fact

EXAMPLES_CONFIDENCE = 0.5  # a median of what others used: below what the author or the person says, above a hint


def believed_fields(facts: Iterable[Fact], examples: tuple[ExamplePrompt, ...]) -> dict[str, Any]:
    """All fields of LoraRecord that are told by facts; those that no fact tells have their empty value."""
    by_field: dict[str, list[Fact]] = {}
    for fact in facts:
        by_field.setdefault(fact.field, []).append(fact)
    values = dict(_EMPTY)
    for field, found in by_field.items():
        if field in _READERS:
            # Of two that are trusted alike the first: sidecars come before the header, and a person's before all.
            best = found[0] if len(found) == 1 else max(found, key=_confidence)
            values[field] = _READERS[field](best.value)
    values["tags"] = _all_tags(by_field.get("tags", []))
    base = believed_base_model(by_field.get("base_model", []), by_field.get("sub_family", []))
    values["base_model"], values["sub_family"] = base
    _add_usual_strength(values, by_field, examples)
    return values


def _confidence(fact: Fact) -> float:
    return 2.0 if fact.source == "user" else fact.confidence


def believed_base_model(facts: list[Fact], sub_facts: list[Fact]) -> BaseModel:
    """The family of the most trusted fact that names one, the sub-family of the most trusted that names one of it."""
    ranked = sorted(facts, key=_confidence, reverse=True)
    named = [base_model_named(fact.value) for fact in ranked]
    families = [base.family for base in named if base.family]
    if not families:
        # A family that is newer than this table is still known by its name.
        return BaseModel(next((fact.value for fact in ranked if _is_a_name(fact.value)), ""))
    family = next((other for other in families if other.startswith(families[0] + " ")), families[0])
    if family != "SDXL":
        return BaseModel(family)
    subs = [(_confidence(fact), base.sub_family) for fact, base in zip(ranked, named, strict=True) if base.sub_family]
    subs += [(_confidence(fact), fact.value) for fact in sub_facts]
    return BaseModel(family, max(subs, key=lambda sub: sub[0])[1] if subs else "")


def _is_a_name(label: str) -> bool:
    return label.lower() not in ("", "unknown", "other", "none")


def _all_tags(facts: list[Fact]) -> tuple[str, ...]:
    ranked = sorted(facts, key=_confidence, reverse=True)
    tags = {tag.lower(): tag for fact in reversed(ranked) for tag in reversed(split_tags(fact.value))}
    return tuple(reversed(tags.values()))


def split_tags(text: str) -> list[str]:
    """The tags of a fact's text."""
    return [tag for part in text.split(",") if (tag := part.strip())]


def split_groups(text: str) -> tuple[str, ...]:
    """The trigger words of a fact's text: one group a line."""
    return tuple(group for line in text.splitlines() if (group := line.strip()))


def split_range(text: str) -> tuple[float, float] | None:
    """ "0.3-0.8" → (0.3, 0.8); the first may be negative."""
    low, _, high = text[1:].partition("-") if text else ("", "", "")
    first, last = finite_number(text[:1] + low), finite_number(high)
    return (first, last) if first is not None and last is not None else None


def _add_usual_strength(
    values: dict[str, Any], by_field: dict[str, list[Fact]], examples: tuple[ExamplePrompt, ...]
) -> None:
    """The median strength of the example prompts, where nothing better is known."""
    known = max(map(_confidence, by_field.get("preferred_strength", [])), default=0.0)
    usual = usual_strength(examples)
    if usual is not None and known < EXAMPLES_CONFIDENCE:
        values["preferred_strength"] = usual


def usual_strength(examples: tuple[ExamplePrompt, ...]) -> float | None:
    """The median of the strengths that images were made with; None where no example has one."""
    strengths = sorted(example.strength for example in examples if example.strength)
    if not strengths:
        return None
    middle = len(strengths) // 2
    return strengths[middle] if len(strengths) % 2 else round((strengths[middle - 1] + strengths[middle]) / 2, 3)


def _yes(text: str) -> bool:
    return text == "yes"


def _rank(text: str) -> int | None:
    number = finite_number(text)
    return int(number) if number is not None and number > 0 else None


_TEXT: Callable[[str], Any] = str
_READERS: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(("title", "description", "notes", "negative", "model_id", "version_id", "trained_on"), _TEXT),
    "autov3": _TEXT,
    "category": lambda text: text or None,
    "trigger_words": split_groups,
    **dict.fromkeys(("preferred_strength", "preferred_clip_strength"), finite_number),
    "strength_range": split_range,
    "rank": _rank,
    **dict.fromkeys(("nsfw", "favourite", "excluded"), _yes),
}
_EMPTY = {field: read("") for field, read in _READERS.items()}
