"""Hashing: the digests of all LoRAs, in the background, whenever the machine has nothing better to do.

A library may hold a terabyte, so this takes hours, and each file that is done stays done: after a restart it goes on.
"""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from orchestrator_core.loras.digests import Digests, digests
from orchestrator_core.loras.library import Library
from orchestrator_core.loras.library_entries import Entry

NICENESS = 15  # of 19: behind everything that a person waits for
LOOK_AGAIN_S = 0.5  # whether the host still renders

Digest = Callable[[str, Callable[[], None], Callable[[int], None]], Digests]


@dataclass(frozen=True, slots=True)
class HashingProgress:
    """How far it is; all of what is left when it began, and what came since."""

    files: int = 0
    of_files: int = 0
    bytes: int = 0
    of_bytes: int = 0
    current: str = ""  # the name of the LoRA that is read
    paused: bool = False  # the host renders
    problems: tuple[str, ...] = ()  # files that cannot be read, and why

    @property
    def running(self) -> bool:
        return self.files < self.of_files


class _Stopped(Exception):
    """Raised out of the middle of a file."""


class Hashing:
    """One thread that hashes what the library has no digests of. ``wake`` it when there is more."""

    def __init__(self, library: Library, busy: Callable[[], bool] = lambda: False, digest: Digest = digests) -> None:
        self.progress = HashingProgress()
        self._library = library
        self._busy = busy
        self._digest = digest
        self._failed: dict[str, tuple[int, str]] = {}  # by path: the time of the file that cannot be read, and why
        self._done = (0, 0)  # files, bytes
        self._of_bytes = 0
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        if self._thread is None:
            self._stopping.clear()
            self._thread = threading.Thread(target=self._run, name="orchestrator-hashing", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Return when nothing is read any more; the file in hand is begun anew next time."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        self._thread = None

    def wake(self) -> None:
        """There may be new files."""
        self._wake.set()

    def run_once(self) -> None:
        """Hash what there is now; returns early when stopped."""
        self._done = (0, 0)
        while not self._stopping.is_set():
            left = deque(entry for entry in self._library.without_digests() if not self._has_failed(entry))
            if not left:
                break
            self._of_bytes = self._done[1] + sum(entry.size for entry in left)
            while left and not self._stopping.is_set():
                self._hash(left)
                left.popleft()
        self._tell(0, "", 0)

    def _run(self) -> None:
        _be_nice()
        while not self._stopping.is_set():
            self._wake.clear()
            self.run_once()
            self._wake.wait()

    def _hash(self, left: deque[Entry]) -> None:
        entry = left[0]
        try:
            found = self._digest(entry.path, self._pause, lambda done: self._tell(len(left), entry.name, done))
        except _Stopped:
            return
        except OSError as error:
            self._failed[entry.path] = (entry.mtime_ns, f"{entry.path}: {error.strerror or error}")
            return
        if self._library.set_digests(entry, found):
            self._done = (self._done[0] + 1, self._done[1] + entry.size)
        else:
            self._failed[entry.path] = (entry.mtime_ns, f"{entry.path}: it changed meanwhile")

    def _has_failed(self, entry: Entry) -> bool:
        return self._failed.get(entry.path, (None, ""))[0] == entry.mtime_ns

    def _pause(self) -> None:
        """Called before each mebibyte."""
        while self._busy() and not self._stopping.is_set():
            if not self.progress.paused:
                self.progress = replace(self.progress, paused=True)
            self._stopping.wait(LOOK_AGAIN_S)
        if self._stopping.is_set():
            raise _Stopped
        if self.progress.paused:
            self.progress = replace(self.progress, paused=False)

    def _tell(self, left: int, current: str, done: int) -> None:
        files, size = self._done
        problems = tuple(why for _, why in self._failed.values())
        self.progress = HashingProgress(
            files, files + left, size + done, max(self._of_bytes, size), current, False, problems
        )


def _be_nice() -> None:
    """This thread alone, where the system can do that."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
