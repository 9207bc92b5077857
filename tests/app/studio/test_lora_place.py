"""The library of a place: made when it is first asked for, watched, told of once, and ended."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from orchestrator_app.studio.environment import Settings
from orchestrator_app.studio.lora_editing import LoraForm, changes, form_of
from orchestrator_app.studio.lora_place import LoraPlace, OpenLoras
from orchestrator_app.studio.thumbnails import LARGE, SMALL, Thumbnails, picture_of
from orchestrator_core.errors import ConfigError, StoreError
from orchestrator_core.loras.record import LoraRecord
from orchestrator_core.store import Store
from tests.core.loras.library_files import write_lora

SETTINGS = Settings()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "loras"
    write_lora(folder / "ink.safetensors", "zorblax")
    return folder


@pytest.fixture
def place(folder: Path, tmp_path: Path) -> Iterator[LoraPlace]:
    found = LoraPlace(lambda _: [folder], lambda: Store.open(tmp_path / "store.sqlite3"))
    yield found
    found.close()


def wait_for(what: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not what():
        assert time.monotonic() < end
        time.sleep(0.02)


def ours() -> list[str]:
    return sorted(thread.name for thread in threading.enumerate() if thread.name.startswith("orchestrator-"))


def record(loras: OpenLoras, name: str) -> LoraRecord:
    return next(record for record in loras.records().values() if record.name == name)


def test_nothing_runs_before_it_is_asked_for_and_nothing_after_its_end(place: LoraPlace):
    assert ours() == []
    loras = place(SETTINGS)
    assert place(SETTINGS) is loras
    wait_for(lambda: loras.notices)
    assert {"orchestrator-watching", "orchestrator-hashing"} <= set(ours())
    place.close()
    assert ours() == []
    assert place(SETTINGS) is not loras


def test_other_folders_are_another_library(tmp_path: Path):
    place = LoraPlace(lambda settings: settings.lora_folders)
    first = place(Settings(lora_folders=(str(tmp_path / "a"),)))
    second = place(Settings(lora_folders=(str(tmp_path / "b"),)))
    assert first is not second
    assert second.library.roots == (str(tmp_path / "b"),)
    place.close()
    with pytest.raises(ConfigError):
        place(SETTINGS)


def test_each_flush_is_told_once_with_what_it_found(place: LoraPlace, folder: Path):
    loras = place(SETTINGS)
    wait_for(lambda: loras.notices)
    assert [one.message for one in loras.notices] == ["1 new LoRA, 1 without a base model"]
    path = write_lora(folder / "fox.safetensors")
    loras.watcher.refresh()
    assert loras.notices[-1].message == "1 new LoRA, 1 without trigger words, 1 without a base model"
    assert loras.notices[-1].paths == (str(path),)
    assert [one.number for one in loras.notices] == [1, 2]


def test_a_store_that_cannot_be_opened_is_said_and_the_library_works_all_the_same(folder: Path):
    def broken() -> Store:
        raise StoreError("The disk is full.")

    place = LoraPlace(lambda _: [folder], broken)
    loras = place(SETTINGS)
    wait_for(lambda: len(loras.library) == 1)
    assert loras.problem == "The disk is full."
    place.close()


def test_nothing_is_hashed_while_something_renders(folder: Path):
    busy = threading.Event()
    busy.set()
    place = LoraPlace(lambda _: [folder], busy=lambda: False)
    place.pause_while(busy.is_set)
    loras = place(SETTINGS)
    wait_for(lambda: loras.hashing.progress.paused)
    assert record(loras, "ink").sha256 == ""
    busy.clear()
    wait_for(lambda: record(loras, "ink").sha256)
    place.close()


def test_two_files_of_one_content_are_flagged_once_both_were_hashed(place: LoraPlace, folder: Path):
    (folder / "copy.safetensors").write_bytes((folder / "ink.safetensors").read_bytes())
    loras = place(SETTINGS)
    loras.watcher.refresh()
    wait_for(lambda: all("duplicate" in one.missing for one in loras.records().values()) and len(loras.records()) == 2)


def test_what_a_person_says_is_kept_for_the_next_time(place: LoraPlace):
    loras = place(SETTINGS)
    loras.watcher.refresh()
    ink = record(loras, "ink")
    for field, value in changes(
        form_of(ink), LoraForm("zorblax\nblue ink", "Pony", "a, b", "0,7", "mine", True)
    ).items():
        loras.set_user(ink, field, value)
    place.close()
    ink = record(place(SETTINGS), "ink")
    assert ink.trigger_words == ("zorblax", "blue ink")
    assert (ink.base_model, ink.sub_family, ink.preferred_strength) == ("SDXL", "Pony", 0.7)
    assert (ink.notes, ink.favourite, ink.excluded, set(ink.tags)) == ("mine", True, False, {"a", "b"})


def test_only_what_was_changed_becomes_a_persons_word(place: LoraPlace):
    loras = place(SETTINGS)
    loras.watcher.refresh()
    form = form_of(record(loras, "ink"))
    assert changes(form, form) == {}
    assert changes(form, LoraForm("", favourite=True)) == {"trigger_words": "", "favourite": "yes"}


@pytest.mark.parametrize("text", ["much", "inf", "nan", "21", "0.8.1"])
def test_a_strength_that_is_none_is_refused(text: str):
    with pytest.raises(ConfigError, match=r"needs a number as 0\.8"):
        changes(LoraForm(), LoraForm(preferred_strength=text))


# pictures


def preview(path: Path, mode: str = "RGB", size: tuple[int, int] = (900, 600)) -> LoraRecord:
    Image.new(mode, size, "teal" if mode == "RGB" else (0, 0, 0, 0)).save(path)
    return LoraRecord("x", "/loras/x.safetensors", preview=str(path))


def size_of(data: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(data)) as image:
        return image.size


def test_a_picture_is_made_small_in_the_background(tmp_path: Path):
    thumbnails, shown = Thumbnails(), preview(tmp_path / "x.png")
    assert thumbnails.get(shown) is None
    wait_for(lambda: thumbnails.made)
    data = thumbnails.get(shown)
    assert data is not None
    assert size_of(data) == (240, 160)
    assert size_of(picture_of(shown, LARGE)) == (640, 427)
    preview(tmp_path / "x.png", size=(100, 300))
    wait_for(lambda: size_of(thumbnails.get(shown) or data) == (100, 300))


def test_what_is_transparent_becomes_white(tmp_path: Path):
    data = picture_of(preview(tmp_path / "x.png", "RGBA"), SMALL)
    with Image.open(io.BytesIO(data)) as image:
        assert image.convert("RGB").getpixel((5, 5)) == (255, 255, 255)


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n broken", b"<svg onload=alert(1)>", b"\x00" * 999])
def test_a_picture_that_is_none_costs_nothing_but_itself(tmp_path: Path, content: bytes):
    path = tmp_path / "x.png"
    path.write_bytes(content)
    assert picture_of(LoraRecord("x", "/x", preview=str(path)), SMALL) == b""
    assert picture_of(LoraRecord("x", "/x", preview="/not/there.png"), SMALL) == b""
    assert picture_of(LoraRecord("x", "/not/there.safetensors", preview="embedded"), SMALL) == b""
    assert Thumbnails().get(LoraRecord("x", "/x")) == b""
