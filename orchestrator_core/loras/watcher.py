"""LoraWatcher: the library while a host runs. A file is shown when it is whole, and each flush is told once.

"No event for two seconds" does not mean that a file is whole: writers pause. So a file is whole when its header says so
and nobody has written to it between two looks; until then it is looked at again, ever more seldom.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from orchestrator_core.loras.files import Unit
from orchestrator_core.loras.library import Library
from orchestrator_core.loras.library_changes import Changes
from orchestrator_core.watching import Mode, Observer, Timing, Watching

RETRY_S = (2.0, 4.0, 8.0, 16.0, 32.0, 60.0)  # the last for all that follow
CALM_S = 10.0  # what was last written to so long ago needs no second look

Listener = Callable[[Changes], None]
Mark = tuple[int, int]  # size and mtime_ns


class LoraWatcher:
    """Keeps a library equal to the disk. ``listen`` to it, ``start`` it, ``stop`` it."""

    def __init__(
        self,
        library: Library,
        timing: Timing | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        make_observer: Callable[[], Observer] | None = None,
    ) -> None:
        self.library = library
        self.timing = timing or Timing()
        self.watching = Watching(library.roots, self._look, self.timing, clock=clock, make_observer=make_observer)
        self._clock = clock
        self._now = now
        self._listeners: list[Listener] = []
        self._seen: dict[str, tuple[Mark, float]] = {}  # an unsettled file: as it was, and since when
        self._tries: dict[str, tuple[Mark, int]] = {}
        self._lock = threading.Lock()

    @property
    def mode(self) -> Mode:
        """ "live" or "looks every 5 s", to be shown."""
        return self.watching.mode

    @property
    def problem(self) -> str:
        """What keeps the library from being looked at or kept; empty while nothing does."""
        return self.watching.problem or self.library.problem

    def start(self) -> None:
        """Watch; the first look comes at once, in the watcher's thread."""
        self.watching.start()

    def stop(self) -> None:
        self.watching.stop()

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` once for each flush that found something, in the watcher's thread; the way to stop it."""
        with self._lock:
            self._listeners.append(listener)
        return lambda: self._forget(listener)

    def refresh(self) -> Changes:
        """Look at everything now, as the refresh button does: who presses it means that the files are whole."""
        changes = self.library.refresh()
        self._after(changes)
        return changes

    def _forget(self, listener: Listener) -> None:
        with self._lock:
            if listener in self._listeners:
                self._listeners.remove(listener)

    def _look(self, units: frozenset[str] | None) -> None:
        self._after(self.library.refresh(units, self._settled))
        self.library.remember()

    def _after(self, changes: Changes) -> None:
        if changes.incomplete:
            self._try_again()
        if changes:
            with self._lock:
                listeners = tuple(self._listeners)
            for listener in listeners:
                listener(changes)

    def _settled(self, unit: Unit) -> bool:
        """Whether nobody wrote to the file for long, or between two looks."""
        if self._now() - unit.mtime_ns / 1e9 > CALM_S:
            self._seen.pop(unit.path, None)
            return True
        mark = (unit.size, unit.mtime_ns)
        before, since = self._seen.setdefault(unit.path, (mark, self._clock()))
        if before != mark:
            self._seen[unit.path] = (mark, self._clock())
            return False
        if self._clock() - since < 0.9 * self.timing.quiet:
            return False
        del self._seen[unit.path]
        return True

    def _try_again(self) -> None:
        """Each incomplete file after a wait that doubles while nothing happens to it."""
        tries: dict[str, tuple[Mark, int]] = {}
        for entry in self.library.snapshot.entries.values():
            if entry.state == "incomplete":
                mark = (entry.size, entry.mtime_ns)
                before, count = self._tries.get(entry.path, (mark, 0))
                count = count if before == mark else 0
                tries[entry.path] = (mark, count + 1)
                self.watching.again(entry.path, RETRY_S[min(count, len(RETRY_S) - 1)])
        self._tries = tries
