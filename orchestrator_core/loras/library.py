"""Library: all LoRAs of the host's folders, as they are on disk now. Readers never wait; ``refresh`` looks.

    library = Library(["/models/loras"], Store.open())
    print(library.refresh().message)            # "3 new LoRAs, 1 without trigger words"
    for record in library.search("watercolor"): ...

Start, the refresh button, the watcher and the poller all call ``refresh``, which compares the disk with the index. What
vanished stays known as "missing", a root that vanished as "offline": nothing that a person said is ever forgotten.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from orchestrator_core.errors import StoreError
from orchestrator_core.loras.digests import Digests
from orchestrator_core.loras.library_changes import Changes
from orchestrator_core.loras.library_diff import FULL, differences
from orchestrator_core.loras.library_entries import Entry, believed, search_texts
from orchestrator_core.loras.library_find import Named, Names
from orchestrator_core.loras.library_index import Index
from orchestrator_core.loras.library_refresh import Progress, Refreshing, Settled, with_facts
from orchestrator_core.loras.metadata import LoraFiles, read_lora
from orchestrator_core.loras.missing import KINDS, has_other_hash
from orchestrator_core.loras.record import Fact, LoraRecord
from orchestrator_core.loras.scan import Disk, scan

if TYPE_CHECKING:
    from orchestrator_core.store import Store

READ_AT_ONCE = 500  # records


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The library at one moment. ``entries`` by path; ``names`` finds by what people call them."""

    version: int
    entries: Mapping[str, Entry]
    names: Names
    offline: frozenset[str] = frozenset()
    problems: Mapping[str, str] = field(default_factory=dict)  # a folder that cannot be read → why

    def usable(self) -> Iterator[Entry]:
        """Those whose files are there and complete."""
        return (e for e in self.entries.values() if e.state == "complete" and e.root not in self.offline)


