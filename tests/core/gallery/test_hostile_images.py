"""A few bytes in a folder that would cost gigabytes, hours, or the whole look, if they were believed."""

from __future__ import annotations

import json
import os
import struct
import time
import tracemalloc
import zlib
from pathlib import Path

import pytest

from orchestrator_core.context import StageContext
from orchestrator_core.formats.image_metadata import with_metadata
from orchestrator_core.gallery import reading, workflows
from orchestrator_core.gallery.image_runs import Drawing
from orchestrator_core.gallery.service import Gallery
from tests.core.gallery.images import LONG_AGO, a1111, fooocus, picture, put, write
from tests.core.gallery.samples import box
from tests.core.gallery.test_bad_images import jpeg_of
from tests.core.gallery.test_indexing import folder, gallery, names, png_chunk, png_of

__all__ = ["folder", "gallery"]
MIB = 2**20
SOON_S = 20.0  # on a machine that does other things too; each took more than a minute


def packed(text: bytes) -> bytes:
    return png_of(8, 8, png_chunk(b"zTXt", b"prompt\0\0" + zlib.compress(text, 9)), png_chunk(b"IDAT", b""))


def exif_again_and_again(size: int = 28_000) -> bytes:
    """Entries of text that all point to the same bytes, which are these entries."""
    count = size // 12
    entries = b"".join(struct.pack(">HHII", tag, 2, size, 0) for tag in range(count))
    return b"MM\0*\0\0\0\x08" + struct.pack(">H", count) + entries + bytes(size)


def avif_of_exif(items: int, block: bytes) -> bytes:
    """Each item is the same EXIF block."""
    head = box(b"ftyp", b"avif", bytes(4), b"avifmif1")
    entries = [box(b"infe", b"\2\0\0\0", struct.pack(">HH", number, 0), b"Exif\0") for number in range(1, items + 1)]
    names = box(b"iinf", bytes(4), struct.pack(">H", items), *entries)
    ispe = box(b"iprp", box(b"ipco", box(b"ispe", bytes(4), struct.pack(">II", 8, 8))))

    def meta(at: int) -> bytes:
        places = b"".join(struct.pack(">HHHII", n, 0, 1, at, len(block) + 4) for n in range(1, items + 1))
        where = box(b"iloc", bytes(4), b"\x44\0", struct.pack(">H", items), places)
        return box(b"meta", bytes(4), names, ispe, where)

    start = len(head) + len(meta(0)) + 8
    return head + meta(start) + box(b"mdat", bytes(4), block)  # four bytes say where in the item the block begins


def test_a_graph_of_millions_of_nothings_is_not_unfolded(gallery: Gallery, folder: Path) -> None:
    put(folder / "a.png", packed(b"[" + b"{}," * (5 * MIB) + b"1]"))
    tracemalloc.start()
    gallery.index()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    (image,) = gallery.page("broken:yes").images
    assert "values, and is not read" in image.broken
    assert most < 150 * MIB  # they had 400


def test_a_large_png_of_chunks_of_nothing_fills_no_memory(
    gallery: Gallery, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sparse file takes no room on the disk."""
    monkeypatch.setattr(reading, "MOST_BYTES", MIB)
    path = put(folder / "a.png", b"\x89PNG\r\n\x1a\n")
    os.truncate(path, 6 * MIB)
    os.utime(path, (LONG_AGO, LONG_AGO))
    tracemalloc.start()
    gallery.index()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "more than is read" in gallery.page("broken:yes").images[0].broken
    assert most < 25 * MIB  # they had 60


def test_a_png_of_a_million_chunks_is_given_up(gallery: Gallery, folder: Path) -> None:
    put(folder / "a.png", picture()[:33] + png_chunk(b"IDAT", b"") * 1_000_000 + picture()[33:])
    gallery.index()
    assert "chunks, which no picture has" in gallery.page("broken:yes").images[0].broken


def test_a_file_of_a_terabyte_is_not_hashed(gallery: Gallery, folder: Path) -> None:
    path = put(folder / "a.png", picture())
    try:
        os.truncate(path, 2**40)
    except OSError:
        pytest.skip("this disk has no files of a terabyte")
    os.utime(path, (LONG_AGO, LONG_AGO))
    begun = time.monotonic()
    gallery.index()
    assert "more than an image has" in gallery.page("broken:yes").images[0].broken
    assert time.monotonic() - begun < SOON_S


@pytest.mark.parametrize("kind", ["avif", "jpeg", "webp"])
def test_exif_that_unfolds_again_and_again_is_read_a_few_times(gallery: Gallery, folder: Path, kind: str) -> None:
    block = exif_again_and_again()
    if kind == "avif":
        data = avif_of_exif(2000, block)
    elif kind == "jpeg":
        data = jpeg_of(*[(0xE1, b"Exif\0\0" + block)] * 500)
    else:
        chunks = (b"EXIF" + struct.pack("<I", len(block)) + block) * 500
        data = picture("WEBP") + chunks
        data = data[:4] + struct.pack("<I", len(data) - 8) + data[8:]
    put(folder / "a.png", data)
    begun = time.monotonic()
    gallery.index()
    assert time.monotonic() - begun < SOON_S
    assert names(gallery) == ["a.png"]


@pytest.mark.parametrize("at_s", [1e10, 15e9], ids=["year 2286", "year 2445"])
def test_one_file_of_another_age_stops_no_look(gallery: Gallery, folder: Path, at_s: float) -> None:
    path = write(folder / "a.png", a1111("a fox"))
    write(folder / "b.png", a1111("an owl"), colour=2)
    os.utime(path, (at_s, at_s))
    assert gallery.index().read == 2
    assert names(gallery) == ["a.png", "b.png"]
    assert gallery.index().read == 0


def test_of_sixty_thousand_loras_the_first_are_what_it_is_found_by(gallery: Gallery, folder: Path) -> None:
    write(folder / "a.png", a1111(" ".join(f"<lora:l{number}:1>" for number in range(60_000))))
    gallery.index()
    (image,) = gallery.page("lora:l7").images
    assert len(gallery.terms(image.id)) == reading.MOST_NAMES
    assert len(image.settings["loras"]) == reading.MOST_NAMES


def test_a_fooocus_lora_without_a_weight_does_not_break_the_picture(gallery: Gallery, folder: Path) -> None:
    told = fooocus("a fox")
    told["parameters"] = told["parameters"][:-1] + ', "loras": [["ink"], [1, 2, 3], null, ["wash", 0.5]]}'
    put(folder / "a.png", with_metadata(picture(), told))
    gallery.index()
    (image,) = gallery.page("lora:wash").images
    assert image.broken == ""


def test_a_workflow_is_made_of_no_image_that_names_thousands_of_loras_or_nodes(gallery: Gallery, folder: Path) -> None:
    write(folder / "a.png", a1111(" ".join(f"<lora:l{number}:1>" for number in range(5_000))))
    node = {"class_type": "CLIPTextEncode", "inputs": {"text": "a fox"}}
    graph = {str(number): node for number in range(workflows.MOST_NODES + 1)}
    write(folder / "b.png", {"prompt": json.dumps(graph)}, colour=1)
    gallery.index()

    def drawn() -> StageContext:
        raise AssertionError("nothing is drawn for it")

    found = [workflows.workflow_of_image(gallery, image, Drawing(drawn)) for image in gallery.page().images]
    assert [one.workflow for one in found if "LoRAs, which no workflow holds" in " ".join(one.told)] == [None]
    assert sum("nodes; more than" in " ".join(one.told) for one in found) == 1
