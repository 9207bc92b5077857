"""The watcher: an image that is written is there soon, without a look at everything."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from orchestrator_core.gallery.indexing import Indexed
from orchestrator_core.gallery.service import Gallery
from orchestrator_core.gallery.watcher import GalleryWatcher
from orchestrator_core.store import Store
from orchestrator_core.watching import Timing
from tests.core.gallery.images import LONG_AGO, a1111, picture, write


def test_what_is_written_meanwhile_is_there_and_told_once(sqlite_store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    write(folder / "a.png", a1111("a fox"))
    gallery = Gallery(sqlite_store)
    gallery.add_root(folder)
    told: list[Indexed] = []
    came = threading.Event()

    def listener(indexed: Indexed) -> None:
        told.append(indexed)
        came.set()

    watcher = GalleryWatcher(gallery, listener, Timing(quiet=0.05, longest=0.2))
    watcher.start()
    try:
        assert came.wait(60)
        came.clear()
        write(folder / "b.png", a1111("an owl"), colour=2)
        assert came.wait(60)
    finally:
        watcher.stop()
    assert gallery.count("owl") == 1
    assert watcher.watching.problem == ""
    assert sum(one.read for one in told) == 2


def test_a_file_that_is_not_whole_yet_is_looked_at_again(sqlite_store: Store, tmp_path: Path) -> None:
    gallery = Gallery(sqlite_store)
    gallery.add_root(tmp_path)
    now = [0.0]
    watcher = GalleryWatcher(gallery, clock=lambda: now[0], make_observer=NoEvents)
    watcher.watching.begin()
    (tmp_path / "a.png").write_bytes(picture()[:-20])
    watcher.watching.step()
    assert gallery.count() == 0
    (tmp_path / "a.png").write_bytes(picture())
    os.utime(tmp_path / "a.png", (LONG_AGO, LONG_AGO))
    now[0] = 3.0
    watcher.watching.step()
    assert gallery.count() == 1


class NoEvents:
    """An observer that sees nothing."""

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def join(self, timeout: float | None = None) -> None: ...
    def schedule(self, event_handler: object, path: str, *, recursive: bool = False) -> object:
        return path

    def unschedule(self, watch: object) -> None: ...