class Library:
    """The LoRAs of some folders. Threads may share it; give it one Store, or None to keep all in memory."""

    def __init__(
        self,
        roots: Iterable[str | os.PathLike[str]],
        store: Store | None = None,
        read: Callable[[LoraFiles], LoraRecord] = read_lora,
        now: Callable[[], float] = time.time,
        problem: str = "",
    ) -> None:
        """``problem``: why there is no store where there should be one; what a person sets is refused with it."""
        self.roots = tuple(dict.fromkeys(os.path.abspath(os.fspath(root)) for root in roots))  # noqa: PTH100 - as given
        self._index = Index(self.roots, store, problem)
        self._read = read
        self._now = now
        self._lock = threading.RLock()
        self._links: dict[str, str] = {}
        self._offline: frozenset[str] = frozenset()
        self._problems: dict[str, str] = {}
        self._version = 0
        self._told = ""  # the problem that the last refresh told of
        self._snapshot: Snapshot | None = None
        self._publishing = threading.Lock()

    @property
    def snapshot(self) -> Snapshot:
        """The library as it was last seen. Never waits for a refresh."""
        current = self._snapshot
        if current is None:
            self._index.entries()  # which tells whether they could be read
            if self._index.damaged:
                self.refresh()
            version, entries = self._version, self._index.entries()
            names = Names(self.roots, entries, self._links)
            current = Snapshot(version, entries, names, self._offline, self._problems)
            with self._publishing:
                if self._version == version:  # else another thread has published since, and this is of before
                    self._snapshot = current
        return current

    @property
    def version(self) -> int:
        """Grows with every change: what was made from the records is good as long as this is the same."""
        return self._version

    @property
    def problem(self) -> str:
        """Why the index cannot be kept; empty while it can."""
        return self._index.problem

    def refresh(
        self,
        hints: Collection[str] | None = None,
        settled: Settled = lambda unit: True,
        progress: Progress = lambda done, of: None,
    ) -> Changes:
        """Look at the disk and make the library equal to it; what was found.

        With ``hints`` (folders, or paths of models without extension) only there. What is not ``settled`` counts as
        incomplete. Whatever is wrong with a file is told in the records, with the database in ``problem``, and in
        ``Changes.problem`` when it begins: a library is looked at every few seconds.
        """
        with self._lock, self._index.refreshing():
            disk = self._look(hints)
            before = self._offline
            self._offline = frozenset(disk.offline)
            self._index.leave(self._in_two_roots(disk))
            found = differences(disk, self._index.folders(), self._index.entries)
            if self._index.damaged:
                self._index.damaged = False
                found = differences(disk, self._index.folders(), self._index.entries)
            changes = Changes()
            if found.any():
                work = Refreshing(self._index, self._read, self._now(), settled)
                changes = work.carry_out(found, progress, self._publish)
            self._index.catch_up()
            if found.any() or before != self._offline:
                self._publish()
            told, self._told = self._told, self._index.problem
            return replace(
                changes,
                offline=tuple(sorted(self._offline - before)),
                online=tuple(sorted(before - self._offline)),
                problem="" if told == self._told else self._told,
            )

    def remember(self) -> None:
        """Take all entries into memory: from then on, what another host wrote into the database is still news here."""
        with self._lock:
            self._index.entries()

    def _look(self, hints: Collection[str] | None) -> Disk:
        disk = scan(self.roots, hints)
        if hints is not None and (self._links or disk.met_links):
            # Where there are links, only a look at everything tells which of two paths is the one to show.
            hints, disk = None, scan(self.roots)
        for root in self._emptied(disk):
            disk.offline.add(root)
            disk.folders.pop((root, root), None)
        if hints is None:
            self._links, self._problems = disk.links, disk.problems
        return disk

    def _in_two_roots(self, disk: Disk) -> set[tuple[str, str]]:
        """Folders under the root that they are not shown in; another library, with that root alone, keeps them so."""
        if all(seen != shown for seen, shown in disk.links.items()):
            return set()
        folders = {folder for _, folder in disk.folders}
        return {(root, folder) for root in self.roots for folder in folders if (root, folder) not in disk.folders}

    def _emptied(self, disk: Disk) -> list[str]:
        """Roots that are there, with nothing in them, as the folder of a drive that is not mounted."""
        empty = [root for root in self.roots if disk.folders.get((root, root)) == []]
        if not empty:
            return []
        counts = dict.fromkeys(empty, 0)
        for root, folder in disk.folders:
            if folder != root:
                counts.pop(root, None)
        if not counts:
            return []
        for entry in self._index.entries().values():
            if entry.root in counts and entry.state != "missing":
                counts[entry.root] += 1
        return [root for root, count in counts.items() if count >= FULL]

    def _publish(self) -> None:
        with self._publishing:
            self._version += 1
            self._snapshot = None

    def __len__(self) -> int:
        """How many can be used now."""
        return sum(1 for _ in self.snapshot.usable())

    def record(self, path: str) -> LoraRecord | None:
        """All that is known of the LoRA at this path; None where none is known there."""
        return next(self._records([path]), None)

    def records(self, *, all_states: bool = False) -> Iterator[LoraRecord]:
        """Those that can be used now, or, with ``all_states``, all that are known; read while you iterate."""
        snapshot = self.snapshot
        entries = snapshot.entries.values() if all_states else snapshot.usable()
        return self._records(sorted(entry.path for entry in entries))

    def find(self, name: str) -> tuple[LoraRecord | None, Named]:
        """The LoRA that a host or a person calls so, and what else the name could mean."""
        named = self.snapshot.names.find(name)
        return (self.record(named.paths[0]) if named.paths else None), named

    def find_hash(self, text: str) -> list[LoraRecord]:
        """Those with this hash, of any of the usual kinds and lengths."""
        return list(self._records(self.snapshot.names.find_hash(text)))

    def search(self, text: str, limit: int = 100) -> list[LoraRecord]:
        """Those that hold all the words of ``text``, or words that begin so; the best first."""
        _ = self.snapshot  # by whose reading a lost index is noticed, and made again
        return list(self._records(self._index.search(text, limit)))

    def set_user(self, record: LoraRecord, field_name: str, value: str | None, source: str = "user") -> LoraRecord:
        """Keep what a person (or, with ``source`` "civitai", that site) says of a field; None takes it back.

        The record as it is then. Raises StoreError where it cannot be saved; for this library it holds all the same.
        """
        confidence = 1.0 if source == "user" else 0.9
        new = [] if value is None else [Fact(field_name, value, source, confidence)]
        return self._say(record, [(field_name, source)], new)

    def set_facts(self, record: LoraRecord, facts: Iterable[Fact], source: str) -> LoraRecord:
        """Keep these facts, all of one source, in place of everything that it said of this LoRA; as ``set_user``."""
        entry = self.snapshot.entries.get(record.path)
        before = self._index.facts.of(entry) if entry is not None else ()
        new = list(facts)
        old = {fact.field for fact in (*before, *new) if fact.source == source}
        return self._say(record, [(name, source) for name in sorted(old)], new)

    def _say(self, record: LoraRecord, old: Iterable[tuple[str, str]], new: Sequence[Fact]) -> LoraRecord:
        """Forget what is said of these fields by these sources, and keep the new facts."""
        entry = self.snapshot.entries.get(record.path)
        if entry is None:
            raise StoreError(f"{record.path}: this LoRA is not in the library any more. Refresh, then set it again.")
        with self._lock:
            facts = self._index.facts
            gone = [key for name, source in old for key in facts.take(entry, name, source)]
            self._index.save_facts(facts.put(entry, new, int(self._now() * 1000)), gone)
            problem = self._index.problem if self._index.has_unsaved_facts else ""
            changed = self.record(record.path) or record
            self._index.update([(entry, search_texts(changed))])
            self._publish()
        if problem:
            raise StoreError(problem)
        return changed

    def without_digests(self) -> list[Entry]:
        """What was not hashed yet, the smallest first, so that many are known soon."""
        return sorted((e for e in self.snapshot.usable() if not e.hashed), key=lambda e: (e.size, e.path))

    def set_digests(self, entry: Entry, found: Digests) -> bool:
        """Keep the digests of the file that ``entry`` was; False where it is another one by now."""
        with self._lock:
            current = self._index.entries().get(entry.path)
            if current is None or (current.size, current.mtime_ns) != (entry.size, entry.mtime_ns):
                return False
            hashes = (found.sha256, found.tensor_sha256, found.autov1)
            self._index.save_digests([(entry.path, entry.size, entry.mtime_ns, entry.inode, *hashes)])
            new = current._replace(hashed=1, sha256=hashes[0], tensor_sha256=hashes[1], autov1=hashes[2])
            self._index.update([(new, None)])
            rows, gone = self._index.facts.follow(current, new)
            if rows:
                self._index.save_facts(rows, gone)
            self._publish()
        return True

    def _records(self, paths: Sequence[str]) -> Iterator[LoraRecord]:
        for start in range(0, len(paths), READ_AT_ONCE):
            some = paths[start : start + READ_AT_ONCE]
            yield from self._decoded(some)

    def _decoded(self, paths: Sequence[str]) -> Iterator[LoraRecord]:
        snapshot = self.snapshot
        known = [path for path in paths if path in snapshot.entries]
        records = dict(self._index.decoded(known))
        lost = [path for path in known if path not in records]
        if lost:
            with self._lock:
                self._index.distrust(lost)
                self.refresh(lost)
            records |= dict(self._index.decoded(lost))
        for path in known:
            entry = snapshot.entries[path]
            # What is lost and not on disk either has a name and a path still.
            record = believed(records.get(path, LoraRecord(entry.name, path)), entry, entry.root in snapshot.offline)
            yield _flagged(with_facts(record, entry, self._index), snapshot)


def _flagged(record: LoraRecord, snapshot: Snapshot) -> LoraRecord:
    """What only a look at all of them, or at the digest that came since, tells."""
    kinds = set(record.missing)
    if snapshot.names.twins(record.path):
        kinds.add("duplicate")
    if record.sha256 and snapshot.entries[record.path].hashed and has_other_hash(record):
        kinds.add("other_hash")
    if len(kinds) == len(record.missing):
        return record
    return record.replacing(missing=tuple(kind for kind in KINDS if kind in kinds))
