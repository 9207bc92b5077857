"""What is in the folders of people: damaged, huge, hostile, or no file at all. Shown as broken, or passed over."""

from __future__ import annotations

import io
import os
import socket
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from orchestrator_core.errors import GalleryError
from orchestrator_core.formats.image_metadata import with_metadata
from orchestrator_core.gallery import disk, indexing, reading
from orchestrator_core.gallery.marking import Marking
from orchestrator_core.gallery.service import Gallery
from orchestrator_core.gallery.thumbnails import Thumbnails
from orchestrator_core.store import Store
from tests.core.gallery.images import a1111, picture, put, write
from tests.core.gallery.samples import avif, box
from tests.core.gallery.test_indexing import folder, gallery, names, png_chunk, png_of

__all__ = ["folder", "gallery"]
MIB = 2**20


def bomb(size: int) -> bytes:
    return zlib.compress(bytes(size), 9)


def jpeg_of(*segments: tuple[int, bytes]) -> bytes:
    """A small JPEG with these segments before its own."""
    said = b"".join(bytes((0xFF, kind)) + struct.pack(">H", len(body) + 2) + body for kind, body in segments)
    data = picture("JPEG")
    return data[:2] + said + data[2:]


def webp_of(kind: bytes, body: bytes) -> bytes:
    chunk = kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
    data = picture("WEBP") + chunk
    return data[:4] + struct.pack("<I", len(data) - 8) + data[8:]


def animated(kind: str) -> bytes:
    data = io.BytesIO()
    frames = [Image.new("RGB", (40, 30), (shade, 0, 0)) for shade in (0, 120, 240)]
    frames[0].save(data, kind, save_all=True, append_images=frames[1:], duration=40)
    return data.getvalue()


TIFF = b"Exif\0\0MM\0*\0\0\0\x08" + struct.pack(">HHHIII", 1, 0x9286, 7, 2**31, 26, 0)
ODD = struct.pack(">HHHIII", 1, 0x9286, 7, 12, 26, 0) + b"JIS\0\0\0\0\0\xff\xfe\x80\x81"
BROKEN: dict[str, tuple[bytes, str]] = {
    "zTXt bomb": (png_of(8, 8, png_chunk(b"zTXt", b"parameters\0\0" + bomb(200 * MIB))), "more than"),
    "iTXt bomb": (png_of(8, 8, png_chunk(b"iTXt", b"parameters\0\1\0\0\0" + bomb(200 * MIB))), "more than"),
    "many bombs": (png_of(8, 8, *[png_chunk(b"zTXt", b"a%d\0\0" % n + bomb(40 * MIB)) for n in range(9)]), "more than"),
    "length beyond the end": (picture()[:8] + struct.pack(">I", 2**31) + picture()[12:], "not complete"),
    "text whose checksum is wrong": (png_of(8, 8, png_chunk(b"tEXt", b"parameters\0a fox")[:-1] + b"!"), "damaged"),
    "jpeg of nothing": (b"\xff\xd8\xff", "cut short"),
    "jpeg segment beyond the end": (b"\xff\xd8\xff\xe1\xff\xff" + bytes(99), "beyond the end"),
    "webp of nothing": (b"RIFF\4\0\0\0WEBP", "no size"),
    "webp beyond the end": (b"RIFF\xff\xff\xff\x7fWEBP", "longer than"),
    "avif of nothing": (box(b"ftyp", b"avif", bytes(4)), "nothing of what is in it"),
    "avif beyond the end": (avif(b"")[:-4], "not complete"),
    "gif": (animated("GIF"), "no PNG, JPEG, WebP or AVIF"),
    "text": (b"see ../../etc/passwd", "no PNG, JPEG, WebP or AVIF"),
    "zeros": (bytes(5000), "no PNG, JPEG, WebP or AVIF"),
    "no size": (png_of(0, 0), "no size"),
    "30,000 pixels wide": (png_of(30_000, 30_000, png_chunk(b"IDAT", bomb(MIB))), "30,000 × 30,000 pixels"),
    "2**32 pixels wide": (png_of(2**32 - 1, 2**32 - 1), "pixels are more"),
    "infotext of megabytes": (with_metadata(picture(), {"parameters": "fox " * 500_000}), "characters"),
}
WHOLE: dict[str, bytes] = {
    "iCCP bomb": png_of(8, 8, png_chunk(b"iCCP", b"p\0\0" + bomb(200 * MIB)), png_chunk(b"IDAT", b"")),
    "exif that points beyond its end": jpeg_of((0xE1, TIFF)),
    "comments without end": jpeg_of(*[(0xFE, bytes(65_000))] * 100),
    "webp with a chunk of the future": webp_of(b"WHAT", bytes(3)),
    "animated webp": animated("WEBP"),
    "unknown encoding": webp_of(b"EXIF", b"MM\0*\0\0\0\x08" + ODD),
}  # fmt: skip


