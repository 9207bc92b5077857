"""Decorators: lines such as ``@@scan_depth 4`` at the head of an entry's content that change how it is found.

A line with three ``@`` is what counts if the one above it is not known here, or has a value that cannot be. Lines that
change only where in a chat a text goes are known and do nothing: an image's prompt has no chat.
Source: Character Card V3 specification, "Decorators"; SillyTavern knows the first two alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from orchestrator_core.lore.book import Rules

_POSITIONS = {"after_desc": "after", "before_desc": "before", "personality": "personality", "scenario": "scenario"}
_LONGEST_NUMBER = 9


@dataclass(frozen=True, slots=True)
class Decorators:
    """What the decorators of an entry say; None and empty is nothing."""

    activate: bool = False
    dont_activate: bool = False
    activate_only_after: int = 0
    activate_only_every: int = 0
    keep_activate_after_match: bool = False
    dont_activate_after_match: bool = False
    ignore_on_max_context: bool = False
    scan_depth: int | None = None
    depth: int | None = None
    position: str = ""
    additional_keys: tuple[tuple[str, ...], ...] = field(default=())  # one of each line's
    exclude_keys: tuple[tuple[str, ...], ...] = field(default=())


def _nothing(value: str) -> bool | None:
    return True if not value or value.lower() == "true" else None


def _number(value: str) -> int | None:
    return int(value) if value.isascii() and value.isdigit() and len(value) <= _LONGEST_NUMBER else None


def _words(value: str) -> tuple[str, ...] | None:
    return tuple(word for word in (part.strip() for part in value.split(",")) if word) or None


def _anything(value: str) -> str:
    return value


_SILLYTAVERN: dict[str, Callable[[str], Any]] = {"activate": _nothing, "dont_activate": _nothing}
_KNOWN: dict[str, Callable[[str], Any]] = {
    **_SILLYTAVERN,
    "activate_only_after": _number,
    "activate_only_every": _number,
    "keep_activate_after_match": _nothing,
    "dont_activate_after_match": _nothing,
    "ignore_on_max_context": _nothing,
    "scan_depth": _number,
    "depth": _number,
    "position": _POSITIONS.get,
    "additional_keys": _words,
    "exclude_keys": _words,
    # Known, and without a meaning here.
    "reverse_depth": _number,
    "role": lambda value: value if value in ("assistant", "system", "user") else None,
    "disable_ui_prompt": _anything,
}
_MANY = ("additional_keys", "exclude_keys")
_NONE = Decorators()


def decorated(content: str, rules: Rules) -> tuple[Decorators, str]:
    """(what the decorators at the head of a content say, the content without them)."""
    if not content.startswith("@@"):
        return _NONE, content
    known = _SILLYTAVERN if rules is Rules.sillytavern else _KNOWN
    lines = content.split("\n")
    end = next((place for place, line in enumerate(lines) if not line.startswith("@@")), len(lines))
    said: dict[str, Any] = {}
    open_for_fallback = False
    for line in lines[:end]:
        if line.startswith("@@@") and not open_for_fallback:
            continue
        name, _, text = line.lstrip("@").partition(" ")
        read = known.get(name.strip())
        value = None if read is None else read(text.strip())
        open_for_fallback = value is None
        if value is not None:
            _add(said, name.strip(), value)
    wanted = {name: value for name, value in said.items() if name in Decorators.__dataclass_fields__}
    return Decorators(**wanted), "\n".join(lines[end:]).strip("\r\n")


def _add(said: dict[str, Any], name: str, value: Any) -> None:
    if name in _MANY:
        said[name] = (*said.get(name, ()), value)
    else:
        said.setdefault(name, value)  # of two of one name the first counts
