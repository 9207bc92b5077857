"""GalleryKeeper: the gallery of a place that runs. Its folders are looked at and watched from the first call on.

Nothing is opened, read or watched before ``ensure``; what the first look found, and how far it is, ``progress`` says.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from orchestrator_core.cancelling import Cancellation
from orchestrator_core.errors import Interrupted
from orchestrator_core.gallery.indexing import Indexed
from orchestrator_core.gallery.service import Gallery
from orchestrator_core.gallery.watcher import GalleryWatcher

if TYPE_CHECKING:
    from orchestrator_core.gallery.image_runs import Drawing
    from orchestrator_core.store import Store
    from orchestrator_core.watching import Observer

OpenStore = Callable[[], AbstractContextManager["Store"]]
_MOST_TOLD = 5  # folders that are named in a sentence


@dataclass(frozen=True, slots=True)
class Progress:
    """Of the look that runs, or ran last: ``done`` of ``total`` files that are new or changed. ``message``: a person's.

    ``read``: images that were read by then.
    """

    running: bool = False
    done: int = 0
    total: int = 0
    read: int = 0
    message: str = ""


class GalleryKeeper:
    """Threads may share one. ``close`` stops a look where it is; the next one, whoever makes it, goes on there.

    ``drawing``: with which a file tells what its image was drawn from, for marks that were there before it.
    """

    def __init__(
        self,
        open_store: OpenStore,
        listener: Callable[[Indexed], None] = lambda _: None,
        make_observer: Callable[[], Observer] | None = None,
        drawing: Drawing | None = None,
    ) -> None:
        self._open_store, self._listener, self._make_observer = open_store, listener, make_observer
        self._drawing = drawing
        self._lock = threading.Lock()
        self._watcher: GalleryWatcher | None = None
        self._cancellation = Cancellation()
        self._progress = Progress()
        self._is_closed = False

    def ensure(self) -> None:
        """Looks and watches from now on, if it does not yet. Raises StoreError."""
        if self._watcher is None:
            with self._lock:
                self._begin()

    def look(self) -> None:
        """At all folders, now and in the background: also at those that another program named. Raises StoreError."""
        roots = self.roots()
        with self._lock:
            watcher = self._watcher
            if watcher is not None and _is_of(watcher, roots):
                self._progress = replace(self._progress, running=True)
                watcher.watching.reconcile()
            else:
                self._stop()
                self._begin()

    def follow(self, roots: Collection[str]) -> None:
        """``look``, where these are not the folders that are watched."""
        watcher = self._watcher
        if watcher is not None and not _is_of(watcher, roots):
            self.look()

    def progress(self) -> Progress:
        return self._progress

    def close(self) -> None:
        """Nothing of it runs any more."""
        with self._lock:
            self._is_closed = True
            self._stop()

    def _begin(self) -> None:
        if self._watcher is not None or self._is_closed:
            return
        watcher = GalleryWatcher(self, self._listener, make_observer=self._make_observer)
        self._cancellation, self._progress = Cancellation(), Progress(running=True)
        watcher.start()
        self._watcher = watcher

    def _stop(self) -> None:
        self._cancellation.cancel()
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.stop()

    # what the watcher looks at

    def roots(self) -> list[str]:
        with self._open_store() as store:
            return Gallery(store).roots()

    def index(self, hints: Collection[str] | None = None) -> Indexed:
        if hints is None:
            self._progress = Progress(running=True, message="Looking through the folders.")
        try:
            with self._open_store() as store:
                gallery = Gallery(store)
                found = gallery.index(hints, self._report, self._cancellation)
                if found or hints is None:  # runs may have come as well
                    self._teach(gallery)
        except Interrupted:
            self._progress = replace(self._progress, running=False, message="It was stopped.")
            return Indexed()
        except Exception as error:  # the watcher keeps what went wrong, and here it is told
            self._progress = replace(self._progress, running=False, message=str(error) or type(error).__name__)
            raise
        if hints is None or self._progress.running:
            done = max(self._progress.done, found.read)
            self._progress = Progress(False, done, max(self._progress.total, done), found.read, _words(found))
        return found

    def _teach(self, gallery: Gallery) -> None:
        from orchestrator_core.gallery.image_runs import run_of_file
        from orchestrator_core.gallery.marking import Marking

        drawing = self._drawing
        Marking(gallery, partial(run_of_file, drawing=drawing) if drawing is not None else None).teach_waiting()

    def _report(self, done: int, total: int, folder: str) -> None:
        self._progress = Progress(True, done, total, done, folder)


def _is_of(watcher: GalleryWatcher, roots: Collection[str]) -> bool:
    return set(watcher.watching.folders) == set(roots)


def _words(found: Indexed) -> str:
    told = [f"{found.read:,} images read, {found.broken:,} of them broken, {found.gone:,} gone."]
    if not (found.read or found.gone):
        told = ["Nothing is new, and nothing is gone."]
    if found.unsettled:
        told.append(f"{len(found.unsettled):,} seem to be written still, and are read later.")
    told += [f"{root} is not there, so what was in it is kept as it was." for root in found.offline[:_MOST_TOLD]]
    told += [f"{folder}: {why}." for folder, why in found.problems[:_MOST_TOLD] if folder not in found.offline]
    return " ".join(told)
