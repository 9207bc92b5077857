"""Disk against index: the one comparison behind start, refresh, watcher and poller. Pure; reads neither."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from orchestrator_core.loras.files import Unit, folder_of
from orchestrator_core.loras.library_entries import SALT, Entry
from orchestrator_core.loras.scan import Disk, Place

FULL = 10  # a root that held so many LoRAs and is empty now is a drive that is not mounted


@dataclass(slots=True)
class Differences:
    added: list[Unit] = field(default_factory=list)
    changed: list[tuple[Entry, Unit]] = field(default_factory=list)
    moved: list[tuple[Entry, Unit]] = field(default_factory=list)
    removed: list[Entry] = field(default_factory=list)
    folders: dict[Place, str] = field(default_factory=dict)  # whose fingerprints are new
    gone: set[Place] = field(default_factory=set)

    def any(self) -> bool:
        return bool(self.added or self.changed or self.moved or self.removed or self.folders or self.gone)


def differences(disk: Disk, folders: Mapping[Place, str], entries: Callable[[], Mapping[str, Entry]]) -> Differences:
    """What to do so that the index is as the disk. ``entries``, by path, are asked for only where a folder differs."""
    found = Differences()
    fingerprints = {place: disk.fingerprint(place, SALT) for place in disk.folders}
    differing = [place for place, fingerprint in fingerprints.items() if folders.get(place) != fingerprint]
    found.gone = {
        place
        for place in folders.keys() - disk.folders.keys()
        if place[0] not in disk.offline and disk.covers(place[1])
    }
    if not differing and not found.gone:
        return found
    by_place = _by_place(entries().values())
    for place in differing:
        finished = _compare(found, disk, place, by_place.get(place, {}))
        found.folders[place] = fingerprints[place] if finished else ""
    for place in found.gone:
        found.removed.extend(entry for entry in by_place.get(place, {}).values() if entry.state != "missing")
    return found


def _compare(found: Differences, disk: Disk, place: Place, known: Mapping[str, Entry]) -> bool:
    """Whether all was compared, so that the same look next time need not."""
    finished = True
    units = {unit.path: unit for unit in disk.units(place, SALT)}
    for path in units.keys() | known.keys():
        if not disk.covers(path):
            finished = False
        elif path not in units:
            if known[path].state != "missing":
                found.removed.append(known[path])
        elif path not in known:
            found.added.append(units[path])
        elif _differs(known[path], units[path]):
            found.changed.append((known[path], units[path]))
    return finished


def _differs(entry: Entry, unit: Unit) -> bool:
    # What was incomplete may be complete without a change: time alone tells that nobody writes to it any more.
    return entry.fingerprint != unit.fingerprint or entry.state in ("missing", "incomplete")


def _by_place(entries: Iterable[Entry]) -> dict[Place, dict[str, Entry]]:
    grouped: dict[Place, dict[str, Entry]] = {}
    for entry in entries:
        grouped.setdefault((entry.root, folder_of(entry.path)), {})[entry.path] = entry
    return grouped


def find_moves(
    found: Differences,
    entries: Iterable[Entry],
    stamp_of: Callable[[Unit], str],
    is_there: Callable[[str], bool],
) -> None:
    """Make a move of each addition that is a file which vanished: now, earlier, or where this look did not go.

    The same inode, size and time is the same file; the same beginning, end and size its copy on another drive.
    """
    new = {(str(unit.inode), unit.size, unit.mtime_ns) for unit in found.added}
    removed = {entry.path for entry in found.removed}
    lost = {
        entry.path: entry
        for entry in entries
        if entry.state == "missing" or entry.path in removed or (_identity(entry) in new and not is_there(entry.path))
    }
    by_inode = {_identity(entry): entry for entry in lost.values()}
    sizes = {entry.size for entry in lost.values()}
    by_stamp = {(entry.stamp, entry.size): entry for entry in lost.values() if entry.stamp}
    stay = []
    for unit in found.added:
        old = by_inode.get((str(unit.inode), unit.size, unit.mtime_ns))
        if old is None and unit.size in sizes:
            old = by_stamp.get((stamp_of(unit), unit.size))
        if old is None or unit.unfinished or old.path not in lost:
            stay.append(unit)
            continue
        del lost[old.path]
        found.moved.append((old, unit))
    gone = {old.path for old, _ in found.moved}
    found.added = stay
    found.removed = [entry for entry in found.removed if entry.path not in gone]


def _identity(entry: Entry) -> tuple[str, int, int]:
    return entry.inode, entry.size, entry.mtime_ns
