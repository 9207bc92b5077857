"""What the library knows of a LoRA, into the ``.json`` beside it that A1111 and Forge read; only when a person asks.

Nothing that is in such a file is lost: keys of other tools stay as they are and where they are, and a value that is
there is changed only where the person set another one in the library. The model file is never opened.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator_core.base_models import base_model_named
from orchestrator_core.errors import FormatError
from orchestrator_core.loras.record import LoraRecord
from orchestrator_core.loras.sidecars import MAX_BYTES
from orchestrator_core.template.textfiles import NotText, to_utf8

# A1111's keys, and of which fields each is made.
KEYS: Mapping[str, str] = {
    "description": "description",
    "sd version": "base_model",
    "activation text": "trigger_words",
    "preferred weight": "preferred_strength",
    "negative text": "negative",
    "notes": "notes",
}
# What the forms of A1111 and Forge offer; another text would be shown by neither.
_VERSIONS = {"SD 1.5": "SD1", "SD 2.x": "SD2", "SDXL": "SDXL", "Flux.1": "Flux"}
_OTHERS = ("ModelId", "modelId", "trainedWords")  # keys of tools that use the same name for another kind of file


@dataclass(frozen=True, slots=True)
class Sidecar:
    """What would be written. ``changes`` are the keys that differ from what is there: key → (before, after)."""

    path: Path
    values: Mapping[str, Any]
    changes: Mapping[str, tuple[Any, Any]]
    is_new: bool = False


def a1111_sidecar(record: LoraRecord) -> Sidecar:
    """What the ``.json`` beside the LoRA would be; nothing is written.

    Raises FormatError where a file is there that is not A1111's, or that cannot be read back as it is; OSError.
    """
    path = Path(record.path).with_suffix(".json")
    before = _read(path)
    set_by_hand = {fact.field for fact in record.facts if fact.source == "user"}
    values = dict(before or {})
    changes: dict[str, tuple[Any, Any]] = {}
    for key, field in KEYS.items():
        new, old = _value(record, key), values.get(key)
        wanted = field in set_by_hand or (_is_empty(old) and not _is_empty(new))
        if wanted and not _same(key, old, new):
            changes[key] = (old, new)
            values[key] = new
    return Sidecar(path, values, changes, before is None)


def write_sidecar(sidecar: Sidecar) -> None:
    """Write it whole or not at all: into a new file that then takes the place of the old one. Raises OSError."""
    target = Path(os.path.realpath(sidecar.path))  # a link stays one
    temporary = target.with_name(f".{target.stem[:40]}-{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(_encoded(sidecar.values))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileNotFoundError):
            temporary.chmod(target.stat().st_mode & 0o777)
        temporary.replace(target)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def _value(record: LoraRecord, key: str) -> Any:
    if key == "activation text":
        return ", ".join(record.trigger_words)
    if key == "preferred weight":
        return 0 if record.preferred_strength is None else record.preferred_strength
    if key == "sd version":
        return _VERSIONS.get(record.base_model, "")
    return getattr(record, KEYS[key])


def _is_empty(value: Any) -> bool:
    """As A1111 means it: its form saves 0 for "not set", and "Unknown" for a version that nobody chose."""
    return value is None or value in ("", 0, [], "Unknown")


def _same(key: str, old: Any, new: Any) -> bool:
    if _is_empty(old) and _is_empty(new):
        return True
    if key == "sd version" and isinstance(old, str):
        return bool(
            _VERSIONS.get(base_model_named(old).family, old) == new
        )  # "SD 1.5" is what some tools write for "SD1"
    return bool(old == new)


def _read(path: Path) -> dict[str, Any] | None:
    """The file that is there; None where none is."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise FormatError(f"{path} is too large to be A1111's; it is left as it is.")
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        # A1111 writes UTF-8; what an editor made of it is read too.
        value = json.loads(to_utf8(data), object_pairs_hook=_unique)
    except (ValueError, RecursionError, NotText) as error:
        raise FormatError(f"{path} is not JSON ({str(error)[:200]}); it is left as it is. Repair or move it.") from None
    if not isinstance(value, dict):
        raise FormatError(f"{path} holds no JSON object, so it is not A1111's; it is left as it is.")
    if not any(key in value for key in KEYS) and any(key in value for key in _OTHERS):
        raise FormatError(f"{path} is another tool's file of that name; it is left as it is.")
    return value


def _unique(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"{key!r} is in it twice, and one of the two would be lost")
        found[key] = value
    return found


def _encoded(values: Mapping[str, Any]) -> bytes:
    """As A1111 writes it: UTF-8 without a mark, which it could not read, and four spaces."""
    try:
        return json.dumps(values, indent=4, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:  # half a character, which JSON can spell and UTF-8 cannot
        return json.dumps(values, indent=4).encode("ascii")
