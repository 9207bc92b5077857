"""What is told of LoRAs where there is little room: a few names of many, the beginning of a long text, one line."""

from __future__ import annotations

import re
from collections.abc import Sequence

NAMED = 3  # names of many
LONGEST = 200  # characters of what may be 20,000 long
_BREAKS = re.compile(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")


def some_of(names: Sequence[str]) -> str:
    """``ink, mist, fox, and 26 more``."""
    more = f", and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(one_line(name) for name in names[:NAMED]) + more


def shortened(text: str, longest: int = LONGEST) -> str:
    return text if len(text) <= longest else f"{text[: longest - 2].rstrip()} …"


def one_line(name: str) -> str:
    """The name of a file may hold line breaks, which would tear a list apart: they are spelt out."""
    return _BREAKS.sub(lambda found: repr(found[0])[1:-1], name)
