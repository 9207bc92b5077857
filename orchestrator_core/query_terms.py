"""What the query boxes for images and for LoRAs have in common: terms one after the other, values, and ``sort:``."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

from orchestrator_core.errors import FormatError

FLAGS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
VALUE = r'(?:"(?P<quoted>[^"]*)"|(?P<plain>[^\s"]*))'  # with which the pattern of a term ends


class Found(NamedTuple):
    """A term. ``place``: of its first character, from 1; ``value``: without its quotes."""

    match: re.Match[str]
    place: int
    value: str

    def refused(self, why: str) -> FormatError:
        """To be raised."""
        return FormatError(f"Query, character {self.place}: {why}")


def terms_in(text: str, term: re.Pattern[str]) -> Iterator[Found]:
    """``term`` begins with any white space, and ends with VALUE. Raises FormatError for a quote that stays open."""
    at = 0
    while text[at:].strip():
        match = term.match(text, at)
        if match is None or not match[0].strip():
            place = at + 1 + len(text[at:]) - len(text[at:].lstrip())
            raise FormatError(f"Query, character {place}: a quote is opened and not closed. Add one at the end.")
        place = at + 1 + len(match[0]) - len(match[0].lstrip())
        yield Found(match, place, match["plain"] if match["quoted"] is None else match["quoted"])
        at = match.end()


def parts_of(value: str) -> list[str]:
    """``a|b``: either."""
    return [part.strip() for part in value.split("|") if part.strip()]


def sort_in(found: Found, names: Collection[str]) -> tuple[str, bool]:
    """One of these names, and whether it is turned round. Raises FormatError."""
    name = found.value.removeprefix("-").casefold()
    if name not in names:
        raise found.refused(f"cannot sort by '{found.value}'. Use one of: {', '.join(names)}.")
    return name, found.value.startswith("-")
