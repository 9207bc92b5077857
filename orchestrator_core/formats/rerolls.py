"""Which parts of a template were drawn again, as the text that a workflow keeps: ``9f3c…:2 07aa…:1``."""

from __future__ import annotations

import re
from collections.abc import Iterable

_ENTRY = re.compile(r"([0-9a-f]{16}):(\d{1,9})")


def parse_rerolls(text: str) -> dict[str, int]:
    """Slot ids (``Template.slots``) with how often each was drawn again. Raises ValueError for what is no such entry:
    to pass it over would draw another prompt than the one that was meant."""
    found = {}
    for entry in text.replace(",", " ").split():
        match = _ENTRY.fullmatch(entry.lower())
        if match is None:
            raise ValueError(f"{entry[:40]!r} names no part that was drawn again, as 9f3c07aa9f3c07aa:2 does")
        found[match[1]] = int(match[2])
    return {slot: times for slot, times in found.items() if times}


def format_rerolls(rerolls: Iterable[tuple[str, int]]) -> str:
    return " ".join(f"{slot}:{times}" for slot, times in rerolls if times)
