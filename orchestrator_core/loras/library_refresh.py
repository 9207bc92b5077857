"""Carrying out the differences between disk and index: reading what is new, following what moved, keeping the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from orchestrator_core.loras.files import Unit, folder_of, stamp
from orchestrator_core.loras.library_changes import TOLD, Changes
from orchestrator_core.loras.library_diff import Differences, find_moves
from orchestrator_core.loras.library_entries import Entry, encode, entry_of, search_texts
from orchestrator_core.loras.library_index import Index, Item
from orchestrator_core.loras.metadata import LoraFiles, with_user_facts
from orchestrator_core.loras.record import Fact, LoraRecord

AT_ONCE = 1000  # records read before they are written
_LONGEST_ERROR = 200  # characters
GIVEN_UP_S = 300.0  # a file that is not complete and was not written to for so long is truncated

Progress = Callable[[int, int], None]  # read so far, and all to be read
Settled = Callable[[Unit], bool]  # whether nobody is writing to it any more
Work = tuple[Entry | None, Unit]
T = TypeVar("T")


@dataclass(slots=True)
class _Told:
    """Names, by what happened."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    moved: list[tuple[str, str]] = field(default_factory=list)
    incomplete: list[str] = field(default_factory=list)
    truncated: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    lacking: Counter[str] = field(default_factory=Counter)  # kinds of missing metadata, of what was added


