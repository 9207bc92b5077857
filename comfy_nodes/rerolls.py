"""Which parts of a template were drawn again, as the text of a widget: ``9f3c…:2 07aa…:1``."""

from __future__ import annotations

import re
from collections.abc import Mapping

_ENTRY = re.compile(r"([0-9a-f]{16}):(\d{1,9})")


def parse_rerolls(text: str) -> dict[str, int]:
    """Slot ids (``Template.slots``) with how often each was drawn again; what is no such entry is passed over."""
    found = (_ENTRY.fullmatch(entry) for entry in text.replace(",", " ").lower().split())
    return {entry[1]: int(entry[2]) for entry in found if entry and int(entry[2])}


def format_rerolls(rerolls: Mapping[str, int]) -> str:
    return " ".join(f"{slot}:{times}" for slot, times in rerolls.items() if times)
