"""Whether a worker lives: it keeps a file locked, which ends with its process, and counts on in the database.

The lock is proof, where both are on one machine and use one data folder. Elsewhere the count must have stood still for
SILENCE_S of the watcher's own monotonic clock: no two clocks need agree, and setting one back changes nothing.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

from orchestrator_core.jobs.model import WorkerInfo

BEAT_S = 5.0  # between two beats
SILENCE_S = 30.0  # without one, and a worker is given up
LEASE_S = 25.0  # without having been able to beat, a worker stops its job before others may take it


@cache
def this_machine() -> str:
    """The host's name, and where there is one its boot: a lock from before a restart proves nothing."""
    with suppress(OSError):
        return f"{socket.gethostname()}#{Path('/proc/sys/kernel/random/boot_id').read_text().strip()[:8]}"
    return socket.gethostname()


class LifeLock:
    """The file of one worker, locked until ``release`` or the end of the process, however that comes."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        if not _lock(self._file):
            raise OSError(f"{path} is locked by another program")

    def release(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        with suppress(OSError):
            self.path.unlink()


def has_ended(path: Path) -> bool | None:
    """Whether the process that made this file is gone; None where that cannot be known, as of another folder's file."""
    try:
        file = os.open(path, os.O_RDWR)
    except OSError:
        return None
    try:
        return _lock(file)
    finally:
        os.close(file)  # and with it our own lock


if sys.platform == "win32":

    def _lock(file: int) -> bool:
        import msvcrt

        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:

    def _lock(file: int) -> bool:
        import fcntl

        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True


class Watch:
    """Remembers when each worker's count last changed."""

    def __init__(self, silence_s: float = SILENCE_S, clock: Callable[[], float] = time.monotonic) -> None:
        self.silence_s, self._clock = silence_s, clock
        self._seen: dict[str, tuple[int, float]] = {}

    def dead(self, workers: list[WorkerInfo], but: str = "") -> list[WorkerInfo]:
        """Those of them that live no more."""
        now = self._clock()
        before, self._seen = self._seen, {}
        for worker in workers:
            beats, since = before.get(worker.id, (-1, now))
            self._seen[worker.id] = (worker.beats, now if beats != worker.beats else since)
        return [worker for worker in workers if worker.id != but and self._is_dead(worker, now)]

    def _is_dead(self, worker: WorkerInfo, now: float) -> bool:
        if worker.lock and worker.host == this_machine():
            ended = has_ended(Path(worker.lock))
            if ended is not None:
                return ended
        return now - self._seen[worker.id][1] >= self.silence_s
