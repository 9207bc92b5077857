"""LoraShelf: the library of the host's LoRAs, kept equal to the disk while ComfyUI runs.

Nothing is touched before ``start``, which the server calls in a thread of its own when it is ready: neither the disk
nor the database. Who needs the LoRAs before waits for the first look.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator_core.errors import OrchestratorError
from orchestrator_core.loras.hashing import Hashing
from orchestrator_core.loras.library import Library
from orchestrator_core.loras.library_changes import Changes
from orchestrator_core.loras.semantic import VectorCache
from orchestrator_core.loras.source import LibrarySource
from orchestrator_core.loras.watcher import LoraWatcher
from orchestrator_core.watching import NO_WATCHDOG, Timing

from .lora_cards import id_of

if TYPE_CHECKING:
    from orchestrator_core.store import Store

EVENT = "orchestrator.loras"
_NAMED = 200  # LoRAs of a flush whose ids the message has; the page asks for them by a query
_log = logging.getLogger("orchestrator")

Tell = Callable[[str, Mapping[str, Any]], None]


class LoraShelf:
    """One for the process. ``folders`` and ``busy`` ask the host; ``tell`` sends an event to all browser windows."""

    def __init__(
        self,
        folders: Callable[[], Iterable[str]],
        busy: Callable[[], bool] = lambda: False,
        tell: Tell = lambda event, data: None,
        timing: Timing | None = None,
    ) -> None:
        self._folders = folders
        self._busy = busy
        self._tell = tell
        self._timing = timing
        self._source: LibrarySource | None = None
        self._watcher: LoraWatcher | None = None
        self._hashing: Hashing | None = None
        self._kept_in: Store | None = None
        self._problem = ""
        self._looked = threading.Event()
        self._opening = threading.Lock()
        self._starting = threading.Lock()

    @property
    def source(self) -> LibrarySource:
        """The LoRAs as far as they are known; what was known when the host was last closed is there at once."""
        with self._opening:
            if self._source is None:
                self._source = self._opened()
            return self._source

    def ready(self) -> LibrarySource:
        """The LoRAs, once the first look at the disk is over."""
        self.start()
        return self.source

    def start(self) -> None:
        """Look at the disk, then watch it; a second call waits for the first, and does nothing."""
        with self._starting:
            if self._looked.is_set():
                return
            library = self.source.library
            try:
                library.refresh()
            except Exception:  # noqa: BLE001 - the watcher looks again, and tells what is wrong
                _log.exception("Orchestrator: the LoRA folders cannot be looked at")
            self._watcher = LoraWatcher(library, self._timing)
            self._watcher.listen(self._told)
            self._watcher.start()
            self._hashing = Hashing(library, self._busy)
            self._hashing.start()
            self._looked.set()

    @property
    def store(self) -> Store | None:
        """Where the LoRAs are kept; None where they cannot be."""
        self.source  # noqa: B018 - opens what is not open yet
        return self._kept_in

    def vectors(self) -> VectorCache | None:
        """Where vectors of phrases are kept, beside the LoRAs."""
        store = self.store
        if store is None:
            return None
        from orchestrator_core.store.embeddings import Embeddings

        return Embeddings(store)

    def stop(self) -> None:
        with self._starting:
            for part in (self._watcher, self._hashing):
                if part is not None:
                    part.stop()
            if self._kept_in is not None:
                self._kept_in.close()  # who still asks opens it again

    def refresh(self) -> Changes:
        """Look at everything now. Listeners hear of what is found, as of what the watcher finds."""
        self.start()
        assert self._watcher is not None
        return self._watcher.refresh()

    def status(self) -> dict[str, Any]:
        """How the folders are watched, how far the hashing is, and what is wrong: for people.

        A folder that never had a LoRA is none that went away: ComfyUI names some that need not exist. That these are
        looked for now and then is nothing to tell.
        """
        library = self.source.library
        watcher, hashing = self._watcher, self._hashing
        snapshot, mode = library.snapshot, watcher.mode if watcher else None
        reasons = sorted({why for folder, why in mode.polled if Path(folder).is_dir()}) if mode else []
        problems = [self._problem, watcher.problem if watcher else library.problem, *snapshot.problems.values()]
        return {
            "ready": self._looked.is_set(),
            "mode": "" if mode is None else "polling" if reasons else "live",
            "every_s": mode.every_s if mode and reasons else 0,
            "why_polling": reasons,
            "lacks_watchdog": NO_WATCHDOG in reasons,
            "folders": list(library.roots),
            "offline": sorted(snapshot.offline & {entry.root for entry in snapshot.entries.values()}),
            "hashing": {**asdict(hashing.progress), "running": hashing.progress.running} if hashing else None,
            "problems": list(dict.fromkeys(filter(None, problems))),
        }

    def _opened(self) -> LibrarySource:
        self._kept_in = store = self._store()
        return LibrarySource(Library(self._folders(), store, problem="" if store else self._problem))

    def _store(self) -> Store | None:
        """The database; without one the LoRAs are read anew at each start, and all else works."""
        try:
            from orchestrator_core.store import Store

            return Store.open()
        except (OrchestratorError, OSError, ImportError) as error:
            self._problem = f"The LoRA library cannot be kept: {error}"
            _log.warning("Orchestrator: %s", self._problem)
            return None

    def _told(self, changes: Changes) -> None:
        """In the watcher's thread."""
        if self._hashing is not None:
            self._hashing.wake()
        if changes:
            self._tell(EVENT, message_of(changes))


def message_of(changes: Changes) -> dict[str, Any]:
    """What the page is told of a flush: a line for people, the names, and the ids to show them by."""
    return {
        "message": changes.message,
        "added": _some(changes.added),
        "changed": _some(changes.changed),
        "removed": _some(changes.removed),
        "moved": [list(pair) for pair in changes.moved[:_NAMED]],
        "truncated": _some(changes.truncated),
        "ids": [id_of(path) for path in changes.paths[:_NAMED]],
        "more": max(0, len(changes.paths) - _NAMED),
        "problem": changes.problem,
    }


def _some(names: Sequence[str]) -> list[str]:
    return list(names[:_NAMED])
