"""ImageNotes as JSON: an image's "orchestrator" text, and what of them an infotext has in its ``Orchestrator`` key.

How a prompt was drawn is written only where it is not the usual way, and what was added only where something was; what
is absent is as by default.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from orchestrator_core.prompt import LoraUse
from orchestrator_core.request import ImageNotes

SCHEMA_VERSION = 1
_HOW = ("rerolls", "method", "index", "missing", "profiles", "genre", "odds")
_IF_UNUSUAL = (*_HOW, "added", "enhanced", "llm", "natural", "retried")
OWN_NOTES = ("run_id", "dialect", "prompt_seed", *_IF_UNUSUAL)  # those that an infotext has no pairs of their own for
_EMPTY = ImageNotes("")


def own_notes(notes: ImageNotes) -> dict[str, Any]:
    """The values of OWN_NOTES that an infotext has to tell."""
    always = {"dialect"} if notes.run_id else set()
    own = {name: getattr(notes, name) for name in OWN_NOTES}
    return {name: value for name, value in own.items() if value != getattr(_EMPTY, name) or name in always}


def notes_as_json(notes: ImageNotes) -> dict[str, Any]:
    """The notes as they go into an image's "orchestrator" text."""
    known = asdict(notes)
    usual = {name for name in _IF_UNUSUAL if known[name] == getattr(_EMPTY, name)}
    return {"schema_version": SCHEMA_VERSION, **{name: value for name, value in known.items() if name not in usual}}


def parse_notes(text: str) -> ImageNotes | None:
    """The notes in an image's "orchestrator" text; None if it is not ours, or damaged."""
    try:
        return replace(_EMPTY, **checked_fields(_EMPTY, json.loads(text)))
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None


def checked_fields(empty: Any, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The changes that name a field of this dataclass, each of the field's type. Raises TypeError, ValueError."""
    known = {item.name: getattr(empty, item.name) for item in fields(empty)}
    return {name: _of_type(name, value, known[name]) for name, value in changes.items() if name in known}


def _of_type(name: str, value: Any, example: Any) -> Any:
    if name == "loras":
        return tuple(LoraUse(**checked_fields(LoraUse(""), lora)) for lora in value)
    if name == "rerolls":
        return tuple((_of_type("slot", slot, ""), _of_type("times", times, 0)) for slot, times in value)
    if name == "added":
        return tuple((_of_type("origin", origin, ""), _of_type("text", text, "")) for origin, text in value)
    if example is None and (value is None or type(value) is int):  # prompt_seed and index
        return value
    expected = (int, float) if isinstance(example, float) else type(example)
    if not isinstance(value, expected) or isinstance(value, bool):
        raise TypeError(f"{name} is not {expected}")
    return value
