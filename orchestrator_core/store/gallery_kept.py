"""What searches of the gallery found, in the memory of a process, until something changes that they ask for."""

from __future__ import annotations

import threading
from array import array
from collections import OrderedDict
from collections.abc import Callable, Hashable

_ROOM = 1_000_000  # ids that are kept, of 8 bytes


class Kept:
    """What was found, by what was asked for; threads may share one. ``stamp``: of what it was found in."""

    def __init__(self, room: int = _ROOM) -> None:
        self._room, self._held, self._lock = room, 0, threading.Lock()
        self._found: OrderedDict[Hashable, tuple[int, array[int]]] = OrderedDict()

    def get(self, key: Hashable, stamp: int) -> array[int] | None:
        with self._lock:
            found = self._found.get(key)
            if found is None or found[0] != stamp:
                return None
            self._found.move_to_end(key)
            return found[1]

    def put(self, key: Hashable, stamp: int, ids: array[int]) -> None:
        with self._lock:
            before = self._found.pop(key, None)
            self._found[key] = (stamp, ids)
            self._held += len(ids) - (len(before[1]) if before else 0)
            while self._held > self._room and len(self._found) > 1:
                _, (_, gone) = self._found.popitem(last=False)
                self._held -= len(gone)

    def of(self, key: Hashable, stamp: int, make: Callable[[], array[int]]) -> array[int]:
        found = self.get(key, stamp)
        if found is None:
            found = make()
            self.put(key, stamp, found)
        return found
