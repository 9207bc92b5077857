"""GalleryWatcher: the gallery while a host runs. An image is shown when it is whole, and each flush is told once."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import Protocol

from orchestrator_core.gallery.indexing import Indexed
from orchestrator_core.watching import Mode, Observer, Timing, Watching

QUICK = Timing(quiet=0.5, longest=2.0)  # an image is written at once, and looked for at once
RETRY_S = 2.0  # before a file that seems to be written still is looked at again

Listener = Callable[[Indexed], None]


class Folders(Protocol):
    """What is watched: a Gallery, or who looks on its behalf."""

    def roots(self) -> list[str]: ...

    def index(self, hints: Collection[str] | None = None) -> Indexed: ...


class GalleryWatcher:
    """Keeps a gallery equal to the disk. ``listener`` is called in the watcher's thread where something changed.

    ``follow`` it after the folders were changed.
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
        self._timing, self._clock, self._make_observer = timing, clock, make_observer
        self.watching = self._watching()

    def _watching(self) -> Watching:
        roots = self.gallery.roots()
        return Watching(roots, self._look, self._timing, clock=self._clock, make_observer=self._make_observer)

    @property
    def mode(self) -> Mode:
        """ "live" or "looks every 5 s", to be shown."""
        return self.watching.mode

    @property
    def problem(self) -> str:
        return self.watching.problem

    def start(self) -> None:
        """Watch; the first look comes at once, in the watcher's thread."""
        self.watching.start()

    def stop(self) -> None:
        self.watching.stop()

    def follow(self) -> None:
        """Watch the folders that are named now."""
        self.watching.stop()
        self.watching = self._watching()
        self.watching.start()

    def _look(self, units: frozenset[str] | None) -> None:
        indexed = self.gallery.index(units)
        for path in indexed.unsettled:
            self.watching.again(path, RETRY_S)
        if indexed:
            self._listener(indexed)
