"""GalleryKeeper: a look and a watch in the background, begun once, followed, and stopped where it is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator_core.errors import StoreError
from orchestrator_core.gallery import indexing
from orchestrator_core.gallery.keeper import GalleryKeeper, Progress
from orchestrator_core.gallery.service import Gallery
from orchestrator_core.store import Store
from tests.core.gallery.images import a1111, write


def until(is_so: Callable[[], Any]) -> None:
    end = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.fixture
def opened(sqlite_path: Path) -> list[int]:
    return []


@pytest.fixture
def keeper(sqlite_store: Store, sqlite_path: Path, tmp_path: Path, opened: list[int]) -> Iterator[GalleryKeeper]:
    for number in range(3):
        write(tmp_path / "pictures" / f"{number}.png", a1111(f"a fox {number}"), colour=number)
    Gallery(sqlite_store).add_root(tmp_path / "pictures")

    def open_store() -> Store:
        opened.append(1)
        return Store.open(sqlite_path)

    made = GalleryKeeper(open_store)
    yield made
    made.close()


def is_done(keeper: GalleryKeeper) -> bool:
    return not keeper.progress().running


def threads_of_watching() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "orchestrator-watching"]


def test_nothing_is_opened_before_it_begins_and_it_begins_once(keeper: GalleryKeeper, opened: list[int]) -> None:
    assert (keeper.progress(), opened) == (Progress(), [])
    before = len(threads_of_watching())
    calls = [threading.Thread(target=keeper.ensure) for _ in range(8)]
    for call in calls:
        call.start()
    for call in calls:
        call.join()
    assert len(threads_of_watching()) == before + 1
    until(lambda: is_done(keeper))
    assert keeper.progress() == Progress(False, 3, 3, 3, "3 images read, 0 of them broken, 0 gone.")
    keeper.look()
    until(lambda: keeper.progress().message == "Nothing is new, and nothing is gone.")


def test_folders_that_another_program_named_are_followed(
    keeper: GalleryKeeper, sqlite_store: Store, tmp_path: Path
) -> None:
    keeper.ensure()
    until(lambda: is_done(keeper))
    write(tmp_path / "more" / "a.png", a1111("an owl"), colour=9)
    gallery = Gallery(sqlite_store)
    gallery.add_root(tmp_path / "more")
    keeper.follow(gallery.roots())
    until(lambda: gallery.count("owl") == 1)


def test_a_long_look_is_stopped_where_it_is_and_goes_on_there(
    keeper: GalleryKeeper, sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, began, may_go_on = indexing.read_facts, threading.Event(), threading.Event()

    def slow(path: Path) -> Any:
        began.set()
        may_go_on.wait(30)
        return read(path)

    monkeypatch.setattr(indexing, "AT_ONCE", 1)
    monkeypatch.setattr(indexing, "read_facts", slow)
    keeper.ensure()
    assert began.wait(30)
    assert keeper.progress().running
    closing = threading.Thread(target=keeper.close)
    closing.start()
    may_go_on.set()
    closing.join()
    count = Gallery(sqlite_store).count()
    assert count < 3
    assert keeper.progress() == Progress(False, count, keeper.progress().total, count, "It was stopped.")
    Gallery(sqlite_store).index()
    assert Gallery(sqlite_store).count() == 3


def test_nothing_begins_after_the_end(keeper: GalleryKeeper) -> None:
    keeper.close()
    keeper.ensure()
    keeper.look()
    keeper.follow(["/else"])
    assert keeper.progress() == Progress()


def test_a_store_that_cannot_be_opened_is_told_and_tried_again(sqlite_path: Path) -> None:
    is_there = False

    def open_store() -> Store:
        if not is_there:
            raise StoreError("It is not there.")
        return Store.open(sqlite_path)

    keeper = GalleryKeeper(open_store)
    with pytest.raises(StoreError):
        keeper.ensure()
    assert not keeper.progress().running
    is_there = True
    keeper.ensure()
    until(lambda: is_done(keeper))
    keeper.close()


def test_images_of_a_folder_are_counted_and_not_its_files(store: Store, tmp_path: Path) -> None:
    for name, colour in (("a", 1), ("copy of a", 1), ("b", 2), ("gone", 3)):
        write(tmp_path / "one" / f"{name}.png", a1111("a fox"), colour=colour)
    (tmp_path / "two").mkdir()
    gallery = Gallery(store)
    roots = [gallery.add_root(tmp_path / name) for name in ("one", "two")]
    gallery.index()
    (tmp_path / "one" / "gone.png").unlink()
    gallery.index()
    assert gallery.images_in_roots() == dict(zip(roots, (2, 0), strict=True))
