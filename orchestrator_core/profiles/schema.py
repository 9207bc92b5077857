"""What a profile's file may hold, as a pydantic model: the check of every file, and the JSON Schema for editors."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, WithJsonSchema, field_validator

from orchestrator_core.profiles.model import PLACEHOLDER, Kind

SCHEMA_VERSION = 1
SCHEMA_ID = "https://raw.githubusercontent.com/sd-orchestrator/sd-orchestrator/main/docs/profile.schema.json"
MAX_TEXT = 200_000  # characters of one text
MAX_ITEMS = 2_000  # of one list of entries
MAX_PHRASES = 500  # of one list; a prompt that says more is no prompt
MAX_WEIGHT = 1e6
_WITHIN = re.compile(r"\\.|[()\[\]{}<>,\n]", re.S)


def split_phrases(text: str) -> list[str]:
    """The phrases of a text with commas; those within brackets separate nothing."""
    found, start, depth = [], 0, 0
    for match in _WITHIN.finditer(text):
        mark = match[0]
        if mark in "([{<":
            depth += 1
        elif mark in ")]}>":
            depth = max(0, depth - 1)
        elif mark == "\n" or (mark == "," and depth == 0):
            found.append(text[start : match.start()])
            start, depth = match.end(), 0
    return [phrase.strip() for phrase in (*found, text[start:]) if phrase.strip()]


def is_balanced(phrase: str) -> bool:
    """Whether each bracket has its other half within the phrase."""
    closing = {"(": ")", "[": "]", "{": "}"}
    waiting: list[str] = []
    for match in _WITHIN.finditer(phrase):
        if match[0] in closing:
            waiting.append(closing[match[0]])
        elif match[0] in ")]}" and (not waiting or waiting.pop() != match[0]):
            return False
    return not waiting


def _as_list(value: Any) -> Any:
    if value is None:
        return []
    return split_phrases(value) if isinstance(value, str) else value


def _as_names(value: Any) -> Any:
    return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else _as_list(value)


def _as_text(value: Any) -> Any:
    return "" if value is None else value


def _flat_weights(value: Any) -> Any:
    """``{"colors/warm": {"crimson": 2}}`` as ``{"colors/warm#crimson": 2}``, which may be written too."""
    if not isinstance(value, Mapping):
        return {} if value is None else value
    flat: dict[str, Any] = {}
    for name, weight in value.items():
        if isinstance(weight, Mapping):
            stem = str(name).replace("#", "%23")
            flat |= {f"{stem}#{_plain(text)}": number for text, number in weight.items()}
        else:
            flat[str(name)] = weight
    return flat


def _plain(text: Any) -> str:
    """A wildcard's value that YAML took for a number or a truth value."""
    return str(text).lower() if isinstance(text, bool) else str(text)


def _lora(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


_NUMBER = {"type": "number", "minimum": 0, "maximum": MAX_WEIGHT}
_PHRASES = {
    "anyOf": [{"type": "array", "items": {"type": "string"}, "maxItems": MAX_PHRASES}, {"type": "string"}],
}
_WEIGHTS = {
    "type": "object",
    "additionalProperties": {"anyOf": [_NUMBER, {"type": "object", "additionalProperties": _NUMBER}]},
}
Text = Annotated[str, BeforeValidator(_as_text), Field(max_length=MAX_TEXT)]
Phrase = Annotated[str, Field(max_length=MAX_TEXT)]
Phrases = Annotated[
    list[Phrase], BeforeValidator(_as_list), Field(max_length=MAX_PHRASES), WithJsonSchema(_PHRASES, mode="validation")
]
Names = Annotated[
    list[Phrase], BeforeValidator(_as_names), Field(max_length=100), WithJsonSchema(_PHRASES, mode="validation")
]
Weights = Annotated[dict[str, float], BeforeValidator(_flat_weights), WithJsonSchema(_WEIGHTS, mode="validation")]
_CONFIG = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)


class LoraWish(BaseModel):
    """A LoRA that belongs to the profile. A text alone is its name."""

    model_config = _CONFIG

    name: str = Field(min_length=1, max_length=1000, description="Its name in the LoRA library, as styles/ink.")
    strength: float | None = Field(None, ge=-5, le=5, description="How much of it; without, its own.")
    required: bool = Field(False, description="Always used, whatever the prompt says.")
    weight: float = Field(1.0, ge=0, le=1000, description="How much more likely than by the prompt alone; 0: never.")


