"""What happens to files while a host runs, and what people are told of it. Events as watchdog sends them on Linux."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from orchestrator_core.errors import StoreError
from orchestrator_core.loras.library import Library
from orchestrator_core.loras.watcher import LoraWatcher
from orchestrator_core.store import Store
from orchestrator_core.watching import Timing
from tests.core.loras.library_files import Watched, lora_bytes, names, write_lora

WHOLE = lora_bytes("foo style", b"\x05" * 4000)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "loras"
    folder.mkdir()
    return folder


@pytest.fixture
def place(root: Path) -> Watched:
    write_lora(root / "old.safetensors", "old style")
    return Watched(Library([root]))


def test_a_slow_copy_appears_once_and_complete(root: Path, place: Watched) -> None:
    path = root / "foo.safetensors"
    place.write(path, b"", "created")
    for end in range(200, len(WHOLE), 200):
        place.write(path, WHOLE[:end])
        place.wait(1.5)
        assert "foo" not in place.usable()
    place.write(path, WHOLE)
    place.observer.send("closed", path)
    place.wait(60)
    assert place.messages == ["1 new LoRA, 1 without a base model"]
    assert place.usable() == ["foo", "old"]


@pytest.mark.parametrize("cut", [4, 30, len(WHOLE) - 200])
def test_a_writer_that_pauses_for_four_seconds_shows_nothing_before_it_is_done(
    root: Path, place: Watched, cut: int
) -> None:
    path = root / "foo.safetensors"
    place.write(path, WHOLE[:cut], "created")
    place.wait(4)
    assert place.usable() == ["old"]
    place.write(path, WHOLE)
    place.wait(60)
    assert place.messages == ["1 new LoRA, 1 without a base model"]


def test_a_file_without_any_last_event_is_found_by_the_retries(root: Path, place: Watched) -> None:
    """Windows and macOS send no "closed", and an event may be lost."""
    path = root / "foo.safetensors"
    place.write(path, WHOLE[:500], "created")
    place.wait(20)
    path.write_bytes(WHOLE)
    place.touch(path)
    place.wait(70)
    assert place.usable() == ["foo", "old"]
    assert len(place.told) == 1


def test_a_preallocated_download_is_not_shown_while_it_is_written(root: Path, place: Watched) -> None:
    """It has its size from the beginning, and here even its header: only its time tells that it is not done."""
    path = root / "foo.safetensors"
    place.write(path, WHOLE[:200] + bytes(len(WHOLE) - 200), "created")
    for end in range(400, len(WHOLE), 400):
        place.wait(2.5)
        assert "foo" not in place.usable()
        place.write(path, WHOLE[:end] + bytes(len(WHOLE) - end))
    place.write(path, WHOLE)
    place.wait(10)
    assert place.usable() == ["foo", "old"]
    assert len(place.told) == 1


def test_a_file_that_stopped_growing_is_called_truncated_after_five_minutes(root: Path, place: Watched) -> None:
    path = root / "foo.safetensors"
    place.write(path, WHOLE[:-100], "created")
    place.wait(290)
    assert place.messages == []
    place.wait(130)
    assert place.messages == ["1 truncated"]
    record = place.library.record(str(path))
    assert record is not None
    assert record.state == "truncated"
    place.wait(600)
    assert place.messages == ["1 truncated"]
    place.write(path, WHOLE)
    place.wait(10)
    assert place.usable() == ["foo", "old"]


def test_a_firefox_download(root: Path, place: Watched) -> None:
    path, part = root / "foo.safetensors", root / "Qx3v.safetensors.part"
    place.write(path, b"", "created")
    place.observer.send("closed", path)
    for end in range(500, len(WHOLE), 500):
        place.write(part, WHOLE[:end])
        place.wait(3)
    place.write(part, WHOLE)
    part.replace(path)
    place.observer.send("moved", part, path)
    place.wait(30)
    assert place.messages == ["1 new LoRA, 1 without a base model"]
    assert place.usable() == ["foo", "old"]


def test_a_chrome_download(root: Path, place: Watched) -> None:
    part = root / "foo.safetensors.crdownload"
    for end in range(500, len(WHOLE), 500):
        place.write(part, WHOLE[:end])
        place.wait(3)
    place.write(part, WHOLE)
    path = part.replace(root / "foo.safetensors")
    place.observer.send("moved", part, path)
    place.wait(30)
    assert len(place.told) == 1
    assert place.usable() == ["foo", "old"]


def test_an_aria2_download_is_not_shown_while_its_control_file_is_there(root: Path, place: Watched) -> None:
    path, control = root / "foo.safetensors", root / "foo.safetensors.aria2"
    place.write(control, b"control", "created")
    place.write(path, WHOLE, "created")  # all of it, as far as anybody can see
    place.wait(40)
    assert place.usable() == ["old"]
    control.unlink()
    place.observer.send("deleted", control)
    place.wait(10)
    assert place.usable() == ["foo", "old"]
    assert len(place.told) == 1


def test_a_move_into_the_folder_needs_no_closed_event(root: Path, place: Watched, tmp_path: Path) -> None:
    path = write_lora(tmp_path / "foo.safetensors").replace(root / "foo.safetensors")
    place.observer.send("created", path)
    place.wait(3)
    assert place.usable() == ["foo", "old"]


def test_a_move_within_the_folder_keeps_what_a_person_said(root: Path, place: Watched) -> None:
    old = place.library.record(str(root / "old.safetensors"))
    assert old is not None
    place.library.set_user(old, "trigger_words", "my words")
    (root / "sub").mkdir()
    path = (root / "old.safetensors").replace(root / "sub" / "new.safetensors")
    place.observer.send("moved", root / "old.safetensors", path)
    place.wait(3)
    assert place.messages == ["1 moved"]
    assert place.told[0].moved == (("old", "sub/new"),)
    found, _ = place.library.find("new")
    assert found is not None
    assert found.trigger_words == ("my words",)


def test_a_move_whose_ends_are_told_apart_is_one_message(root: Path, place: Watched) -> None:
    """The system waits for the other end of a move before it tells that there is none below the watch."""
    path = (root / "old.safetensors").replace(root / "new.safetensors")
    place.observer.send("created", path)
    place.wait(0.5)
    place.observer.send("deleted", root / "old.safetensors")
    place.wait(10)
    assert place.messages == ["1 moved"]


def test_a_move_of_which_only_the_new_end_is_told_is_a_move(root: Path, place: Watched) -> None:
    path = (root / "old.safetensors").replace(root / "new.safetensors")
    place.observer.send("created", path)
    place.wait(10)
    assert place.messages == ["1 moved"]
    assert place.library.refresh().message == ""


def test_a_move_out_is_told_and_what_a_person_said_comes_back_with_the_file(
    root: Path, place: Watched, tmp_path: Path
) -> None:
    old = place.library.record(str(root / "old.safetensors"))
    assert old is not None
    place.library.set_user(old, "trigger_words", "my words")
    away = (root / "old.safetensors").replace(tmp_path / "away.safetensors")
    place.observer.send("deleted", root / "old.safetensors")
    place.wait(3)
    assert (place.messages, place.usable()) == (["1 removed"], [])
    back = away.replace(root / "other name.safetensors")
    place.observer.send("created", back)
    place.wait(3)
    assert place.usable() == ["other name"]
    assert next(iter(place.library.records())).trigger_words == ("my words",)


def test_a_folder_moved_in_is_read_with_all_that_is_in_it(root: Path, place: Watched, tmp_path: Path) -> None:
    for n in range(3):
        write_lora(tmp_path / "D.v1" / f"{n}.safetensors")
    folder = (tmp_path / "D.v1").replace(root / "D.v1")
    place.observer.send("created", folder, folder=True)
    place.wait(3)
    assert place.usable() == ["D.v1/0", "D.v1/1", "D.v1/2", "old"]
    assert len(place.told) == 1


def test_a_folder_renamed_inside_moves_all_that_is_in_it(root: Path, place: Watched) -> None:
    for n in range(3):
        write_lora(root / "D" / f"{n}.safetensors")
    place.observer.send("created", root / "D", folder=True)
    place.wait(3)
    place.told.clear()
    (root / "D").rename(root / "E")
    place.observer.send("moved", root / "D", root / "E", folder=True)
    place.wait(3)
    assert place.messages == ["3 moved"]
    assert place.usable() == ["E/0", "E/1", "E/2", "old"]


def test_a_folder_moved_out_is_one_event_and_its_ghosts_are_harmless(
    root: Path, place: Watched, tmp_path: Path
) -> None:
    write_lora(root / "D" / "a.safetensors")
    place.observer.send("created", root / "D", folder=True)
    place.wait(3)
    place.told.clear()
    (root / "D").rename(tmp_path / "D")
    place.observer.send("deleted", root / "D", folder=True)
    place.wait(3)
    assert (place.messages, place.usable()) == (["1 removed"], ["old"])
    # The kernel's watch lives on: what is written at the new place is told of the old one.
    write_lora(tmp_path / "D" / "b.safetensors")
    place.observer.send("created", root / "D" / "b.safetensors")
    place.wait(30)
    assert place.messages == ["1 removed"]


def test_a_linked_folder_is_watched_at_its_target_and_shown_as_the_person_sees_it(root: Path, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    write_lora(target / "a.safetensors")
    (root / "link").symlink_to(target)
    place = Watched(Library([root]))
    assert place.usable() == ["link/a"]
    write_lora(target / "b.safetensors")
    place.observer.send("created", target / "b.safetensors")
    place.wait(3)
    assert place.usable() == ["link/a", "link/b"]
    record, _ = place.library.find("link/b")
    assert record is not None
    assert record.path == str(root / "link" / "b.safetensors")


def test_lost_events_are_made_good_within_five_minutes(root: Path, place: Watched) -> None:
    """After an overflow of the system's queue, of which nobody is told."""
    write_lora(root / "lost.safetensors")
    (root / "old.safetensors").unlink()
    place.wait(301)
    assert place.usable() == ["lost"]
    assert len(place.told) == 1


