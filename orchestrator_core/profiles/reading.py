"""A profile's file, YAML or JSON, → a Profile. What is wrong in it is said with its line and what would be right."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from orchestrator_core.errors import FormatError
from orchestrator_core.formats.json_text import mended, read_bytes
from orchestrator_core.profiles.model import Profile, ProfileLora
from orchestrator_core.profiles.schema import LoraWish, ProfileFile
from orchestrator_core.profiles.yaml_values import read_yaml
from orchestrator_core.template.textfiles import NotText, to_utf8

MAX_BYTES = 24 * 1024 * 1024  # a card of 16 MiB may be in it
SUFFIXES = (".yaml", ".yml", ".json")
_SHOWN = 5
_KNOWN = [name for name in ProfileFile.model_fields if name != "schema_"]
Place = Callable[[Sequence["str | int"]], str]


def read_profile_file(path: Path, key: str = "") -> Profile:
    """The profile in a file. Raises FormatError, which says where in it what is wrong."""
    return profile_from_text(text_of(read_bytes(path), str(path)), str(path), key or path.stem)


def text_of(data: bytes, where: str) -> str:
    """Raises FormatError for what is too large or no text."""
    if len(data) > MAX_BYTES:
        raise FormatError(f"{where} is {len(data):,} bytes; a profile has {MAX_BYTES:,} at most.")
    try:
        return to_utf8(data).decode("utf-8")
    except NotText as error:
        raise FormatError(f"{where} is not read: {error}.") from None


def profile_from_text(text: str, where: str, key: str) -> Profile:
    """The profile that a text holds: JSON where ``where`` ends with .json, else YAML. Raises FormatError."""
    if where.lower().endswith(".json"):
        return profile_from(json_value(text, where), where, key)
    node = read_yaml(text, where)
    return profile_from(node.plain(), where, key, lambda path: f"line {node.line_at(path)}, ")


def json_value(text: str, where: str) -> Any:
    """The value of a JSON text. Raises FormatError, also for a key that is there twice."""
    import json

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise FormatError(f"{where}: {twice!r} is there twice.")
        return found

    try:
        return mended(json.loads(text.removeprefix("\ufeff"), object_pairs_hook=unique))
    except RecursionError:
        raise FormatError(f"{where} is nested too deeply.") from None
    except ValueError as error:
        raise FormatError(f"{where} is not valid JSON: {error}.") from None


def profile_from(data: Any, where: str, key: str, place: Place | None = None) -> Profile:
    """The profile of parsed data, as an import of a character card gives it. Raises FormatError."""
    if not isinstance(data, dict):
        raise FormatError(f"{where} is no profile: it has to begin with a name, as in 'name: Mira'.")
    if str(data.get("spec", "")).startswith("chara_card"):
        raise FormatError(f"{where} is a character card. To make a profile of it: orchestrator profiles import {where}")
    try:
        found = ProfileFile.model_validate(data)
    except ValidationError as error:
        raise FormatError(_problems(error, where, place or (lambda path: ""))) from None
    except RecursionError:
        raise FormatError(f"{where} is nested too deeply.") from None
    return _profile(found, key)


def _problems(error: ValidationError, where: str, place: Place) -> str:
    found = [_problem(problem, place) for problem in error.errors(include_url=False)[:_SHOWN]]
    more = error.error_count() - len(found)
    told = f"{where} is no profile: {'; '.join(found)}{f'; and {more} more' if more > 0 else ''}"
    return told if told.endswith("?") else f"{told}."


def _problem(problem: Any, place: Place) -> str:
    path = [part for part in problem["loc"] if not (isinstance(part, str) and part.startswith(("function", "dict[")))]
    name = ".".join(str(part) for part in path)
    if problem["type"] == "extra_forbidden":
        known = _KNOWN if len(path) == 1 else list(LoraWish.model_fields)
        close = difflib.get_close_matches(str(path[-1]), known, 1)
        cure = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known)}"
        return f"{place(path)}there is no {name!r} in a profile; {cure}"
    if problem["type"] == "string_type":
        cure = "; put quotes around it" if isinstance(problem["input"], bool) else ""
        return f"{place(path)}{name} is {_kind(problem['input'])} and should be a text{cure}"
    return f"{place(path)}{name}: {str(problem['msg']).removeprefix('Value error, ')}"


def _kind(value: Any) -> str:
    kinds = {bool: f"the truth value {str(value).lower()}", list: "a list", dict: "a mapping"}
    return kinds.get(type(value), repr(value)[:60])


def _profile(found: ProfileFile, key: str) -> Profile:
    parts: dict[str, Any] = {name: getattr(found, name).strip() for name in _TEXTS}
    parts |= {name: _phrases(getattr(found, name)) for name in _LISTS}
    parts |= {name: dict(getattr(found, name)) for name in _MAPPINGS}
    return Profile(
        name=found.name.strip() or key.rpartition("/")[2],
        kind=found.kind,
        key=key,
        extends=tuple(found.extends),
        loras=tuple(ProfileLora(lora.name, lora.strength, lora.required, lora.weight) for lora in found.loras),
        lore=tuple(found.lore),
        **parts,
    )


_TEXTS = ("description", "personality", "scenario", "setting", "backstory", "template", "subject", "family")
_LISTS = ("style", "appearance_tags", "required", "forbidden", "negative")
_MAPPINGS = ("wildcard_weights", "state", "extensions", "card_raw")


def _phrases(written: list[str]) -> tuple[str, ...]:
    return tuple(phrase for item in written if (phrase := item.strip().strip(",").strip()))