class ProfileFile(BaseModel):
    """A profile: who or what a picture is of, and how it is to look. docs/profiles.md explains each part."""

    model_config = ConfigDict(**_CONFIG, title="Orchestrator profile", populate_by_name=True)

    schema_: str = Field("", alias="$schema", description="Where this schema is, for editors.", exclude=True)
    schema_version: int = Field(SCHEMA_VERSION, ge=1, description="Of this format; 1 where it is not said.")
    name: str = Field("", max_length=200, description="What people call it; without, the file's name.")
    kind: Kind = Field("mixed", description="What it is about. A genre is chosen in a list of its own.")
    extends: Names = Field(
        default_factory=list, description="Profiles that it builds on: their names, separated by commas or as a list."
    )
    description: Text = Field("", description="What a language model is told first: who or what this is.")
    personality: Text = Field("", description="How a character is; told to the language model.")
    scenario: Text = Field("", description="What is going on; told to the language model.")
    setting: Text = Field("", description="Where it takes place, in sentences; told to the language model.")
    backstory: Text = Field("", description="What happened before; told to the language model.")
    style: Phrases = Field(default_factory=list, description="How it is drawn: phrases that go into every prompt.")
    appearance_tags: Phrases = Field(
        default_factory=list,
        description="What it looks like: phrases that go into every prompt as they are. -phrase takes an inherited one "
        "away.",
    )
    required: Phrases = Field(
        default_factory=list, description="Phrases that every prompt has and no language model may change."
    )
    forbidden: Phrases = Field(default_factory=list, description="Words that no prompt should have.")
    negative: Phrases = Field(default_factory=list, description="Phrases for the negative prompt.")
    template: Text = Field(
        "", description="A template around the person's own words, which go where {prompt} is; before it without one."
    )
    subject: Text = Field("", description="A template for the person's own words where there are none.")
    wildcard_weights: Weights = Field(
        default_factory=dict,
        description="How much more likely values of wildcards are: {colors/warm: {crimson: 3, amber: 0}}.",
    )
    loras: list[Annotated[LoraWish, BeforeValidator(_lora)]] = Field(
        default_factory=list, max_length=50, description="LoRAs that belong to it."
    )
    family: Text = Field("", description="The base model that it is made for, as SDXL or Pony.")
    lore: list[str | dict[str, JsonValue]] = Field(
        default_factory=list, max_length=MAX_ITEMS, description="Names of lore books, or their entries."
    )
    state: dict[str, JsonValue] = Field(
        default_factory=dict, description="What a story with it begins with: where, when, outfit, mood."
    )
    extensions: dict[str, JsonValue] = Field(
        default_factory=dict, description="What other programs keep here; never lost."
    )
    card_raw: dict[str, JsonValue] = Field(
        default_factory=dict, description="The character card that it was imported from."
    )

    @field_validator("schema_version")
    @classmethod
    def _is_known(cls, version: int) -> int:
        if version > SCHEMA_VERSION:
            raise ValueError(f"this Orchestrator knows versions up to {SCHEMA_VERSION}; update it")
        return version

    @field_validator("wildcard_weights")
    @classmethod
    def _are_multipliers(cls, weights: dict[str, float]) -> dict[str, float]:
        for key, weight in weights.items():
            if "#" not in key and not key.startswith("lora:"):
                raise ValueError(f"{key!r} names no value; write it as {key}#value, or as {{{key}: {{value: 2}}}}")
            if not (math.isfinite(weight) and 0 <= weight <= MAX_WEIGHT):
                raise ValueError(f"the weight of {key!r} is {weight}; it must be from 0 to {MAX_WEIGHT:,.0f}")
        return weights

    @field_validator("style", "appearance_tags", "required", "negative")
    @classmethod
    def _are_whole(cls, phrases: list[str]) -> list[str]:
        for phrase in phrases:
            if not is_balanced(phrase):
                raise ValueError(
                    f"the brackets of {phrase[:60]!r} do not match, and would reach into other words; "
                    "a backslash makes one an ordinary character"
                )
        return phrases

    @field_validator("template")
    @classmethod
    def _has_one_place(cls, template: str) -> str:
        if template.count(PLACEHOLDER) > 1:
            raise ValueError(f"it has {PLACEHOLDER} more than once; the person's words stand in a prompt once")
        return template


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a profile's file, as docs/profile.schema.json has it."""
    schema = ProfileFile.model_json_schema(by_alias=True)
    loras = schema["properties"]["loras"]
    loras["items"] = {"anyOf": [loras["items"], {"type": "string"}]}  # a name alone will do
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_ID, **schema}