@pytest.mark.slow
def test_forty_thousand_events_cost_one_look_and_one_message(root: Path, place: Watched) -> None:
    for n in range(400):
        write_lora(root / f"{n}.safetensors")
    for n in range(40_000):
        place.observer.send("created", root / f"{n}.safetensors")
    place.wait(12)
    assert len(place.usable()) == 401
    assert len(place.told) == 1


def test_an_atomic_save_of_a_sidecar_is_read_once(root: Path, place: Watched) -> None:
    temporary, sidecar = root / "old.tmp", root / "old.json"
    place.write(temporary, b'{"activation text": "red hat", "sd version": "SDXL"}', "created")
    place.observer.send("closed", temporary)
    temporary.replace(sidecar)
    place.observer.send("moved", temporary, sidecar)
    place.wait(10)
    assert place.messages == ["1 changed"]
    record, _ = place.library.find("old")
    assert record is not None
    assert (record.base_model, record.state) == ("SDXL", "complete")


def test_a_sidecar_of_a_file_that_was_just_shown_does_not_hide_it_again(root: Path, place: Watched) -> None:
    place.write(root / "foo.safetensors", WHOLE, "created")
    place.wait(5)
    assert "foo" in place.usable()
    place.write(root / "foo.json", b'{"activation text": "red hat"}', "created")
    place.wait(2.5)
    assert "foo" in place.usable()
    assert place.messages[-1] == "1 changed"


