"""GalleryWatcher: the gallery while a host runs. An image is shown when it is whole, and each flush is told once."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import Protocol

from orchestrator_core.gallery.indexing import Indexed
from orchestrator_core.watching import Observer, Timing, Watching

QUICK = Timing(quiet=0.5, longest=2.0)  # an image is written at once, and looked for at once
RETRY_S = 2.0  # before a file that seems to be written still is looked at again

Listener = Callable[[Indexed], None]


class Folders(Protocol):
    """What is watched: a Gallery, or who looks on its behalf."""

    def roots(self) -> list[str]: ...

    def index(self, hints: Collection[str] | None = None) -> Indexed: ...


class GalleryWatcher:
    """Keeps a gallery equal to the disk. ``listener`` is called in the watcher's thread where something changed.

    It watches the folders that are named when it is made.
    """

    def __init__(
        self,
        gallery: Folders,
        listener: Listener = lambda _: None,
        timing: Timing = QUICK,
        *,
        clock: Callable[[], float] = time.monotonic,
        make_observer: Callable[[], Observer] | None = None,
    ) -> None:
        self.gallery, self._listener = gallery, listener
        self.watching = Watching(gallery.roots(), self._look, timing, clock=clock, make_observer=make_observer)

    def start(self) -> None:
        """Watch; the first look comes at once, in the watcher's thread."""
        self.watching.start()

    def stop(self) -> None:
        self.watching.stop()

    def _look(self, units: frozenset[str] | None) -> None:
        indexed = self.gallery.index(units)
        for path in indexed.unsettled:
            self.watching.again(path, RETRY_S)
        if indexed:
            self._listener(indexed)