def test_each_bad_file_is_broken_with_its_reason_and_the_others_are_there(gallery: Gallery, folder: Path) -> None:
    for number, (data, _) in enumerate(BROKEN.values()):
        put(folder / f"{number:02}.png", data)
    write(folder / "good.png", a1111("a fox"))
    tracemalloc.start()
    indexed = gallery.index()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (indexed.read, indexed.broken) == (len(BROKEN) + 1, len(BROKEN))
    assert names(gallery, "broken:no") == ["good.png"]
    found = {image.name: image.broken for image in gallery.page("broken:yes").images}
    for number, (name, (_, reason)) in enumerate(BROKEN.items()):
        assert reason in found[f"{number:02}.png"], name
    assert (
        most < 250 * MIB
    )  # a text may have 64 MiB; what it unfolds to is cut there, and it is there two or three times


@pytest.mark.parametrize("name", WHOLE)
def test_what_is_odd_but_whole_is_shown(gallery: Gallery, folder: Path, name: str) -> None:
    put(folder / "odd.png", WHOLE[name])
    gallery.index()
    (image,) = gallery.page().images
    assert (image.broken, image.width > 0) == ("", True)


def test_of_an_animated_webp_the_first_picture_is_shown(tmp_path: Path) -> None:
    path = Thumbnails(tmp_path).make("ab" * 32, put(tmp_path / "a.webp", animated("WEBP")))
    with Image.open(path) as shown:
        assert (shown.size, getattr(shown, "n_frames", 1)) == ((40, 30), 1)