class Refreshing:
    """One refresh; ``read`` is ``read_lora``."""

    def __init__(self, index: Index, read: Callable[[LoraFiles], LoraRecord], now_s: float, settled: Settled) -> None:
        self.index = index
        self.read = read
        self.now_s = now_s
        self.settled = settled
        self.told = _Told()
        self.digests = index.digests()

    def carry_out(self, found: Differences, progress: Progress, publish: Callable[[], None]) -> Changes:
        """Bring the index to what was found. ``publish`` is called whenever a part of it is done."""
        stamps: dict[str, str] = {}
        if found.added:
            entries = self.index.entries().values()
            find_moves(
                found,
                entries,
                lambda unit: stamps.setdefault(unit.path, stamp(unit.path, unit.size)),
                lambda path: Path(path).exists(),
            )
        self._follow(found)
        work: list[Work] = [*found.moved, *((None, unit) for unit in found.added), *found.changed]
        done = 0
        for some in _chunks(sorted(work, key=lambda one: one[1].path)):
            self._take(some, stamps)
            done += len(some)
            progress(done, len(work))
            publish()
        for place in {(unit.root, folder_of(unit.path)) for _, unit in work if self._is_unfinished(unit)}:
            found.folders[place] = ""  # so that the next look compares it again
        self.index.write(self._missing(found), (), found.folders, found.gone)
        return self._changes(found)

    def _take(self, some: Sequence[Work], stamps: dict[str, str]) -> None:
        items, gone = [], []
        for old, unit in some:
            mark = stamps.get(unit.path) or stamp(unit.path, unit.size)
            try:
                record = self._record(unit, old)
                entry, encoded, texts = self._item(unit, old, record, mark)
            except Exception as error:  # noqa: BLE001 - what one file brings about must not hide all the others
                record = _unreadable(unit, error)
                entry, encoded, texts = self._item(unit, old, record, mark)
            if old is not None and old.path != unit.path:
                gone.append(old)
            items.append((self._tell(old, entry, record), encoded, texts))
        self.index.write(items, gone)

    def _item(self, unit: Unit, old: Entry | None, record: LoraRecord, mark: str) -> Item:
        """Encoded at once: a thousand records are a hundred thousand tuples, which Python's collector would walk."""
        entry = entry_of(unit, record, mark, old)
        known = self.digests.get(unit.path)
        if known and not entry.hashed and known[1:4] == (unit.size, unit.mtime_ns, str(unit.inode)):
            entry = entry._replace(hashed=1, sha256=known[4], tensor_sha256=known[5], autov1=known[6])
        return entry, encode(record), search_texts(with_facts(record, entry, self.index))

    def _record(self, unit: Unit, old: Entry | None) -> LoraRecord:
        if unit.unfinished or not (_is_known(old, unit) or self.settled(unit)):
            bare = LoraRecord(unit.name, unit.path, unit.root, unit.size, unit.mtime_ns, "incomplete")
            return self._judged(bare.replacing(missing=("incomplete",)))
        files = LoraFiles(unit.path, unit.root, unit.name, unit.size, unit.mtime_ns, unit.sidecars)
        record = self._judged(self.read(files))
        return record if old is None or old.path == unit.path else self._with_left_behind(record, unit, old)

    def _judged(self, record: LoraRecord) -> LoraRecord:
        """Not complete, and for minutes nobody has written to it: truncated."""
        if record.state == "incomplete" and self.now_s - record.mtime_ns / 1e9 > GIVEN_UP_S:
            missing = tuple("truncated" if kind == "incomplete" else kind for kind in record.missing)
            return record.replacing(state="truncated", missing=missing)
        return record

    def _tell(self, old: Entry | None, entry: Entry, record: LoraRecord) -> Entry:
        """Note what a person is told of it; the entry, with the time of when it was first shown."""
        told, told_before = self.told, old is not None and old.state == record.state
        if record.state == "incomplete":
            told.incomplete.append(entry.name)
            return entry
        if record.state == "truncated":
            if not told_before:
                told.truncated.append(entry.name)
                told.paths.append(entry.path)
            return entry
        told.paths.append(entry.path)
        if old is not None and old.first_ms and old.path != entry.path:
            told.moved.append((old.name, entry.name))
        elif old is not None and old.first_ms and old.state != "missing":
            told.changed.append(entry.name)
        else:
            told.added.append(entry.name)
            told.lacking.update(with_facts(record, entry, self.index).missing)
        return entry if entry.first_ms else entry._replace(first_ms=int(self.now_s * 1000))

    def _with_left_behind(self, record: LoraRecord, unit: Unit, old: Entry) -> LoraRecord:
        """Renamed without its sidecars: what they said stays known, as facts that the store keeps.

        Else the trigger words would be gone with the rename, though the file is the same.
        """
        before = self.index.record(old.path)
        if before is None or unit.sidecars:
            return record
        lost = [fact for fact in before.facts if fact.source.startswith(".") and fact.field != "problem"]
        if lost:
            self.index.save_facts(self.index.facts.put(old._replace(path=unit.path), lost, int(self.now_s * 1000)))
        return record.replacing(examples=record.examples or before.examples)

    def _follow(self, found: Differences) -> None:
        """What people said goes with the files."""
        for old, unit in found.moved:
            rows, removed = self.index.facts.follow(old, old._replace(path=unit.path))
            if rows or removed:
                self.index.save_facts(rows, removed)

    def _missing(self, found: Differences) -> list[Item]:
        """What vanished stays, with all that is known of it."""
        items = []
        for entry in found.removed:
            record = self.index.record(entry.path)
            if record is not None:
                items.append((entry._replace(state="missing"), encode(record), search_texts(record)))
        return items

    def _is_unfinished(self, unit: Unit) -> bool:
        entry = self.index.entries().get(unit.path)
        return entry is not None and entry.state == "incomplete"

    def _changes(self, found: Differences) -> Changes:
        told = self.told
        return Changes(
            tuple(told.added),
            tuple(told.changed),
            tuple(entry.name for entry in found.removed if entry.first_ms),
            tuple(told.moved),
            tuple(told.incomplete),
            tuple(told.truncated),
            paths=tuple(told.paths),
            lacking=tuple((kind, told.lacking[kind]) for kind in TOLD if told.lacking[kind]),
        )


def _unreadable(unit: Unit, error: Exception) -> LoraRecord:
    """The record of a file that a reader failed on. What it holds is to blame, or this pack is."""
    said = " ".join(f"{type(error).__name__}: {error}".split())[:_LONGEST_ERROR]
    why = f"It could not be read ({said}). If other programs can read it, please report this."
    bare = LoraRecord(unit.name, unit.path, unit.root, unit.size, unit.mtime_ns, "unreadable")
    return bare.replacing(missing=("unreadable",), facts=(Fact("problem", why, "header", 1.0),))


def _is_known(old: Entry | None, unit: Unit) -> bool:
    """Whether the model was whole before, and is as it was: only something beside it changed."""
    return (
        old is not None
        and old.state == "complete"
        and (old.size, old.mtime_ns, old.inode) == (unit.size, unit.mtime_ns, str(unit.inode))
    )


def with_facts(record: LoraRecord, entry: Entry, index: Index) -> LoraRecord:
    """With what people said of it, where they did."""
    facts = index.facts.of(entry) if index.facts else ()
    return with_user_facts(record, facts) if facts else record


def _chunks(work: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(work), AT_ONCE):
        yield work[start : start + AT_ONCE]
