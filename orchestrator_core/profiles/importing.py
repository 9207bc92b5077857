"""What other programs keep, as a profile's file among one's own: character cards, lorebooks, style files, profiles.

The file that is imported is only read. A card goes along whole in ``card_raw``, so that it can be written again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator_core.errors import FormatError, ProfileError
from orchestrator_core.formats.cards.profile import Imported, import_card, lore_of
from orchestrator_core.formats.json_text import read_bytes
from orchestrator_core.profiles.model import Profile
from orchestrator_core.profiles.reading import SUFFIXES, read_profile_file
from orchestrator_core.profiles.saving import new_profile, write_new
from orchestrator_core.profiles.schema import is_balanced
from orchestrator_core.profiles.styles_import import is_styles_file, read_styles_file

_BY_HAND = 200_000  # characters of a file that people edit; a larger card is kept as JSON, which is read faster
_LISTS = ("style", "appearance_tags", "required", "negative")
_BRACKET = re.compile(r"(?<!\\)([()\[\]{}])")


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of an import: the file that was written, the profiles that it holds, and what to know of it."""

    path: Path
    profiles: tuple[Profile, ...]
    problems: tuple[str, ...] = ()


def import_file(path: Path, folder: Path, name: str = "") -> Taken:
    """Writes a new file into a folder of profiles; ``name`` is what to call it there, without a suffix.

    Raises FormatError for a file that is none of these, and ProfileError where there is one of that name.
    """
    if is_styles_file(path):
        try:
            return _styles(path, folder, name)
        except FormatError:
            if path.suffix.lower() == ".csv":
                raise  # of JSON lists, some are lorebooks
    if path.suffix.lower() not in SUFFIXES:
        return _card(path, folder, name)
    try:
        return _copied(path, read_profile_file(path), folder, name)
    except FormatError as error:
        if path.suffix.lower() != ".json":
            raise
        why = error
    try:
        return _card(path, folder, name)
    except FormatError as error:
        raise (error if "character card" in str(why) else why) from None


def _styles(path: Path, folder: Path, name: str) -> Taken:
    genres = read_styles_file(path, name or path.stem)
    target = folder / f"{file_name(name or path.stem)}{path.suffix.lower()}"
    write_new(target, read_bytes(path))
    return Taken(target, tuple(genres))


def _copied(path: Path, profile: Profile, folder: Path, name: str) -> Taken:
    target = folder / f"{file_name(name or path.stem)}{path.suffix.lower()}"
    write_new(target, read_bytes(path))
    return Taken(target, (profile,))


def _card(path: Path, folder: Path, name: str) -> Taken:
    found = import_card(path)
    data = profile_data(found, path.stem)
    suffix = ".yaml" if len(json.dumps(data, default=str)) <= _BY_HAND else ".json"
    target = folder / f"{file_name(name or str(data['name']))}{suffix}"
    try:
        return Taken(target, (new_profile(target, data),), found.problems)
    except ProfileError as error:
        raise ProfileError(f"{path} is not imported. {error}") from None


def profile_data(found: Imported, name: str) -> dict[str, Any]:
    """A card's profile as a file has it; a lorebook alone is a setting that has nothing but lore."""
    if found.profile is not None:
        return {key: _whole(value) if key in _LISTS else value for key, value in found.profile.items()}
    assert found.book is not None
    return {"name": found.book.name or name, "kind": "setting", "lore": lore_of(found.book)}


def _whole(phrases: Any) -> Any:
    """Phrases of which none has half a pair of brackets, which would reach into other words."""
    if not isinstance(phrases, list):
        return phrases if is_balanced(str(phrases)) else _BRACKET.sub(r"\\\1", str(phrases))
    return [_whole(phrase) for phrase in phrases]


def file_name(name: str) -> str:
    """A name as a file's: letters, digits and hyphens."""
    plain = re.sub(r"[\W_]+", "-", name.casefold()).strip("-")[:80]
    return plain or "profile"


def as_mapping(profile: Profile) -> Mapping[str, Any]:
    """A profile as its file would have it, without what says nothing."""
    loras = [
        {"name": lora.name}
        | ({} if lora.strength is None else {"strength": lora.strength})
        | ({"required": True} if lora.required else {})
        | ({} if lora.weight == 1 else {"weight": lora.weight})
        for lora in profile.loras
    ]
    names = [name for name in Profile.__dataclass_fields__ if name not in ("key", "parts", "loras")]
    found: dict[str, Any] = {name: getattr(profile, name) for name in names}
    found["loras"] = loras
    return {name: list(value) if isinstance(value, tuple) else value for name, value in found.items() if value}
