"""Digests in the background: smallest first, paused while the host renders, resumed after a restart."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator_core.loras.digests import Digests, digests
from orchestrator_core.loras.hashing import Hashing
from orchestrator_core.loras.library import Library
from orchestrator_core.store import Store
from tests.core.loras.library_files import write_lora


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, size in (("large", 3000), ("small", 10), ("middle", 500)):
        write_lora(tmp_path / "loras" / f"{name}.safetensors", content=name.encode() * size)
    return tmp_path / "loras"


@pytest.fixture
def library(root: Path) -> Library:
    made = Library([root])
    made.refresh()
    return made


def test_all_are_hashed_the_smallest_first(library: Library) -> None:
    order: list[str] = []

    def noting(path: str, pause: Callable[[], None], on_progress: Callable[[int], None]) -> Digests:
        order.append(Path(path).stem)
        return digests(path, pause, on_progress)

    hashing = Hashing(library, digest=noting)
    hashing.run_once()
    assert order == ["small", "middle", "large"]
    assert library.without_digests() == []
    assert (hashing.progress.files, hashing.progress.of_files, hashing.progress.running) == (3, 3, False)
    assert hashing.progress.bytes == hashing.progress.of_bytes == sum(record.size for record in library.records())


def test_a_restart_goes_on_where_it_was(root: Path, sqlite_store: Store) -> None:
    library = Library([root], sqlite_store)
    library.refresh()
    stopping: list[Hashing] = []

    def first_only(path: str, pause: Callable[[], None], on_progress: Callable[[int], None]) -> Digests:
        found = digests(path, pause, on_progress)
        stopping[0]._stopping.set()
        return found

    stopping.append(Hashing(library, digest=first_only))
    stopping[0].run_once()
    again = Library([root], sqlite_store)
    again.refresh()
    assert [entry.name for entry in again.without_digests()] == ["middle", "large"]


def test_a_file_that_cannot_be_read_is_told_and_the_others_go_on(root: Path, library: Library) -> None:
    (root / "small.safetensors").unlink()
    hashing = Hashing(library)
    hashing.run_once()
    assert [entry.name for entry in library.without_digests()] == ["small"]
    assert hashing.progress.problems == (f"{root / 'small.safetensors'}: No such file or directory",)
    assert not hashing.progress.running


def test_it_pauses_while_the_host_renders_and_stops_at_once(library: Library) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def busy() -> bool:
        asked.set()
        return not go_on.is_set()

    hashing = Hashing(library, busy)
    hashing.start()
    try:
        assert asked.wait(10)
        assert len(library.without_digests()) == 3
        go_on.set()
        for _ in range(100):
            if not library.without_digests():
                break
            threading.Event().wait(0.05)
        assert library.without_digests() == []
    finally:
        hashing.stop()
    assert not [thread for thread in threading.enumerate() if thread.name == "orchestrator-hashing"]


def test_it_can_be_stopped_while_it_is_paused(library: Library) -> None:
    asked = threading.Event()
    hashing = Hashing(library, lambda: asked.set() is None)
    hashing.start()
    assert asked.wait(10)
    hashing.stop()
    assert len(library.without_digests()) == 3


def test_what_comes_later_is_hashed_when_it_is_woken(root: Path, library: Library) -> None:
    hashing = Hashing(library)
    hashing.start()
    try:
        write_lora(root / "new.safetensors")
        library.refresh()
        hashing.wake()
        for _ in range(100):
            if not library.without_digests():
                break
            threading.Event().wait(0.05)
        assert library.without_digests() == []
    finally:
        hashing.stop()


def test_a_sidecar_for_another_content_is_told_once_the_file_is_hashed(root: Path, library: Library) -> None:
    (root / "small.sha256").write_text("ab" * 32)
    library.refresh()

    def kinds() -> list[str]:
        return [record.name for record in library.records() if "other_hash" in record.missing]

    assert kinds() == []
    Hashing(library).run_once()
    assert kinds() == ["small"]
