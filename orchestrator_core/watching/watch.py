"""Watching: from hints, by way of the debounce, to one call that says where to look."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from orchestrator_core.watching.debounce import Debounce, Timing
from orchestrator_core.watching.live import NO_WATCHDOG, Live, Observer, native_observer

MANY = 200  # units at once: looking at everything is cheaper then, and forgets none
OnDirty = Callable[["frozenset[str] | None"], None]  # the units and folders to look at; None = all of them


@dataclass(frozen=True, slots=True)
class Mode:
    """How the folders are watched, to be shown."""

    text: str  # "live", "looks every 5 s", or both with the folders that are looked at
    polled: tuple[tuple[str, str], ...] = ()  # a folder, and why
    every_s: float = 0.0  # between two looks at these, which is longer where a look takes long


class Watching:
    """Tells ``on_dirty``, in a thread of its own, where to look. ``start`` it, ``stop`` it; both may be repeated."""

    def __init__(
        self,
        folders: Iterable[str],
        on_dirty: OnDirty,
        timing: Timing | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        make_observer: Callable[[], Observer] | None = None,
    ) -> None:
        self.folders = tuple(folders)
        self._on_dirty = on_dirty
        self._timing = timing or Timing()
        self._clock = clock
        self._live = Live(self._enqueue, make_observer or native_observer)
        self._debounce = Debounce(self._timing)
        self._hints: deque[tuple[str, float]] = deque()
        self._later: deque[tuple[str, float]] = deque()
        self._new_folders: set[str] = set()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._polled: dict[str, str] = {}
        self._reconcile_at = self._poll_at = 0.0
        self._polling = self._timing.polling[0]
        self.problem = ""  # what went wrong in the last look, if anything

    @property
    def mode(self) -> Mode:
        if not self._polled:
            return Mode("live")
        every = f"looks every {self._polling:g} s"
        polled = tuple(sorted(self._polled.items()))
        if len(polled) < len(self.folders):
            every = "live; " + every + ": " + ", ".join(f"{folder} ({why})" for folder, why in polled)
        if any(why == NO_WATCHDOG for _, why in polled):
            every += "; install watchdog to see changes at once"
        return Mode(every, polled, self._polling)

    def start(self) -> None:
        """Begin to watch. The first look at everything comes at once: what happened before was seen by nobody."""
        if self._thread is None:
            self._stopping.clear()
            self.begin()
            self._thread = threading.Thread(target=self._run, name="orchestrator-watching", daemon=True)
            self._thread.start()

    def begin(self) -> None:
        """As ``start``, without the thread: the caller calls ``step``."""
        self._reconcile_at = self._clock()
        self._poll_at = self._reconcile_at + self._polling

    def stop(self) -> None:
        """Return when nothing runs any more; a look that has begun is finished."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        self._thread = None
        self._live.stop()

    def hint(self, path: str, *, folder: bool = False) -> None:
        """Something may have happened to this path."""
        self._enqueue(path, folder)

    def reconcile(self) -> None:
        """Look at everything now: a window got the focus, a queue starts, a person asks."""
        self._reconcile_at = self._clock()
        self._wake.set()

    def again(self, path: str, after_s: float) -> None:
        """Look at this unit later, unless something happens to it before."""
        self._later.append((path, self._clock() + after_s))
        self._wake.set()

    def _enqueue(self, path: str, folder: bool) -> None:
        # All that a thread of the system's events does; the work is for ours.
        unit = path if folder else unit_of(path)
        if folder:
            self._new_folders.add(unit)
        if unit:
            self._hints.append((unit, self._clock()))
            self._wake.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            wait = self.step()
            if not self._stopping.is_set():
                self._wake.wait(wait)

    def step(self) -> float:
        """Do what is due now; the seconds until the next."""
        now = self._clock()
        while self._hints:
            self._debounce.hint(*self._hints.popleft())
        self._take_later()
        due = self._debounce.due(now)
        if now >= self._reconcile_at or len(due) > MANY:
            self._new_folders.clear()
            self._polled = self._live.cover(self.folders)
            self._reconcile_at = now + self._timing.reconcile
            self._poll(None)
        elif self._polled and now >= self._poll_at:
            self._poll(frozenset(due | self._polled.keys()))
        elif due:
            self._follow(due)
            self._tell(frozenset(due))
        self._take_later()
        return max(0.0, self._next_at() - self._clock())

    def _follow(self, due: set[str]) -> None:
        """Watch what came: watchdog 6 sees nothing in a folder that was moved in, and no version follows a new link."""
        folders = due & self._new_folders
        self._new_folders -= folders
        self._live.renew(folders)
        if folders or any(os.path.islink(unit) for unit in due):  # noqa: PTH114 - up to 200 texts
            self._polled = self._live.cover(self.folders)

    def _take_later(self) -> None:
        while self._later:
            self._debounce.again(*self._later.popleft())

    def _next_at(self) -> float:
        times = [self._reconcile_at, self._debounce.next_at(), self._poll_at if self._polled else None]
        return min(at for at in times if at is not None)

    def _poll(self, units: frozenset[str] | None) -> None:
        """A look with all that is polled; the next comes so late that they take a hundredth of the time together."""
        began = self._clock()
        self._tell(units)
        ended = self._clock()
        self._polling = self._timing.polling_after(ended - began)
        self._poll_at = ended + self._polling

    def _tell(self, units: frozenset[str] | None) -> None:
        try:
            self._on_dirty(units)
            self.problem = ""
        except Exception as error:  # noqa: BLE001 - whatever it is, the folders must go on being watched
            self.problem = f"{type(error).__name__}: {error}"


def unit_of(path: str) -> str:
    """The path up to the first dot of the file's name: the same for a model, its sidecars and its downloads.

    "" for a file whose name begins with a dot.
    """
    at = max(path.rfind("/"), path.rfind(os.sep)) + 1
    return path[:at] + path[at:].partition(".")[0] if path[at : at + 1] not in (".", "") else ""
