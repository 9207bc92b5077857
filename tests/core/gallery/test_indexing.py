"""Folders of images of any program, indexed: found, followed, and never changed."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import pytest

from orchestrator_core.cancelling import Cancellation
from orchestrator_core.errors import GalleryError, Interrupted
from orchestrator_core.formats.image_metadata import with_metadata
from orchestrator_core.gallery import reading
from orchestrator_core.gallery.marking import Marking
from orchestrator_core.gallery.service import Gallery
from orchestrator_core.store import Store
from tests.core.gallery.images import LONG_AGO, TOOLS, a1111, picture, put, write
from tests.core.gallery.samples import _a1111_block, avif, samples
from tests.core.gallery.test_finding import a_run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "out"
    made.mkdir()
    return made


@pytest.fixture
def gallery(sqlite_store: Store, folder: Path) -> Gallery:
    made = Gallery(sqlite_store)
    made.add_root(folder)
    return made


def names(gallery: Gallery, query: str = "") -> list[str]:
    return sorted(image.name for image in gallery.page(query).images)


def test_the_prompt_of_every_program_in_every_format_is_found(gallery: Gallery, folder: Path) -> None:
    made = list(samples())
    for number, sample in enumerate(made):
        put(folder / sample.name, sample.data(f"an otter {number:02} by a lantern"))
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}
    assert gallery.index().read == len(made)
    for number, sample in enumerate(made):
        found = gallery.page(f'"otter {number:02} by a"').images
        told = [(image.name, image.tool, image.negative, image.broken) for image in found]
        assert told == [(sample.name, sample.tool, "blurry", "")], sample.name
    assert gallery.count("format:avif") == 5
    assert gallery.count("lora:ink") == 4
    assert gallery.index().read == 0
    assert before == {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


def test_the_prompt_of_every_program_is_found_on_postgresql_too(store: Store, folder: Path) -> None:
    gallery = Gallery(store)
    gallery.add_root(folder)
    for number, (tool, texts) in enumerate(TOOLS.items()):
        write(folder / tool / "a.png", texts(f"a fox seen by {tool}", number), colour=number)
    assert gallery.index().read == len(TOOLS)
    for tool in TOOLS:
        assert [image.tool for image in gallery.page(f'"seen by {tool}"').images] == [tool]


def test_a_moved_file_keeps_its_marks_and_a_lost_one_is_not_forgotten(gallery: Gallery, folder: Path) -> None:
    path = write(folder / "a.png", a1111("a fox"))
    gallery.index()
    (fox,) = gallery.page().images
    Marking(gallery).mark(fox.id, {"rating": 5})
    (folder / "below").mkdir()
    path.rename(folder / "below" / "b.png")
    moved = gallery.index()
    assert (moved.read, moved.gone) == (1, 1)
    (found,) = gallery.page("rating>=5").images
    assert (found.id, Path(found.path)) == (fox.id, folder / "below" / "b.png")
    (folder / "below" / "b.png").unlink()
    gallery.index()
    assert gallery.page().images == ()
    (missing,) = gallery.page("missing:yes").images
    assert (missing.id, missing.rating, missing.missing) == (fox.id, 5, True)
    with pytest.raises(GalleryError, match="not there"):
        gallery.file_of(fox.id)


def test_of_two_files_with_one_content_either_may_go(gallery: Gallery, folder: Path) -> None:
    write(folder / "a.png", a1111("a fox"))
    put(folder / "b.png", (folder / "a.png").read_bytes(), LONG_AGO + 99)
    gallery.index()
    assert names(gallery) == ["a.png"]
    (folder / "a.png").unlink()
    gallery.index()
    assert names(gallery) == ["b.png"]


def test_a_folder_that_is_gone_loses_its_images_and_one_that_is_offline_does_not(
    gallery: Gallery, folder: Path, tmp_path: Path
) -> None:
    write(folder / "below" / "a.png", a1111("a fox"))
    gallery.index()
    (folder / "below").rename(tmp_path / "elsewhere")
    folder.rename(tmp_path / "away")
    assert gallery.index().offline == (str(folder),)
    assert names(gallery) == ["a.png"]
    (tmp_path / "away").rename(folder)
    assert gallery.index().gone == 1
    assert names(gallery) == []


def test_a_hint_looks_at_that_place_alone(gallery: Gallery, folder: Path) -> None:
    for name in ("one", "two", "two/below"):
        write(folder / name / "a.png", a1111(name), colour=len(name))
    gallery.index()
    write(folder / "one" / "b.png", a1111("new"), colour=20)
    write(folder / "two" / "b.png", a1111("new too"), colour=21)
    (folder / "one" / "a.png").unlink()
    seen = gallery.index([str(folder / "one" / "b")])
    assert (seen.read, seen.gone) == (1, 1)
    assert gallery.count() == 3
    write(folder / "new" / "deep" / "a.png", a1111("deep"), colour=22)
    assert gallery.index([str(folder / "new")]).read == 1
    (folder / "two" / "below" / "a.png").unlink()
    (folder / "two" / "below").rmdir()
    seen = gallery.index([str(folder / "two" / "below")])
    assert (seen.read, seen.gone) == (1, 1)


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_of(width: int, height: int, *chunks: bytes) -> bytes:
    head = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + png_chunk(b"IEND", b"")


BAD = {
    "empty": (b"", "The file is empty"),
    "truncated": (picture()[:-20], "not complete"),
    "truncated jpeg": (picture("JPEG")[:-2], "cut short"),
    "huge": (png_of(30_000, 30_000), "900,000,000 pixels|30,000 × 30,000 pixels"),
    "no image": (b"<html>" * 9, "no PNG, JPEG, WebP or AVIF"),
    "text bomb": (
        png_of(8, 8, png_chunk(b"zTXt", b"parameters\0\0" + zlib.compress(b"a" * (70 * 2**20), 1))),
        "more than",
    ),
    "endless json": (with_metadata(picture(), {"prompt": "[" * 100_000}), "nested too deeply"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_shown_as_broken_with_the_reason(gallery: Gallery, folder: Path, name: str) -> None:
    data, reason = BAD[name]
    put(folder / "bad.png", data)
    write(folder / "good.png", a1111("a fox"))
    assert gallery.index().broken == 1
    assert names(gallery) == ["bad.png", "good.png"]
    (bad,) = gallery.page("broken:yes").images
    assert any(part in bad.broken for part in reason.split("|")), bad.broken


def test_a_mislabelled_image_is_read_as_what_it_is(gallery: Gallery, folder: Path) -> None:
    write(folder / "a.png", a1111("a fox"), "JPEG")
    gallery.index()
    (image,) = gallery.page("fox").images
    assert (image.format, image.broken) == ("JPEG", "")


def test_of_a_large_file_the_pixels_are_not_held(
    gallery: Gallery, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MOST_BYTES", 2000)
    pixels = png_chunk(b"IDAT", bytes(3000))
    put(folder / "a.png", with_metadata(png_of(8, 8, pixels), a1111("a fox")))
    put(folder / "cut.png", png_of(8, 8, pixels)[:1500] + bytes(9000))
    put(folder / "texts.png", with_metadata(picture(), a1111("a fox " * 2000)))
    gallery.index()
    assert names(gallery, "broken:no") == ["a.png"]
    assert names(gallery, "fox") == ["a.png"]


def test_a_file_that_cannot_be_read_is_shown_with_the_reason(gallery: Gallery, folder: Path) -> None:
    os.mkfifo(folder / "pipe.png")  # would be waited for without end
    (folder / "link.png").symlink_to(write(folder.parent / "outside.png", a1111("outside")))
    (folder / "linked").symlink_to(folder.parent)
    assert gallery.index().read == 0
    assert names(gallery) == []


def test_a_link_that_takes_an_images_place_is_not_followed(gallery: Gallery, folder: Path) -> None:
    path = write(folder / "a.png", a1111("a fox"))
    gallery.index()
    (image,) = gallery.page().images
    assert gallery.file_of(image.id) == path
    outside = put(folder.parent / "secret.png", path.read_bytes())
    path.unlink()
    path.symlink_to(outside)
    with pytest.raises(GalleryError, match="not there"):
        gallery.file_of(image.id)


def test_a_look_that_is_stopped_goes_on_there(gallery: Gallery, folder: Path) -> None:
    for number in range(120):
        write(folder / f"{number}.png", a1111(f"fox {number}"), colour=number)
    cancellation = Cancellation()
    with pytest.raises(Interrupted):
        gallery.index(report=lambda *_: cancellation.cancel(), cancellation=cancellation)
    assert gallery.count() == 100
    told: list[tuple[int, int]] = []
    assert gallery.index(report=lambda done, of, _: told.append((done, of))).read == 20
    assert told == [(20, 20)]


def test_what_is_written_still_is_not_shown_as_broken(gallery: Gallery, folder: Path) -> None:
    path = folder / "a.png"
    path.write_bytes(picture()[:-20])
    seen = gallery.index()
    assert (seen.unsettled, seen.read) == ([str(path)], 0)
    path.write_bytes(picture())
    assert gallery.index().read == 1
    assert gallery.count("missing:yes") == 0


def test_a_file_that_was_written_anew_is_another_image(gallery: Gallery, folder: Path) -> None:
    write(folder / "a.png", a1111("a fox"))
    gallery.index()
    write(folder / "a.png", a1111("an owl, longer"), colour=9)
    gallery.index()
    assert [image.prompt for image in gallery.page().images] == ["an owl, longer"]
    assert gallery.page("missing:yes").images[0].prompt == "a fox"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_file_that_was_written_anew_with_other_words_keeps_its_marks(
    gallery: Gallery, folder: Path, kind: str
) -> None:
    path = write(folder / "a.png", a1111("a fox"), kind)
    gallery.index()
    (fox,) = gallery.page().images
    Marking(gallery).mark(fox.id, {"rating": 5})
    put(path, with_metadata(path.read_bytes(), a1111("a fox, tagged by another program")), LONG_AGO + 5)
    gallery.index()
    (tagged,) = gallery.page().images
    assert (tagged.id, tagged.rating, tagged.prompt) == (fox.id, 5, "a fox, tagged by another program")
    assert (tagged.key == fox.key, gallery.count("missing:yes")) == (False, 0)
    put(path, with_metadata(picture(kind, (9, 9)), a1111("a fox")), LONG_AGO + 6)
    gallery.index()
    (other,) = gallery.page().images
    assert (other.id == fox.id, other.rating, gallery.page("missing:yes").images[0].rating) == (False, 0, 5)


def test_an_avif_that_was_written_anew_with_other_words_keeps_its_marks(gallery: Gallery, folder: Path) -> None:
    path = put(folder / "a.avif", avif(_a1111_block(a1111)("a fox")))
    gallery.index()
    (fox,) = gallery.page().images
    Marking(gallery).mark(fox.id, {"rating": 5})
    put(path, avif(_a1111_block(a1111)("a fox, tagged"), xmp=b"<x:xmpmeta/>"), LONG_AGO + 5)
    gallery.index()
    (tagged,) = gallery.page().images
    assert (tagged.id, tagged.rating, tagged.prompt) == (fox.id, 5, "a fox, tagged")
    put(path, avif(_a1111_block(a1111)("a fox, tagged"), pixels=b"of an owl"), LONG_AGO + 6)
    gallery.index()
    (other,) = gallery.page().images
    assert (other.id == fox.id, other.rating) == (False, 0)


def test_a_copy_with_other_words_is_another_image_while_the_first_is_there(gallery: Gallery, folder: Path) -> None:
    first = write(folder / "a.png", a1111("a fox"))
    put(folder / "copy.png", first.read_bytes())
    gallery.index()
    Marking(gallery).mark(gallery.page().images[0].id, {"rating": 5})
    write(folder / "copy.png", a1111("a tagged fox"))
    gallery.index()
    assert [(image.name, image.rating) for image in gallery.page("sort:rating").images] == [
        ("a.png", 5),
        ("copy.png", 0),
    ]


def test_an_image_of_a_run_that_is_tagged_is_of_the_run_still(store: Store, tmp_path: Path) -> None:
    gallery = Gallery(store)
    store.save_run(run := a_run(tmp_path, 3))
    gallery.add_root(tmp_path)
    gallery.index()
    path = run.images[0].path
    put(path, with_metadata(path.read_bytes(), {"tags": "fox"}), LONG_AGO + 5)
    gallery.index()
    (image,) = gallery.page().images
    assert (image.run_id, image.prompt, gallery.count("missing:yes")) == (run.id, "a crimson fox in the snow", 0)


def test_folders_inside_of_one_another_are_one(gallery: Gallery, folder: Path, tmp_path: Path) -> None:
    write(folder / "a.png", a1111("a fox"))
    gallery.index()
    with pytest.raises(GalleryError, match="looked through already"):
        (folder / "below").mkdir()
        gallery.add_root(folder / "below")
    gallery.add_root(tmp_path)
    assert gallery.roots() == [str(tmp_path)]
    assert gallery.index().read == 0
    gallery.remove_root(str(tmp_path))
    assert (gallery.roots(), gallery.count(), gallery.count("missing:yes")) == ([], 0, 1)


def test_a_folder_is_removed_under_any_way_to_write_it(
    gallery: Gallery, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GalleryError, match=f"elsewhere is not looked through. There are: {folder}"):
        gallery.remove_root("elsewhere")
    gallery.remove_root(folder.name + "/")
    assert gallery.roots() == []


def test_odd_names_and_texts_are_kept(store: Store, folder: Path) -> None:
    gallery = Gallery(store)
    gallery.add_root(folder)
    write(folder / os.fsdecode(b"\xff % _.png"), a1111("<script>alert(1)</script> 100% 狐の_絵 \x00 'x\""))
    gallery.index()
    for query in ("<script>", "100%", "狐の", "狐", "_絵", "'x"):
        assert gallery.count(f'"{query}"') == 1, query
    assert gallery.count('"100_"') == 0
    assert gallery.index().read == 0


def test_images_of_a_run_are_found_from_any_folder(
    gallery: Gallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("began", "elsewhere"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "began")
    gallery.store.save_run(a_run(Path("outputs"), 1))
    monkeypatch.chdir(tmp_path / "elsewhere")
    gallery.index()
    image = gallery.page("fox").images[0]
    assert gallery.file_of(image.id) == tmp_path / "began" / "outputs" / "1.png"
