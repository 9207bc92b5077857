"""Small pictures of scenes, kept for as long as a page may ask for them again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path

from orchestrator_app.studio.thumbnails import small_picture

_SIZE = (384, 512)
_KEPT = 200  # in memory; some thirty kilobytes each

Key = tuple[str, int]  # path, when it was changed


class ScenePictures:
    """May be used by several threads. ``size``: pixels at most."""

    def __init__(self, size: tuple[int, int] = _SIZE) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._done: OrderedDict[Key, bytes] = OrderedDict()

    def get(self, path: Path) -> bytes:
        """A JPEG; empty where the file is gone, or is no picture that can be shown."""
        try:
            key = str(path), path.stat().st_mtime_ns
        except OSError:
            return b""
        with self._lock:
            if key in self._done:
                self._done.move_to_end(key)
                return self._done[key]
        data = small_picture(path, self._size)
        with self._lock:
            self._done[key] = data
            while len(self._done) > _KEPT:
                self._done.popitem(last=False)
        return data
