"""The library's index: kept in the store, and in memory whatever the store cannot take.

A locked, full or damaged database must not keep anybody from their LoRAs: what went wrong is in ``problem``, the rows
wait in memory, and the next write takes them along.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

from orchestrator_core.errors import StoreError, StoreLocked
from orchestrator_core.loras.files import folder_of
from orchestrator_core.loras.library_entries import Entry, decode
from orchestrator_core.loras.library_user import Key, UserFact, UserFacts
from orchestrator_core.loras.record import LoraRecord
from orchestrator_core.loras.scan import Place

if TYPE_CHECKING:
    from orchestrator_core.store import Store
    from orchestrator_core.store.loras import LoraTables

Digest = tuple[str, int, int, str, str, str, str]  # path, size, mtime_ns, inode, sha256, tensor_sha256, autov1
Item = tuple[Entry, str, Sequence[str]]  # an entry, its record as JSON, its texts for the search
T = TypeVar("T")
WAIT_S = 3.0  # for another program's lock: a page waits for what is written


class Index:
    """Entries by path, fingerprints by folder, records, facts and digests of the given roots."""

    def __init__(self, roots: Sequence[str], store: Store | None, problem: str = "") -> None:
        self.roots = roots
        self.problem = problem
        self._lasting = problem  # what no later success makes good: there is no store, or its facts cannot be read
        self.damaged = False  # the entries could not be read, so that the folders must be compared anew
        self._is_refreshing = self._gives_way = self._is_locked = False
        self._tables = _tables_of(store)
        self._waiting: dict[str, Item] = {}  # by path: not in the store, or not yet
        self._removed: set[Place] = set()  # roots and paths, these and the next likewise
        self._new_folders: dict[Place, str] = {}
        self._gone: set[Place] = set()
        self._facts_waiting: tuple[list[UserFact], list[Key]] = ([], [])
        self._digests_waiting: list[Digest] = []
        self._folders: dict[Place, str] | None = None
        self._entries: dict[str, Entry] | None = None
        self._loading = threading.RLock()
        self.facts = UserFacts()
        self._has_facts = self._tables is None
        self._read_facts()

    def _read_facts(self) -> None:
        """What people said, if it could not be read before; with what they said since."""
        if self._has_facts:
            return
        rows = self._read(lambda tables: tables.facts(), rebuild=False)
        self._has_facts = rows is not None
        before, self._lasting = self._lasting, "" if self._has_facts else self.problem
        if self._has_facts and self.problem == before:
            self.problem = ""
        new, gone = self._facts_waiting
        facts = {row.key: row for row in map(UserFact._make, rows or [])}
        for key in gone:
            facts.pop(key, None)
        self.facts = UserFacts((*facts.values(), *new))

    def folders(self) -> Mapping[Place, str]:
        if self._folders is None:
            with self._loading:
                if self._folders is None:
                    self._folders = self._read(lambda tables: tables.folders(self.roots)) or {}
        return self._folders

    def entries(self) -> dict[str, Entry]:
        """By path. Not to be changed by the caller."""
        if self._entries is None:
            with self._loading:  # or what was read before a refresh would take the place of what it found
                if self._entries is None:
                    self._entries = self._stored_entries()
        return self._entries

    def _stored_entries(self) -> dict[str, Entry]:
        rows = self._read(lambda tables: tables.entries(self.roots))
        if rows is None and self._tables is not None:
            self._folders, self.damaged = {}, True
        entries = list(map(Entry._make, rows or []))
        if len(self.roots) > 1:  # of two roots with one path, the first one's row is the one to keep
            first = {root: at for at, root in enumerate(self.roots)}
            entries.sort(key=lambda entry: -first[entry.root])
        return {entry.path: entry for entry in entries}

    def leave(self, places: Collection[Place]) -> None:
        """Leave to other libraries what they know of a folder that is in two roots, and in the other one here."""
        if places:
            self._folders = {place: text for place, text in self.folders().items() if place not in places}
            entries = self.entries().items()
            self._entries = {path: entry for path, entry in entries if (entry.root, folder_of(path)) not in places}

    def records(self, paths: Collection[str]) -> dict[str, str]:
        """The records of these, as JSON, by path. What the store cannot give is absent."""
        waiting = self._waiting  # another thread may write them meanwhile, and put another dict there
        found = {path: waiting[path][1] for path in paths if path in waiting}
        places = [(self.entries()[path].root, path) for path in paths if path not in found and path in self.entries()]
        if places:
            stored = self._read(lambda tables: tables.records(places)) or {}
            found |= {path: record for (_, path), record in stored.items()}
        return found

    def decoded(self, paths: Collection[str]) -> Iterator[tuple[str, LoraRecord]]:
        """Paths with their records, without what people said, in the given order."""
        texts = self.records(paths)
        for path in paths:
            # What no version of this pack wrote is left out; the library reads its file anew.
            with suppress(ValueError, TypeError, KeyError):
                yield path, decode(texts[path])

    def record(self, path: str) -> LoraRecord | None:
        """The record of one; None where it is not known."""
        return next((record for _, record in self.decoded([path])), None)

    def write(
        self,
        items: Sequence[Item],
        removed: Collection[Entry] = (),
        folders: Mapping[Place, str] | None = None,
        gone: Collection[Place] = (),
    ) -> None:
        """Take these entries, their encoded records and texts, forget ``removed``, note the folders' fingerprints."""
        entries = dict(self.entries())
        for entry in removed:
            entries.pop(entry.path, None)
        entries |= {entry.path: entry for entry, _, _ in items}
        out = {entry.path for entry in removed}
        kept = {path: item for path, item in self._waiting.items() if path not in out}
        # First the records, then the entries: who reads an entry in another thread finds its record.
        self._waiting = kept | {item[0].path: item for item in items}
        self._entries = entries
        self._folders = {**self.folders(), **(folders or {})}
        for place in gone:
            self._folders.pop(place, None)
        self._removed |= {(entry.root, entry.path) for entry in removed}
        self._removed -= {(entry.root, entry.path) for entry, _, _ in items}
        self._new_folders |= folders or {}
        self._gone = (self._gone | set(gone)) - self._new_folders.keys()
        self._flush()

    def _flush(self) -> None:
        folders = [(*place, text) for place, text in self._new_folders.items()]
        items = list(self._waiting.values())
        if self._write(lambda tables: tables.write(items, self._removed, folders, self._gone)):
            self._waiting, self._removed, self._new_folders, self._gone = {}, set(), {}, set()

    def catch_up(self) -> None:
        """Write what the store could not take before."""
        if self._tables is None:
            return
        self._read_facts()
        if self._waiting or self._removed or self._new_folders or self._gone:
            self._flush()
        if self.has_unsaved_facts:
            self.save_facts(())
        if self._digests_waiting:
            self.save_digests(())

    def distrust(self, paths: Collection[str]) -> None:
        """Have these read anew by the next look at them."""
        entries = dict(self.entries())
        for path in paths:
            entry = entries[path] = entries[path]._replace(fingerprint="")
            self._folders = {**self.folders(), (entry.root, folder_of(path)): ""}
        self._entries = entries

    def update(self, entries: Iterable[tuple[Entry, Sequence[str] | None]]) -> None:
        """Take entries whose records stay as they are, with new texts for the search where given."""
        changed = list(entries)
        self._entries = {**self.entries(), **{entry.path: entry for entry, _ in changed}}
        for entry, _ in changed:
            if item := self._waiting.get(entry.path):
                self._waiting[entry.path] = (entry, *item[1:])
        self._write(lambda tables: tables.update(changed))

    def save_facts(self, rows: Iterable[UserFact], removed: Iterable[Key] = ()) -> None:
        new, old = self._facts_waiting
        self._facts_waiting = ([*new, *rows], [*old, *removed])
        new, old = self._facts_waiting
        last = {row.key: row for row in new}
        if self._write(lambda tables: tables.set_facts(list(last.values()), set(old) - last.keys())):
            self._facts_waiting = ([], [])

    @property
    def has_unsaved_facts(self) -> bool:
        """Whether something that was said is in memory alone."""
        return any(self._facts_waiting)

    def digests(self) -> dict[str, Digest]:
        """By path."""
        rows = self._read(lambda tables: tables.digests()) or []
        return {row[0]: row for row in (*rows, *self._digests_waiting)}

    def save_digests(self, rows: Iterable[Digest]) -> None:
        self._digests_waiting += rows
        waiting = {row[0]: row for row in self._digests_waiting}
        if self._write(lambda tables: tables.set_digests(list(waiting.values()))):
            self._digests_waiting = []

    def search(self, text: str, limit: int) -> list[str]:
        """Paths, the best first; what waits in memory comes last, in no order."""
        found = self._read(lambda tables: tables.search(text, self.roots, limit)) or []
        words = text.casefold().split()
        waiting = [path for path, (_, _, texts) in self._waiting.items() if words and _has_all(words, texts)]
        return [*(path for _, path in found if path not in self._waiting), *waiting][:limit]

    def _read(self, ask: Callable[[LoraTables], T], *, rebuild: bool = True) -> T | None:
        """What cannot be read is made again: the index from the disk; what people said cannot be."""
        if self._tables is None:
            return None
        try:
            return ask(self._tables)
        except StoreError as error:
            self.problem = str(error)
            if rebuild and not isinstance(error, StoreLocked):
                self._rebuild()
            return None

    def _rebuild(self) -> None:
        """The index is only a copy of the disk: where it is damaged, a new one may still find room in the database."""
        if self._tables is not None:
            with suppress(StoreError):
                self._tables.rebuild()

    @contextmanager
    def refreshing(self) -> Iterator[None]:
        """Within it one wait for a locked database is enough: what is written after that waits in memory."""
        self._is_refreshing, self._gives_way = True, False
        try:
            yield
        finally:
            self._is_refreshing = self._gives_way = False

    def _write(self, do: Callable[[LoraTables], None]) -> bool:
        """Whether it is written. A database that was found locked is not waited for again until it is free."""
        if self._tables is None or self._gives_way:
            return False
        self._tables.wait_s = 0 if self._is_locked else WAIT_S
        try:
            do(self._tables)
        except StoreError as error:
            self.problem = str(error)
            self._is_locked = isinstance(error, StoreLocked)
            self._gives_way = self._is_refreshing and self._is_locked
            return False
        self._is_locked = False
        self.problem = self._lasting
        return True


def _has_all(words: Sequence[str], texts: Sequence[str]) -> bool:
    joined = " ".join(texts).casefold()
    return all(word in joined for word in words)


def _tables_of(store: Store | None) -> LoraTables | None:
    if store is None:
        return None
    from orchestrator_core.store.loras import LoraTables  # loads sqlalchemy

    return LoraTables(store)
