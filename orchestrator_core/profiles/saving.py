"""Writes a profile's file, when a person saves it and at no other time: comments and layout stay, or nothing changes.

A form says only what was changed in it, so what somebody wrote into the file meanwhile is kept. The new file takes the
old one's place in one step, after it was read as a check.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from orchestrator_core.errors import FormatError, ProfileError
from orchestrator_core.formats.json_text import read_bytes
from orchestrator_core.profiles.model import Profile
from orchestrator_core.profiles.reading import SUFFIXES, json_value, profile_from_text, text_of
from orchestrator_core.profiles.schema import SCHEMA_ID
from orchestrator_core.profiles.yaml_editing import edited
from orchestrator_core.profiles.yaml_values import read_yaml

_HEAD = f"# yaml-language-server: $schema={SCHEMA_ID}\n"


def save_profile(path: Path, changes: Mapping[str, Any]) -> Profile:
    """The profile of this file with these parts changed; None takes one out. A file that is not there is made.

    Raises ProfileError where that would be no profile, or the file cannot be written.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise ProfileError(f"{path} is no profile's file: its name has to end with {', '.join(SUFFIXES)}.")
    path = Path(os.path.realpath(path))  # the file that a link means is written, and the link stays
    try:
        before = text_of(read_bytes(path), str(path)) if path.exists() else ""
        after = changed_text(before, changes, str(path))
        profile = profile_from_text(after, str(path), path.stem)
    except FormatError as error:
        raise ProfileError(f"It is not saved. {error}") from None
    if after != before:
        _replace(path, after.encode())
    return profile


def save_text(path: Path, text: str, before: str) -> Profile:
    """The profile of this file with this whole text, where the file still has the text ``before``.

    Raises ProfileError where that would be no profile, the file was changed meanwhile, or it cannot be written.
    """
    path = Path(os.path.realpath(path))
    try:
        now = text_of(read_bytes(path), str(path)) if path.exists() else ""
        profile = profile_from_text(text, str(path), path.stem)
    except FormatError as error:
        raise ProfileError(f"It is not saved. {error}") from None
    if now != before:
        raise ProfileError(
            f"{path} was changed meanwhile, and is left as it is. Open it again, or choose another name."
        )
    if text != now:
        _replace(path, text.encode())
    return profile


def new_profile(path: Path, data: Mapping[str, Any]) -> Profile:
    """As ``save_profile``, for a file that must not be there yet."""
    _refuse_if_there(path)
    return save_profile(path, data)


def write_new(path: Path, content: bytes) -> None:
    """A file as it is, which must not be there yet. Raises ProfileError."""
    _refuse_if_there(path)
    _replace(path, content)


def _refuse_if_there(path: Path) -> None:
    if path.exists():
        raise ProfileError(f"{path} is there already, and is left as it is. Choose another name.")


def changed_text(text: str, changes: Mapping[str, Any], where: str) -> str:
    """The text of a YAML or JSON file with these values at its top. Raises FormatError."""
    if where.lower().endswith(".json"):
        data = json_value(text, where) if text.strip() else {}
        if not isinstance(data, dict):
            raise FormatError(f"{where} is no profile.")
        return json.dumps(_applied(data, changes), ensure_ascii=False, indent=2) + "\n"
    if read_yaml(text, where).value is not None:
        profile_from_text(text, where, "")  # with bounds that a round trip does not know
    return edited(text or _HEAD, changes, where)


def _applied(data: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**data, **changes}.items() if value is not None}


def _replace(path: Path, content: bytes) -> None:
    """Raises ProfileError; the old file is whole in any case."""
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=".tmp", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(path.stat().st_mode if path.exists() else 0o644)
        Path(temporary).replace(path)
    except OSError as error:
        if temporary:
            with suppress(OSError):
                Path(temporary).unlink()
        raise ProfileError(f"{path} cannot be written: {error.strerror or error}.") from None
