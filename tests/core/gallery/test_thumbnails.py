"""Thumbnails: made once for each content, in the background, of nothing that is too large."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from orchestrator_core.errors import GalleryError
from orchestrator_core.gallery.service import Gallery
from orchestrator_core.gallery.thumbnails import Thumbnails
from orchestrator_core.store import Store
from tests.core.gallery.images import picture, put
from tests.core.gallery.samples import avif
from tests.core.gallery.test_indexing import png_of

KEY = "ab" * 32


@pytest.fixture
def thumbnails(tmp_path: Path) -> Iterator[Thumbnails]:
    made = Thumbnails(tmp_path / "cache")
    yield made
    made.close()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_thumbnail_is_a_small_webp_named_by_the_content(thumbnails: Thumbnails, tmp_path: Path, kind: str) -> None:
    path = thumbnails.make(KEY, put(tmp_path / "a.png", picture(kind, (1200, 800))))
    assert path == tmp_path / "cache" / "ab" / f"{KEY}-384.webp"
    with Image.open(path) as image:
        assert (image.format, image.size) == ("WEBP", (384, 256))
    (tmp_path / "a.png").unlink()
    assert thumbnails.make(KEY, tmp_path / "a.png") == path  # made once


@pytest.mark.skipif("AVIF" not in Image.registered_extensions().values(), reason="this Pillow has no AVIF")
def test_an_avif_has_a_thumbnail_where_pillow_can(thumbnails: Thumbnails, tmp_path: Path) -> None:
    path = thumbnails.make(KEY, put(tmp_path / "a.png", picture("AVIF", (500, 250))))
    with Image.open(path) as image:
        assert (image.format, image.size) == ("WEBP", (384, 192))


def test_where_pillow_cannot_an_avif_is_not_broken_for_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator_core.gallery.thumbnails._known_kinds", lambda: ["PNG"])
    failed: list[tuple[str, str]] = []
    thumbnails = Thumbnails(tmp_path / "cache", failed=lambda *told: failed.append(told))
    with pytest.raises(GalleryError, match="reads no AVIF"):
        thumbnails.make(KEY, put(tmp_path / "a.avif", avif(b"")))
    thumbnails.ask(KEY, tmp_path / "a.avif")
    assert thumbnails.wait(60)
    thumbnails.close()
    assert failed == []


def test_what_is_seen_through_stays_so(thumbnails: Thumbnails, tmp_path: Path) -> None:
    data = io.BytesIO()
    Image.new("RGBA", (900, 900), (255, 0, 0, 0)).save(data, "PNG")
    with Image.open(thumbnails.make(KEY, put(tmp_path / "a.png", data.getvalue()))) as image:
        assert image.convert("RGBA").getpixel((5, 5))[3] == 0


def test_they_are_made_in_the_background(thumbnails: Thumbnails, tmp_path: Path) -> None:
    keys = [f"{number:064x}" for number in range(12)]
    for number, key in enumerate(keys):
        assert not thumbnails.ask(key, put(tmp_path / f"{number}.png", picture(size=(400, 400), colour=number)))
    assert thumbnails.wait(60)
    assert all(thumbnails.found(key) for key in keys)
    assert thumbnails.ask(keys[0], tmp_path / "0.png")


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (png_of(30_000, 30_000), "pixels"),
        (png_of(9_000, 9_000), "81,000,000 pixels are not decoded"),
        (picture(size=(64, 64))[:-40], "cannot be decoded"),
        (b"", "empty"),
        (b"<svg/>", "cannot be decoded"),
    ],
)
def test_what_cannot_be_shown_is_told(tmp_path: Path, data: bytes, told: str) -> None:
    failed: list[tuple[str, str]] = []
    thumbnails = Thumbnails(tmp_path / "cache", failed=lambda key, why: failed.append((key, why)))
    thumbnails.ask(KEY, put(tmp_path / "a.png", data))
    thumbnails.ask("cd" * 32, put(tmp_path / "b.png", picture()))
    assert thumbnails.wait(60)
    thumbnails.close()
    ((key, why),) = failed
    assert (key, told in why) == (KEY, True), why
    assert thumbnails.found("cd" * 32)
    assert not thumbnails.found(KEY)


def test_what_failed_is_broken_in_the_gallery_from_then_on(sqlite_store: Store, tmp_path: Path) -> None:
    gallery = Gallery(sqlite_store)
    gallery.add_root(tmp_path)
    data = picture(size=(64, 64))
    at = data.index(b"IDAT") + 12
    put(tmp_path / "a.png", data[:at] + bytes(8) + data[at + 8 :])  # its pixels are damaged, and nothing else
    gallery.index()
    (image,) = gallery.page("broken:no").images
    thumbnails = Thumbnails(tmp_path / "cache", failed=gallery.set_broken)
    thumbnails.ask(image.key, gallery.file_of(image.id))
    assert thumbnails.wait(60)
    thumbnails.close()
    assert "cannot be decoded" in gallery.page("broken:yes").images[0].broken
    assert not gallery.set_broken("ab" * 32, "gone")


@pytest.mark.parametrize("problem", ["nowhere to keep it", "gone", "a pipe by now"])
def test_a_picture_is_not_broken_for_what_the_disk_did(tmp_path: Path, problem: str) -> None:
    failed: list[tuple[str, str]] = []
    path = put(tmp_path / "a.png", picture())
    if problem == "nowhere to keep it":
        (tmp_path / "cache").touch()
    else:
        path.unlink()
    if problem == "a pipe by now":
        os.mkfifo(path)
    thumbnails = Thumbnails(tmp_path / "cache", failed=lambda *told: failed.append(told))
    thumbnails.ask(KEY, path)
    assert thumbnails.wait(60)
    thumbnails.close()
    assert failed == []


@pytest.mark.parametrize("key", ["../../etc/passwd", "run:r1/a.png", "AB" * 32, ""])
def test_no_path_comes_from_a_key(thumbnails: Thumbnails, key: str) -> None:
    with pytest.raises(GalleryError):
        thumbnails.path(key)
