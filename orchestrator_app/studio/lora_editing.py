"""What a person says of a LoRA: the fields of a form, and the facts that a changed one stands for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from orchestrator_core.errors import ConfigError
from orchestrator_core.formats.extra_networks import format_number, parse_number
from orchestrator_core.loras.record import LoraRecord

_STRONGEST = 20.0  # what no LoRA is used beyond


@dataclass(frozen=True, slots=True)
class LoraForm:
    """As the page's elements have it. ``tags`` are a person's own; those of Civitai are among the facts."""

    trigger_words: str = ""  # a group a line
    base_model: str = ""
    tags: str = ""
    preferred_strength: str = ""
    notes: str = ""
    favourite: bool = False
    excluded: bool = False


def form_of(record: LoraRecord) -> LoraForm:
    """What the form begins with."""
    own = {fact.field: fact.value for fact in record.facts if fact.source == "user"}
    strength = record.preferred_strength
    return LoraForm(
        "\n".join(record.trigger_words),
        record.sub_family or record.base_model,
        own.get("tags", ""),
        "" if strength is None else format_number(strength),
        record.notes,
        record.favourite,
        record.excluded,
    )


def changes(before: LoraForm, after: LoraForm) -> Mapping[str, str]:
    """The fields that a person changed, as the text of a fact. Raises ConfigError for a strength that is none."""
    old, new = asdict(before), asdict(after)
    return {name: _fact(name, value) for name, value in new.items() if value != old[name]}


def _fact(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value).strip()
    if name == "preferred_strength" and text:
        return _strength(text)
    if name == "trigger_words":
        return "\n".join(line.strip() for line in text.splitlines() if line.strip())
    if name == "tags":
        return ", ".join(tag.strip() for tag in text.replace("\n", ",").split(",") if tag.strip())
    return text


def _strength(text: str) -> str:
    number = parse_number(text.replace(",", "."))
    if number is None or not math.isfinite(number) or abs(number) > _STRONGEST:
        raise ConfigError(f"Strength is {text[:40]!r}; it needs a number as 0.8, at most {_STRONGEST:g}, or nothing.")
    return format_number(number)
