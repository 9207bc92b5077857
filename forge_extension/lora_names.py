"""Which name in a ``<lora:…>`` tag finds which file, by the host's list; pure but for the host that it is given."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Protocol

from orchestrator_core.loras.record import LoraRecord

_NOT_IN_TAGS = frozenset(":<>")


@dataclass(frozen=True, slots=True)
class Listed:
    """A name, the file that a tag with it finds, and what the file's trainer called it."""

    name: str
    path: str
    alias: str = ""


class Host(Protocol):
    """What is needed of the host; ``host.loras`` has it."""

    def listed_loras(self) -> list[Listed] | None: ...

    def look_for_loras(self, stems: Iterable[str]) -> None: ...


class LoraNames:
    """The host's names for LoRAs. A file that the host has not listed yet makes it look again, once for each file."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self._hidden: frozenset[str] = frozenset()  # files that it does not find although it looked

    def __call__(self, records: Collection[LoraRecord]) -> Mapping[str, str]:
        """By path; without those that no tag finds: another file has the name, or the name cannot stand in a tag."""
        found = self._names(records)
        absent = frozenset(record.path for record in records if record.path not in found)
        if absent - self._hidden:
            self.host.look_for_loras(sorted({stem_of(path) for path in absent - self._hidden}))
            found = self._names(records)
            self._hidden = frozenset(record.path for record in records if record.path not in found)
        return found

    def _names(self, records: Collection[LoraRecord]) -> Mapping[str, str]:
        by_file = names_by_file(self.host.listed_loras() or ())
        found = {record.path: by_file[record.path] for record in records if record.path in by_file}
        if len(found) == len(records):
            return found
        by_real = {os.path.realpath(path): name for path, name in by_file.items()}  # the host goes by another link
        rest = (record.path for record in records if record.path not in found)
        return found | {path: by_real[real] for path in rest if (real := os.path.realpath(path)) in by_real}


def names_by_file(listed: Iterable[Listed]) -> Mapping[str, str]:
    """The name of each file that can stand in a tag: its own stem where that finds it, else another."""
    found: dict[str, str] = {}
    for item in listed:
        if not _NOT_IN_TAGS & set(item.name) and (item.path not in found or item.name == stem_of(item.path)):
            found[item.path] = item.name
    return found


def stem_of(path: str) -> str:
    return PureWindowsPath(path).stem if os.name == "nt" else Path(path).stem
