"""The numbers of a test as people write them: ``0.4, 0.7, 1`` and ``1, 2 10-12``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from orchestrator_core.errors import ConfigError


def numbers_in(text: str, what: str) -> tuple[float, ...]:
    """``0.4, 0.7 1`` as numbers. Raises ConfigError."""
    try:
        return tuple(float(part) for part in _parts(text))
    except ValueError:
        raise ConfigError(f"{what}: {text!r} are no numbers; write them as 0.4, 0.7, 1.") from None


def seeds_in(text: str) -> tuple[int, ...]:
    """``1, 2 10-12`` as whole numbers. Raises ConfigError."""
    found: list[int] = []
    for part in _parts(text):
        match = re.fullmatch(r"(\d{1,20})(?:-(\d{1,20}))?", part, re.ASCII)
        if match is None:
            raise ConfigError(f"Seeds: {part!r} is no seed; write whole numbers as 1, 2, or 10-13 for four of them.")
        first, last = int(match[1]), int(match[2] or match[1])
        if last - first >= 1000:
            raise ConfigError(f"Seeds: {part} are too many; a test has at most some hundred images.")
        found.extend(range(first, last + 1))
    return tuple(found)


def _parts(text: str) -> Sequence[str]:
    return [part for part in re.split(r"[,;\s]+", text) if part]
