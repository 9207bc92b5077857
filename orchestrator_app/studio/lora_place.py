"""The LoRAs of the place that the studio runs in: one library with its watcher, made when it is first asked for.

Nothing is looked at before: a host that is only started must not read ten thousand files for a tab that stays closed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator_app.studio.environment import Settings
from orchestrator_app.studio.lora_asking import Asking
from orchestrator_app.studio.thumbnails import Thumbnails
from orchestrator_core.errors import ConfigError, StoreError
from orchestrator_core.loras.civitai import ASK_AGAIN_MS, Civitai
from orchestrator_core.loras.source import LibrarySource

if TYPE_CHECKING:
    from orchestrator_core.loras.hashing import Hashing
    from orchestrator_core.loras.library import Library
    from orchestrator_core.loras.library_changes import Changes
    from orchestrator_core.loras.record import LoraRecord
    from orchestrator_core.loras.semantic import VectorCache
    from orchestrator_core.loras.watcher import LoraWatcher
    from orchestrator_core.store import Store
    from orchestrator_core.store.civitai import CivitaiAnswers

_NOTICES = 50  # that are kept

Busy = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Notice:
    """What one flush of the watcher found. ``number`` grows from 1."""

    number: int
    message: str
    paths: tuple[str, ...] = ()  # of what is new, changed, moved or truncated


class OpenLoras:
    """A library that is watched. ``problem`` says why what is learned of it cannot be kept."""

    def __init__(
        self, library: Library, watcher: LoraWatcher, hashing: Hashing, store: Store | None = None, problem: str = ""
    ) -> None:
        self.library, self.watcher, self.hashing = library, watcher, hashing
        self.source = LibrarySource(library)
        self.thumbnails = Thumbnails()
        self.notices: tuple[Notice, ...] = ()
        self.asking: Asking | None = None  # the last one
        self._asks = threading.Lock()
        self._store, self._problem = store, problem
        self._forget = watcher.listen(self._on_changes)

    @property
    def problem(self) -> str:
        return self._problem or self.watcher.problem

    @property
    def last_notice(self) -> int:
        """The number of the newest; 0 before there is one."""
        return self.notices[-1].number if self.notices else 0

    def records(self) -> Mapping[str, LoraRecord]:
        """All that are known, by path, those flagged whose content another one has too.

        The library says that of a record when it is read, and the other one may have been hashed since.
        """
        records = self.source.records()
        twins = self.library.snapshot.names.twins
        flagged = {
            path: _with_flag(record, is_double=bool(twins(path)))
            for path, record in records.items()
            if ("duplicate" in record.missing) != bool(twins(path))
        }
        return {**records, **flagged} if flagged else records

    def start(self) -> None:
        self.watcher.start()
        self.hashing.start()

    def close(self) -> None:
        """Return when no thread of it runs any more."""
        self._forget()
        if self.asking is not None:
            self.asking.stop()
            self.asking.join()
        self.watcher.stop()
        self.hashing.stop()
        if self._store is not None:
            self._store.close()

    def set_user(self, record: LoraRecord, field: str, value: str | None) -> LoraRecord:
        """As ``Library.set_user``. Raises StoreError; for as long as this runs it holds all the same."""
        try:
            return self.library.set_user(record, field, value)
        finally:
            self.source.forget(record.path)

    def ask(self, records: Sequence[LoraRecord], url: str, *, again: bool = False) -> Asking:
        """Ask Civitai about these in the background; while it is being asked already, that is what is returned.

        Raises ConfigError where it cannot be asked, or nothing could be kept of what it says.
        """
        with self._asks:
            if self.asking is None or self.asking.done.is_set():
                answers = self._answers()
                self.asking = Asking(
                    self.library,
                    records,
                    lambda wait: Civitai(answers, url, wait=wait),
                    self.source.forget,
                    again=again,
                ).start()
            return self.asking

    def vectors(self) -> VectorCache | None:
        """Where vectors of phrases are kept; None where nothing can be."""
        if self._store is None:
            return None
        from orchestrator_core.store.embeddings import Embeddings

        return Embeddings(self._store)

    def not_found(self) -> set[str]:
        """The hashes that Civitai did not know lately. Raises ConfigError, StoreError."""
        return self._answers().not_found_since(int(time.time() * 1000) - ASK_AGAIN_MS)

    def _answers(self) -> CivitaiAnswers:
        from orchestrator_core.store.civitai import CivitaiAnswers

        if self._store is None:
            raise ConfigError(f"What Civitai says could not be kept, so it is not asked. {self._problem}".strip())
        return CivitaiAnswers(self._store)

    def _on_changes(self, changes: Changes) -> None:
        self.hashing.wake()
        notice = Notice(self.last_notice + 1, changes.message, changes.paths)
        self.notices = (*self.notices, notice)[-_NOTICES:]


def _with_flag(record: LoraRecord, *, is_double: bool) -> LoraRecord:
    others = tuple(kind for kind in record.missing if kind != "duplicate")
    return record.replacing(missing=(*others, "duplicate") if is_double else others)


class LoraPlace:
    """The same library while its folders are the same. ``busy`` says whether the host renders: nothing is hashed then.

    ``empty`` is what a person is told where there is no folder.
    """

    def __init__(
        self,
        folders: Callable[[Settings], Iterable[str | Path]],
        open_store: Callable[[], Store] | None = None,
        busy: Busy = lambda: False,
        empty: str = "No LoRA folder is named yet. Name one on the page Config, under LoRA folders.",
    ) -> None:
        self._folders, self._open_store, self._empty = folders, open_store, empty
        self._busy: tuple[Busy, ...] = (busy,)
        self._lock = threading.Lock()
        self._open: tuple[tuple[str, ...], OpenLoras] | None = None

    def __call__(self, settings: Settings) -> OpenLoras:
        """Raises ConfigError where there is no folder."""
        folders = tuple(dict.fromkeys(str(folder) for folder in self._folders(settings)))
        with self._lock:
            if self._open is not None and self._open[0] == folders:
                return self._open[1]
            self._close()
            if not folders:
                raise ConfigError(self._empty)
            self._open = folders, self._opened(folders)
            return self._open[1]

    def vectors(self) -> VectorCache | None:
        """Where vectors of phrases are kept, beside the library that is open."""
        with self._lock:
            return None if self._open is None else self._open[1].vectors()

    def pause_while(self, busy: Busy) -> None:
        """Hash nothing while this says so either."""
        self._busy = (*self._busy, busy)

    def close(self) -> None:
        """End its threads. It can be asked for again."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._open is not None:
            self._open[1].close()
            self._open = None

    def _opened(self, folders: Sequence[str]) -> OpenLoras:
        from orchestrator_core.loras.hashing import Hashing
        from orchestrator_core.loras.library import Library
        from orchestrator_core.loras.watcher import LoraWatcher

        store, problem = self._store()
        library = Library(folders, store, problem=problem)
        hashing = Hashing(library, lambda: any(busy() for busy in self._busy))
        loras = OpenLoras(library, LoraWatcher(library), hashing, store, problem)
        loras.start()
        return loras

    def _store(self) -> tuple[Store | None, str]:
        if self._open_store is None:
            return None, ""
        try:
            return self._open_store(), ""
        except StoreError as error:
            return None, str(error)
