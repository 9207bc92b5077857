"""LoRAs that a person names: in a list to pin or to leave out, in a pair, in a ``<lora:…>`` tag.

One name a line, or separated by commas; ``name:0.8`` gives a strength; ``styles/*`` is a pattern. A name is the path
below the LoRA folder, or only its last part where that is unique; case and ``.safetensors`` make no difference.
"""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from orchestrator_core.formats.extra_networks import parse_number
from orchestrator_core.loras.record import LoraRecord

_SUFFIX = re.compile(r"\.(?:safetensors|ckpt|pt|bin|sft)$", re.IGNORECASE)
_SHOWN = 3
LOOK_UP = "Look it up in the LoRA library."  # what to do where no name is near


@dataclass(frozen=True, slots=True)
class Named:
    """A name as it was written, and the strength beside it."""

    name: str
    strength: float | None = None


def named_in(text: str) -> list[Named]:
    """The names of a list, in their order. A number behind the last colon is a strength."""
    found = []
    for piece in re.split(r"[,\n]", text):
        name, colon, number = piece.strip().rpartition(":")
        strength = parse_number(number) if colon else None
        if strength is None:
            name = piece.strip()
        if name.strip():
            found.append(Named(name.strip(), strength))
    return found


def plain(name: str) -> str:
    return _SUFFIX.sub("", name.strip().replace("\\", "/")).casefold()


class LoraNames:
    """Finds records by what people call them."""

    def __init__(self, records: Iterable[LoraRecord]) -> None:
        self._by_path: dict[str, list[LoraRecord]] = defaultdict(list)
        self._by_base: dict[str, list[LoraRecord]] = defaultdict(list)
        for record in records:
            path = record.name.casefold()
            self._by_path[path].append(record)
            self._by_base[path.rpartition("/")[2]].append(record)

    def find(self, name: str) -> tuple[LoraRecord | None, str]:
        """(the record, "") or (None, what is wrong). Of files with one path in several folders, the first is meant."""
        wanted = plain(name)
        if wanted in self._by_path:
            return self._by_path[wanted][0], ""
        found = self._by_base.get(wanted.rpartition("/")[2], []) if "/" not in wanted else []
        if len(found) == 1:
            return found[0], ""
        if found:
            folders = ", ".join(f"'{record.name}'" for record in found[:_SHOWN])
            return None, f"'{name}' may be {folders}: name its folder too."
        close = difflib.get_close_matches(wanted, list(self._by_path) if len(self._by_path) < 2000 else [], 1, 0.6)
        cure = f"Did you mean '{self._by_path[close[0]][0].name}'?" if close else LOOK_UP
        return None, f"There is no LoRA '{name}'. {cure}"

    def matching(self, pattern: str) -> tuple[list[LoraRecord], str]:
        """The records that a name or a pattern as ``styles/*`` means, or what is wrong."""
        if not any(character in pattern for character in "*?["):
            record, problem = self.find(pattern)
            return ([] if record is None else [record]), problem
        wanted = plain(pattern)
        names = [name for name in self._by_path if fnmatchcase(name, wanted)]
        found = [record for name in names for record in self._by_path[name]]
        return found, "" if found else f"No LoRA matches '{pattern}'."


def pairs_in(text: str, names: LoraNames) -> tuple[frozenset[frozenset[str]], list[str]]:
    """The pairs of a list with a line for each, ``one + other``, by the records' names; and what is wrong."""
    pairs, problems = set(), []
    for line in filter(None, (line.strip() for line in text.splitlines())):
        sides = [names.matching(side) for side in line.split("+")]
        problems += [problem for _, problem in sides if problem]
        if len(sides) != 2:
            problems.append(f"'{line}' is no pair: write one name, a plus sign and another name.")
            continue
        pairs |= {frozenset((one.name, other.name)) for one in sides[0][0] for other in sides[1][0] if one != other}
    return frozenset(pairs), problems
