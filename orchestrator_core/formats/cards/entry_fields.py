"""Where each format keeps what an entry of lore says.

SillyTavern's spelling differs between its own files and a card (``excludeRecursion``, ``exclude_recursion``), and other
programs mix them up. Both are read everywhere; what is new is written in the format's own.
Sources: SillyTavern ``public/scripts/world-info.js``; Character Card specifications V2 and V3; the importers in
SillyTavern for NovelAI, Agnai and Risu.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator_core.formats.cards.fields import (
    ABSENT,
    COUNT,
    FLAG,
    INTEGER,
    NOT,
    NUMBER,
    OBJECTS,
    SPLIT,
    TEXT,
    TEXTS,
    Field,
    Json,
    Kind,
    at,
    put_at,
    value_at,
)
from orchestrator_core.lore.book import POSITIONS, CharacterFilter, KeyKind, Logic

_LOGIC = Kind(
    lambda value: Logic(value) if isinstance(value, int) and value in (0, 1, 2, 3) else ABSENT,
    lambda value: value.value,
)
_POSITION = Kind(
    lambda value: POSITIONS[value] if isinstance(value, int) and 0 <= value < len(POSITIONS) else ABSENT,
    lambda value: POSITIONS.index(value) if value in POSITIONS else 1,
)
# What SillyTavern writes into the extensions of a card's entry, and nobody else.
_SILLYTAVERN = ("selectiveLogic", "useProbability", "exclude_recursion", "display_index", "probability", "group_weight")


def _level(value: Any) -> Any:
    return max(int(value), 0) if isinstance(value, bool | int) and abs(value) < 1000 else ABSENT


_LEVEL = Kind(_level)


def _characters(raw: Any) -> Any:
    if not isinstance(raw, dict):
        return ABSENT
    names, tags = TEXTS.read(raw.get("names")), TEXTS.read(raw.get("tags"))
    return CharacterFilter(
        () if names is ABSENT else names, () if tags is ABSENT else tags, raw.get("isExclude") is True
    )


_CHARACTERS = Kind(
    _characters,
    lambda value: {"isExclude": value.excludes, "names": list(value.names), "tags": list(value.tags)},
)
# At the top of an entry as well, where people write them by hand into a profile.
_OURS = (
    at("tags", "extensions.orchestrator.tags tags", TEXTS),
    at("required", "extensions.orchestrator.required required", FLAG),
    at("families", "extensions.orchestrator.families families", TEXTS),
    at("loras", "extensions.orchestrator.loras loras", OBJECTS),
)


def _both(name: str, own: str, card: str, kind: Kind, in_card: bool) -> Field:
    """A field that SillyTavern spells in two ways."""
    places = (f"extensions.{card}", f"extensions.{own}", own) if in_card else (own, card)
    return at(name, " ".join(dict.fromkeys(places)), kind)


def _sillytavern(in_card: bool) -> tuple[Field, ...]:
    return (
        _both("exclude_recursion", "excludeRecursion", "exclude_recursion", FLAG, in_card),
        _both("prevent_recursion", "preventRecursion", "prevent_recursion", FLAG, in_card),
        _both("delay_until_recursion", "delayUntilRecursion", "delay_until_recursion", _LEVEL, in_card),
        _both("probability", "probability", "probability", NUMBER, in_card),
        _both("use_probability", "useProbability", "useProbability", FLAG, in_card),
        _both("depth", "depth", "depth", INTEGER, in_card),
        _both("role", "role", "role", INTEGER, in_card),
        _both("logic", "selectiveLogic", "selectiveLogic", _LOGIC, in_card),
        _both("group", "group", "group", TEXT, in_card),
        _both("group_override", "groupOverride", "group_override", FLAG, in_card),
        _both("group_weight", "groupWeight", "group_weight", NUMBER, in_card),
        _both("use_group_scoring", "useGroupScoring", "use_group_scoring", FLAG, in_card),
        _both("scan_depth", "scanDepth", "scan_depth", INTEGER, in_card),
        _both("whole_words", "matchWholeWords", "match_whole_words", FLAG, in_card),
        _both("sticky", "sticky", "sticky", COUNT, in_card),
        _both("cooldown", "cooldown", "cooldown", COUNT, in_card),
        _both("delay", "delay", "delay", COUNT, in_card),
        _both("characters", "characterFilter", "character_filter", _CHARACTERS, in_card),
        *_OURS,
    )


WORLD_INFO = (
    at("keys", "key keys", TEXTS),
    at("secondary_keys", "keysecondary secondary_keys", TEXTS),
    at("content", "content", TEXT),
    at("comment", "comment", TEXT),
    at("enabled", "disable", NOT),
    at("constant", "constant", FLAG),
    at("selective", "selective", FLAG),
    at("order", "order insertion_order", NUMBER),
    at("position", "position", _POSITION),
    at("case_sensitive", "caseSensitive case_sensitive", FLAG),
    *_sillytavern(in_card=False),
)


def has_sillytavern(raw: Mapping[str, Any]) -> bool:
    """Whether an entry of a card was written by SillyTavern."""
    extensions = raw.get("extensions")
    return isinstance(extensions, Mapping) and any(name in extensions for name in _SILLYTAVERN)


def _read_position(raw: Mapping[str, Any]) -> Any:
    number = value_at(raw, ("extensions", "position"))
    found = ABSENT if number is ABSENT else _POSITION.read(number)
    if found is not ABSENT:
        return found
    return {"before_char": "before", "after_char": "after"}.get(str(raw.get("position")), ABSENT)


def _write_position(raw: Json, value: str) -> None:
    if value not in ("before", "after") or value_at(raw, ("extensions", "position")) is not ABSENT:
        put_at(raw, ("extensions", "position"), _POSITION.write(value))
    raw["position"] = "before_char" if value == "before" else "after_char"


def _read_kind(raw: Mapping[str, Any]) -> Any:
    # SillyTavern exports use_regex for every entry, though its keys are patterns only between slashes.
    if has_sillytavern(raw):
        return KeyKind.slashes
    return KeyKind.patterns if raw.get("use_regex") is True else KeyKind.text


def _write_kind(raw: Json, value: KeyKind) -> None:
    raw["use_regex"] = value is not KeyKind.text
    if value is KeyKind.slashes and not has_sillytavern(raw):
        put_at(raw, ("extensions", "selectiveLogic"), 0)  # or its keys would be patterns, slashes or not


CHARACTER_BOOK = (
    at("keys", "keys key", TEXTS),
    at("secondary_keys", "secondary_keys keysecondary", TEXTS),
    at("content", "content", TEXT),
    at("name", "name", TEXT),
    at("comment", "comment", TEXT),
    at("enabled", "enabled", FLAG),
    at("constant", "constant", FLAG),
    at("selective", "selective", FLAG),
    at("order", "insertion_order order", NUMBER),
    at("priority", "priority", NUMBER),
    Field("position", _read_position, _write_position),
    at("case_sensitive", "case_sensitive extensions.case_sensitive extensions.caseSensitive", FLAG),
    Field("key_kind", _read_kind, _write_kind),
    *_sillytavern(in_card=True),
)

NOVELAI = (
    at("keys", "keys", TEXTS),
    at("content", "text", TEXT),
    at("name", "displayName", TEXT),
    at("enabled", "enabled", FLAG),
    at("constant", "forceActivation", FLAG),
    at("order", "contextConfig.budgetPriority", NUMBER),
)

AGNAI = (
    at("keys", "keywords", TEXTS),
    at("content", "entry", TEXT),
    at("name", "name", TEXT),
    at("enabled", "enabled", FLAG),
    at("order", "weight", NUMBER),
    at("priority", "priority", NUMBER),
)


_RISU_ENABLED = ("extentions", "orchestrator_enabled")  # as Risu spells it; it has no switch of its own


def _read_risu_keys(raw: Mapping[str, Any]) -> Any:
    key = raw.get("key")
    if isinstance(key, str) and raw.get("useRegex") is True:  # one pattern, which may have commas
        return (key,)
    return SPLIT.read(key)


def _write_risu_keys(raw: Json, value: tuple[str, ...]) -> None:
    raw["key"] = SPLIT.write(value)


def _read_risu_enabled(raw: Mapping[str, Any]) -> Any:
    if raw.get("mode") == "folder":  # a folder's name, and no lore
        return False
    return FLAG.read(value_at(raw, _RISU_ENABLED))


def _write_risu_enabled(raw: Json, value: bool) -> None:
    put_at(raw, _RISU_ENABLED, value)


def _read_risu_constant(raw: Mapping[str, Any]) -> Any:
    return True if raw.get("mode") == "constant" else FLAG.read(raw.get("alwaysActive"))


def _write_risu_constant(raw: Json, value: bool) -> None:
    raw["alwaysActive"] = value
    if raw.get("mode") in ("constant", "normal"):
        raw["mode"] = "constant" if value else "normal"


RISU = (
    Field("keys", _read_risu_keys, _write_risu_keys),
    at("secondary_keys", "secondkey", SPLIT),
    at("content", "content", TEXT),
    at("comment", "comment", TEXT),
    Field("enabled", _read_risu_enabled, _write_risu_enabled),
    Field("constant", _read_risu_constant, _write_risu_constant),
    at("selective", "selective", FLAG),
    at("order", "insertorder", NUMBER),
    at("probability", "activationPercent", NUMBER),
    at("case_sensitive", "extentions.risu_case_sensitive", FLAG),
    Field(
        "key_kind",
        lambda raw: KeyKind.patterns if raw.get("useRegex") is True else ABSENT,
        lambda raw, value: put_at(raw, ("useRegex",), value is not KeyKind.text),
    ),
)
