"""Happening: an entry of the ledger as a person reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestrator_core.store.learning import Entry
    from orchestrator_core.weights.learner import EventKind


@dataclass(frozen=True, slots=True)
class Happening:
    """``number`` orders them; ``at_ms`` is what a clock said, which may have been set back. ``undone``: an undo or a
    reset of everything took it back."""

    number: int
    at_ms: int
    kind: EventKind
    words: str
    undone: bool = False


def words_for(entry: Entry) -> str:
    """What an entry is, for a person."""
    data = entry.data
    if entry.kind == "undo":
        return f"back to moment {data.get('to')}"
    if entry.kind == "reset":
        return f"forgot what was seen of {data.get('slot') or 'all slots'}"
    if entry.kind == "set":
        return _setting(data)
    count = len(data.get("observations", ()))
    told = data.get("words") or {"import": "import"}.get(entry.kind, "scores")
    return f"{told}: {count} observation{'s' * (count != 1)}"


def _setting(data: Mapping[str, Any]) -> str:
    what, value, name = data.get("what"), data.get("value"), data.get("key") or data.get("slot")
    told = {
        "switch": f"learning {'on' if value else 'off'}",
        "mode": f"mode {value}",
        "direction": f"{name}: {value}",
        "slot": f"{name}: {'on' if value else 'off'}",
        "pin": f"{name}: pinned at {value}×",
        "unpin": f"{name}: no longer pinned",
        "value": f"{name}: {'on' if value else 'off'}",
    }
    return told.get(str(what), str(what))