def test_a_root_that_goes_is_offline_and_comes_back_as_it_was(root: Path, place: Watched, tmp_path: Path) -> None:
    root.rename(tmp_path / "unplugged")
    place.wait(301)
    assert place.usable() == []
    assert place.messages == [f"offline: {root}"]
    (record,) = place.library.records(all_states=True)
    assert (record.name, record.state, record.trigger_words) == ("old", "offline", ("old style",))
    (tmp_path / "unplugged").rename(root)
    place.wait(301)
    assert place.messages[1:] == [f"online again: {root}"]
    assert place.usable() == ["old"]


def test_reading_files_ourselves_is_no_reason_to_look(root: Path, place: Watched) -> None:
    for kind in ("opened", "closed_no_write"):
        place.observer.send(kind, root / "old.safetensors")
    place.observer.send("modified", root, folder=True)
    assert place.watcher.watching._debounce.next_at() is None
    assert not place.watcher.watching._hints


def test_a_busy_folder_still_shows_what_is_done(root: Path, place: Watched) -> None:
    """A unit that never gets quiet is looked at after ten seconds, and never delays another one."""
    write_lora(root / "done.safetensors")
    place.observer.send("created", root / "done.safetensors")
    for n in range(6):
        place.write(root / "growing.safetensors", WHOLE[: 100 + n])
        place.wait(1)
    assert place.usable() == ["done", "old"]


