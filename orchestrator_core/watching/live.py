"""The system's own events, through watchdog 6 or 7, and what to do where they cannot be had."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

from orchestrator_core.watching.places import file_system, linked_folders, mounted, outermost, sends_no_events

HINTS = frozenset(("created", "modified", "moved", "deleted", "closed", "attrib"))  # not opened, not closed unwritten
NO_WATCHDOG = "the package watchdog is not installed"


class Observer(Protocol):
    """What is used of watchdog's observers, of 6.0 and 7.x alike."""

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def join(self, timeout: float | None = None) -> None: ...
    def schedule(self, event_handler: Any, path: str, *, recursive: bool = False) -> Any: ...
    def unschedule(self, watch: Any) -> None: ...


class Live:
    """The system's own events. Links are not followed by it, so that what they lead to is watched by itself."""

    def __init__(self, on_path: Callable[[str, bool], None], make_observer: Callable[[], Observer]) -> None:
        self._on_path = on_path
        self._make_observer = make_observer
        self._observer: Observer | None = None
        self._watches: dict[str, tuple[tuple[int, int], Any]] = {}  # by real path: device and inode, the watch
        self._shown: list[tuple[str, str]] = []  # a real path, and the one that people see

    def cover(self, folders: Sequence[str]) -> dict[str, str]:
        """Watch what is not watched yet; the folders that cannot be, with the reason."""
        polled: dict[str, str] = {}
        wanted: dict[str, str] = {}
        shown: list[tuple[str, str]] = []
        mounts = mounted()
        for folder in folders:
            for seen in (folder, *linked_folders(folder)):
                real = os.path.realpath(seen)
                shown.append((real, seen))
                kind = file_system(real, mounts)
                if sends_no_events(kind):
                    polled[folder] = f"{kind} sends no events"
                else:
                    wanted.setdefault(real, folder)
        self._shown = shown
        self._forget(set(self._watches) - set(wanted))
        for real in outermost(wanted):
            why = self._watch(real)
            if why:
                polled[wanted[real]] = why
        return polled

    def renew(self, folders: Iterable[str]) -> None:
        """Forget the watches that these are inside of, so that ``cover`` makes them anew."""
        reals = [os.path.realpath(folder) for folder in folders]
        above = {watched for watched in self._watches for real in reals if outermost([watched, real]) == [watched]}
        self._forget(above)

    def stop(self) -> None:
        observer, self._observer, self._watches = self._observer, None, {}
        if observer is not None:
            observer.stop()
            observer.join()

    def dispatch(self, event: Any) -> None:
        """What watchdog calls, in a thread of its own."""
        if event.event_type not in HINTS or (event.is_directory and event.event_type in ("modified", "attrib")):
            return
        for path in (event.src_path, getattr(event, "dest_path", "")):
            real = os.fsdecode(path) if path else ""
            for target, seen in self._shown if real else ():
                if real == target or real.startswith(target.rstrip(os.sep) + os.sep):
                    self._on_path(seen + real[len(target) :], bool(event.is_directory))

    def _watch(self, real: str) -> str:
        """Why it cannot be watched; "" where it is."""
        try:
            found = Path(real).stat()
            identity = (found.st_dev, found.st_ino)
            if self._watches.get(real, ((0, 0), None))[0] == identity:
                return ""
            self._forget([real])  # another folder has its name now
            self._watches[real] = (identity, self._running().schedule(self, real, recursive=True))
        except ImportError:
            return NO_WATCHDOG
        except OSError as error:
            return error.strerror or str(error)
        return ""

    def _running(self) -> Observer:
        if self._observer is None:
            observer = self._make_observer()
            observer.start()
            self._observer = observer
        return self._observer

    def _forget(self, reals: Iterable[str]) -> None:
        for real in reals:
            _, watch = self._watches.pop(real, (None, None))
            if watch is not None and self._observer is not None:
                try:
                    self._observer.unschedule(watch)
                except (KeyError, OSError):  # it went with its folder
                    continue


def native_observer() -> Observer:
    """watchdog's for this system."""
    from watchdog.observers import Observer as Native

    observer: Observer = Native()
    return observer
