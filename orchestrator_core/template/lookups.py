"""What the wildcards remember of the disk between two looks at it: files that were read, and where names led."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator_core.template.folders import Problem
from orchestrator_core.template.values import Values


@dataclass(frozen=True, slots=True)
class Found:
    """What a reference leads to. ``note`` says, for people, where it is not the name that was written."""

    values: Values
    note: str = ""


@dataclass(slots=True)
class Loaded:
    """A file that has been read; ``values`` by wildcard name, empty where it could not be."""

    path: str
    relative: str
    signature: tuple[int, int] | None
    checked: float
    values: dict[str, Values]
    problems: list[Problem]


@dataclass(slots=True)
class Resolved:
    """What a look-up found, and the files that it depends on. Good until then without a look at the disk."""

    found: Found | None
    used: list[Loaded]
    good_until: float