def test_the_refresh_button_shows_a_file_that_was_just_written(root: Path, place: Watched) -> None:
    path = root / "foo.safetensors"
    path.write_bytes(WHOLE)
    place.touch(path)
    assert place.watcher.refresh().added == ("foo",)
    assert len(place.told) == 1


def test_who_stopped_listening_is_not_told(root: Path, place: Watched) -> None:
    heard: list[str] = []
    stop = place.watcher.listen(lambda changes: heard.append(changes.message))
    stop()
    stop()
    write_lora(root / "foo.safetensors")
    place.watcher.refresh()
    assert heard == []


@pytest.mark.slow
def test_a_real_watcher_sees_a_real_slow_copy_and_a_move(root: Path) -> None:
    import threading
    import time

    library = Library([root])
    watcher = LoraWatcher(library, Timing(quiet=1.2, longest=5.0, reconcile=300.0))
    told, arrived = [], threading.Event()
    watcher.listen(lambda changes: (told.append(changes.message), arrived.set()))
    watcher.start()
    try:
        with (root / "foo.safetensors").open("wb") as file:
            for start in range(0, len(WHOLE), 1000):
                file.write(WHOLE[start : start + 1000])
                file.flush()
                time.sleep(0.2)
        assert arrived.wait(20)
        assert (told, names(library)) == (["1 new LoRA, 1 without a base model"], ["foo"])
        arrived.clear()
        (root / "sub").mkdir()
        (root / "foo.safetensors").rename(root / "sub" / "bar.safetensors")
        assert arrived.wait(20)
        assert (told[1:], names(library)) == (["1 moved"], ["sub/bar"])
        arrived.clear()
        shutil.rmtree(root / "sub")
        assert arrived.wait(20)
        assert (told[2:], names(library)) == (["1 removed"], [])
    finally:
        watcher.stop()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("orchestrator-watching")]
    assert os.listdir(root) == []  # noqa: PTH208 - what is left


def test_a_change_is_told_in_both_of_two_hosts_that_share_a_database(root: Path, sqlite_path: Path) -> None:
    write_lora(root / "old.safetensors", "old style")
    with Store.open(sqlite_path) as store, Store.open(sqlite_path) as other_store:
        first, second = Watched(Library([root], store)), Watched(Library([root], other_store))
        for host in (first, second):  # the one is done before the other looks
            if host is first:
                host.write(root / "foo.safetensors", WHOLE, "created")
            else:
                host.observer.send("created", root / "foo.safetensors")
            host.wait(30)
        assert first.messages == second.messages == ["1 new LoRA, 1 without a base model"]


def test_a_ruined_database_is_told_of_once_and_the_folders_are_watched(root: Path, sqlite_path: Path) -> None:
    sqlite_path.parent.mkdir(parents=True, exist_ok=True)
    sqlite_path.write_bytes(b"no database" * 1000)
    with pytest.raises(StoreError) as caught:
        Store.open(sqlite_path)
    place = Watched(Library([root], problem=str(caught.value)))
    place.write(root / "foo.safetensors", WHOLE, "created")
    place.wait(1000)
    assert place.messages == ["1 new LoRA, 1 without a base model"]
    assert "Nothing was overwritten" in place.watcher.problem
    assert sqlite_path.read_bytes() == b"no database" * 1000
