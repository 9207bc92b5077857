"""Macros: ``{{char}}``, ``{{random:a,b}}`` and the like in an entry's keys and content.

One that is not known stays as it is written. Chance follows from the seed: ``pick`` is the same in every turn of a
story, ``random`` and ``roll`` in every scan of one turn.
Source: Character Card V3 specification, "Curly Braced Syntaxes"; SillyTavern also separates by ``::``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator_core.lore.chance import fraction

_INNERMOST = re.compile(r"\{\{([^{}]*)\}\}")
_ANGLE = re.compile(r"<(char|bot|user)>", re.IGNORECASE)
_COMMA = re.compile(r"(?<!\\),")
_DEPTH = 8  # macros inside macros
_LARGEST_ROLL = 10**9


@dataclass(frozen=True, slots=True)
class Macros:
    """What macros are replaced with. ``seeds``: what chance follows from, and with it the turn for what changes."""

    char: str = ""
    user: str = ""
    seed: tuple[object, ...] = ()
    turn: int = 0

    def replaced(self, text: str, hidden: bool = False) -> str:
        """The text with its macros replaced; ``hidden``: with the words that are only there to be found."""
        if "<" in text:
            text = _ANGLE.sub(lambda found: self._name(found[1].lower(), found[0]), text)
        for level in range(_DEPTH):
            if "{{" not in text:
                break
            before = text
            text = _INNERMOST.sub(lambda found: self._value(found, level, hidden), text)  # noqa: B023 - used at once
            if text == before:
                break
        return text

    def _name(self, name: str, written: str) -> str:
        value = self.user if name == "user" else self.char
        return value or written

    def _value(self, found: re.Match[str], level: int, hidden: bool) -> str:
        inside = found[1]
        if inside.lstrip().startswith("//"):
            return ""
        name, colon, rest = inside.partition(":")
        name = name.strip().lower()
        if name in ("char", "user") and not colon:
            return self._name(name, found[0])
        if not colon:
            return found[0]
        if name in ("comment", "hidden_key"):
            return rest if hidden and name == "hidden_key" else ""
        if name == "reverse":
            return rest[::-1]
        place = (*self.seed, level, found.start())
        return self._drawn(name, rest, place, found[0])

    def _drawn(self, name: str, rest: str, place: tuple[object, ...], written: str) -> str:
        if name == "pick":
            return _chosen(_options(rest), fraction("pick", *place))
        if name == "random":
            return _chosen(_options(rest), fraction("random", self.turn, *place))
        number = rest.strip().lower().removeprefix("d")
        if name == "roll" and number.isascii() and number.isdigit() and 0 < int(number[:20]) <= _LARGEST_ROLL:
            return str(1 + int(fraction("roll", self.turn, *place) * int(number)))
        return written


def _options(text: str) -> list[str]:
    if text.startswith(":") or "::" in text:
        return [part.strip() for part in text.removeprefix(":").split("::")]
    return [part.replace("\\,", ",").strip() for part in _COMMA.split(text)]


def _chosen(options: Sequence[str], share: float) -> str:
    return options[int(share * len(options))]
