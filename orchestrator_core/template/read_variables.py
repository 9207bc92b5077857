"""Reads ``${name=value}``, ``${name:default}`` and ``%{before … after$$content}``."""

from __future__ import annotations

import re

from orchestrator_core.template.parser import Parser
from orchestrator_core.template.tree import Assign, Use, Wrap

_VARIABLE = re.compile(
    r"\s*(?P<name>[A-Za-z_-][\w-]{0,80})\s*(?:(?P<how>[?+])?=(?P<now>!)?|(?P<now2>!)=|(?P<default>:)|(?P<end>\Z))\s*"
)
_MIDDLE = re.compile(r"\{|\$\$")


def read_variable(parser: Parser, start: int, close: int, places: dict[str, int]) -> Assign | Use | None:
    match = _VARIABLE.match(parser.source, start + 2, close)
    span = (start, close + 1)
    if not match:
        parser.note("not-a-variable", "This is no variable: write ${name}, ${name:default} or ${name=value}.", *span)
        return None
    here = parser.place(*span, places)
    if match["default"] or match["end"] is not None:
        default = parser.sequence(match.end(), close) if match["default"] else None
        return Use(match["name"], default, parser.source[start : close + 1], span, here)
    how, now = match["how"], bool(match["now"] or match["now2"])
    value = parser.sequence(match.end(), close)
    return Assign(match["name"], value, now, how == "?", how == "+", False, span, here)


def read_wrap(parser: Parser, start: int, close: int, places: dict[str, int]) -> Wrap | None:
    position, middle = start + 2, -1
    while match := _MIDDLE.search(parser.source, position, close):
        if match.group() == "$$":
            middle = match.start()
            break
        position = max(match.end(), parser.pairs.get(match.start(), -1) + 1)
    if middle < 0:
        parser.note("not-a-wrap", "A wrap needs $$ between wrapper and content: %{before ... after$$content}.", start)
        return None
    inner = middle + 2
    while inner < close and parser.source[inner].isspace():
        inner += 1
    first = start + 2
    while first < middle and parser.source[first].isspace():
        first += 1
    here = parser.place(start, close + 1, places)
    return Wrap(parser.sequence(first, middle), parser.sequence(inner, close), (start, close + 1), here)