@pytest.mark.parametrize(
    "data",
    [
        png_of(8000, 8000, png_chunk(b"IDAT", bomb(MIB))),  # says more than it has
        png_of(8, 8, png_chunk(b"iCCP", b"p\0\0" + bomb(200 * MIB)), png_chunk(b"IDAT", bomb(10))),
        png_of(8, 8, png_chunk(b"zTXt", b"a\0\0" + bomb(200 * MIB)), png_chunk(b"IDAT", bomb(10))),
        animated("GIF"),
        avif(b""),
        TIFF,
    ],
    ids=["less than it says", "iCCP bomb", "zTXt bomb", "GIF", "AVIF without pixels", "TIFF"],
)
def test_no_thumbnail_is_made_of_what_is_bad(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(GalleryError):
        Thumbnails(tmp_path).make("ab" * 32, put(tmp_path / "a.png", data))


def test_metadata_of_fifty_megabytes_is_told_and_not_kept(gallery: Gallery, folder: Path) -> None:
    put(
        folder / "a.png", with_metadata(picture(), {"parameters": "x", "workflow": '{"a": "' + "b" * (50 * MIB) + '"}'})
    )
    gallery.index()
    (image,) = gallery.page().images
    assert "bytes are more than is read of an image" in image.broken
    assert Path(gallery.store.place).stat().st_size < 5 * MIB


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        os.chdir(path.parent)  # its path has at most 107 bytes
        made.bind(path.name)


STRANGE: dict[str, Callable[[Path], object]] = {
    "a pipe": os.mkfifo,
    "a socket": _socket,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a folder": Path.mkdir,
    "a link to nothing": lambda path: path.symlink_to("nothing"),
    "a link to itself": lambda path: path.symlink_to(path.name),
}


def test_what_is_no_file_is_passed_over(gallery: Gallery, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    for name, make in STRANGE.items():
        make(folder / f"{name}.png")
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    assert (gallery.index().read, names(gallery)) == (0, [])


@pytest.mark.skipif(os.geteuid() == 0 and not Path("/dev/null").exists(), reason="devices are of Unix")
def test_a_device_in_a_folder_is_passed_over(gallery: Gallery, folder: Path) -> None:
    try:
        os.mknod(folder / "zero.png", 0o20666, os.makedev(1, 5))
    except (PermissionError, OSError):
        pytest.skip("only root makes devices")
    assert gallery.index().read == 0


def test_a_file_that_becomes_a_pipe_after_it_was_listed_is_not_waited_for(
    gallery: Gallery, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(folder / "a.png", a1111("a fox"))

    def look(roots: object, hints: object) -> disk.Look:
        found = disk.look(roots, hints)  # type: ignore[arg-type]
        path.unlink()
        os.mkfifo(path)
        return found

    monkeypatch.setattr(indexing, "look", look)
    gallery.index()
    assert "no file" in gallery.page("broken:yes").images[0].broken


def test_a_folder_that_vanishes_while_it_is_read_is_gone_at_the_next_look(
    gallery: Gallery, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        write(folder / "below" / f"{number}.png", a1111("a fox"), colour=number)
    real = reading.read_facts

    def read(path: Path) -> reading.Facts:
        facts = real(path)
        for one in folder.glob("below/*"):
            one.unlink()
        return facts

    monkeypatch.setattr(indexing, "read_facts", read)
    assert gallery.index().read == 1
    (folder / "below").rmdir()
    assert (gallery.index().gone, names(gallery)) == (1, [])


def test_what_may_not_be_read_is_broken_or_stays_as_it_was(gallery: Gallery, folder: Path) -> None:
    """Root may read all, so the store is asked what a stranger would be told."""
    path = write(folder / "a.png", a1111("a fox"))
    below = write(folder / "below" / "b.png", a1111("an owl"), colour=3).parent
    path.chmod(0)
    gallery.index()
    below.chmod(0)
    try:
        indexed = gallery.index()
        assert "b.png" in names(gallery)
        if os.geteuid():
            assert dict(indexed.problems)[str(below)]
            assert "cannot be read" in gallery.page("name:a.png").images[0].broken
    finally:
        below.chmod(0o755)
        path.chmod(0o644)


def test_a_read_only_folder_is_indexed_and_its_thumbnails_lie_elsewhere(
    gallery: Gallery, folder: Path, tmp_path: Path
) -> None:
    path = write(folder / "a.png", a1111("a fox"))
    folder.chmod(0o555)
    try:
        gallery.index()
        (image,) = gallery.page().images
        Marking(gallery).mark(image.id, {"rating": 3})
        assert Thumbnails(tmp_path / "cache").make(image.key, gallery.file_of(image.id)).is_file()
        assert list(folder.iterdir()) == [path]
    finally:
        folder.chmod(0o755)


@pytest.mark.skipif(not hasattr(os, "posix_spawn"), reason="names are Unicode there")
def test_names_that_are_no_utf_8_are_indexed_found_and_opened(gallery: Gallery, folder: Path) -> None:
    where = os.fsencode(folder)
    os.mkdir(where + b"/\xe9t\xe9")  # noqa: PTH102 - Latin-1
    for name in (b"/\xe9t\xe9/\xff\xfe.png", b"/line\nbreak.png", b"/-rf \xc3\xa9.png"):
        data = with_metadata(picture(), a1111(f"fox {name!r}"))
        put(Path(os.fsdecode(where + name)), data)
    assert gallery.index().read == 3
    assert all(gallery.file_of(image.id).is_file() for image in gallery.page("fox").images)
    assert (gallery.count("name:.png"), gallery.count("name:É.png"), gallery.index().read) == (3, 1, 0)


def test_ten_thousand_files_of_one_folder_are_listed_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(10_000):
        (folder / f"{number}.png").touch()
    listed: list[str] = []
    real = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: listed.append(str(path)) or real(path))
    found = disk.look([str(folder)])
    assert (listed, len(found.folders[str(folder), str(folder)])) == ([str(folder)], 10_000)


def test_one_content_ten_thousand_times_is_one_image(sqlite_store: Store, folder: Path) -> None:
    first = write(folder / "0.png", a1111("a fox"))
    for number in range(1, 300):
        os.link(first, folder / f"{number}.png")
    gallery = Gallery(sqlite_store)
    gallery.add_root(folder)
    assert (gallery.index().read, gallery.count()) == (300, 1)
