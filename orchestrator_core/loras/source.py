"""LibrarySource: a library as selectLoras and a browser of LoRAs read it, with all records in memory.

Between two looks only what changed is read again. Digests that the background computes change nothing that could be
chosen, so ``choices`` counts without them: who remembers a choice need not make it anew for each hashed file.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping

from orchestrator_core.loras.library import Library, Snapshot
from orchestrator_core.loras.library_entries import Entry
from orchestrator_core.loras.pooling import Pool
from orchestrator_core.loras.ranking import LoraIndex
from orchestrator_core.loras.record import LoraRecord

_MANY = 100  # records, or a tenth of all: what is more is read with all others, which is one query for each 500

Seen = tuple[Entry, bool]  # an entry, and whether its folder is offline


class LibrarySource:
    """A LoraSource. Threads may share it. Who sets what a person says calls ``forget`` with the path."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self._index = LoraIndex()
        self._records: Mapping[str, LoraRecord] = {}
        self._unindexed: dict[str, None] = {}  # paths, in order: who only lists the LoRAs does not wait for their words
        self._seen: dict[str, Seen] = {}
        self._version = -1
        self._choices = 0
        self._lock = threading.RLock()

    def index(self) -> LoraIndex:
        """All LoRAs whose files are there, or may come back; the ranking's gate says why one cannot be used."""
        with self._lock:
            self._follow()
            self._index_changes()
            return self._index

    def records(self) -> Mapping[str, LoraRecord]:
        """All that are known, by path; also those that are gone."""
        with self._lock:
            self._follow()
            return self._records

    @property
    def choices(self) -> int:
        """Grows when another choice could come out than before."""
        with self._lock:
            self._follow()
            return self._choices

    def forget(self, path: str) -> None:
        """Read this one again at the next look: a person said something of it."""
        with self._lock:
            self._seen.pop(path, None)
            self._version = -1

    def _follow(self) -> None:
        version = self.library.version
        if version == self._version:
            return
        snapshot = self.library.snapshot
        seen = {path: (entry, entry.root in snapshot.offline) for path, entry in snapshot.entries.items()}
        stale = [path for path, mark in seen.items() if self._seen.get(path) != mark]
        gone = self._seen.keys() - seen.keys()
        records = {path: record for path, record in self._records.items() if path not in gone}
        changed = bool(gone)
        pool = Pool()
        for record in map(pool.shared, self._read(stale, snapshot)):
            changed = changed or _concerns_choices(records.get(record.path), record)
            records[record.path] = record
        self._unindexed.update(dict.fromkeys((*gone, *stale)))
        self._choices += changed
        unread = [path for path in stale if path not in records]  # by now it is another one, or gone
        for path in unread:
            del seen[path]
        self._records, self._seen, self._version = records, seen, -1 if unread else version

    def _index_changes(self) -> None:
        for path in self._unindexed:
            record = self._records.get(path)
            if record is None or record.state == "missing":
                self._index.remove(path)
            else:
                self._index.add(record)
        self._unindexed.clear()

    def _read(self, paths: Collection[str], snapshot: Snapshot) -> Iterable[LoraRecord]:
        if len(paths) <= max(_MANY, len(snapshot.entries) // 10):
            return filter(None, map(self.library.record, paths))
        wanted = set(paths)
        return (record for record in self.library.records(all_states=True) if record.path in wanted)


def _concerns_choices(before: LoraRecord | None, record: LoraRecord) -> bool:
    return before is None or _without_digests(before) != _without_digests(record)


def _without_digests(record: LoraRecord) -> LoraRecord:
    return record.replacing(sha256="", tensor_sha256="", autov1="", autov3="")
