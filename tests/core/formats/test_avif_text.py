"""AVIF by its boxes, without a decoder; and texts in a PNG's alpha."""

from __future__ import annotations

import contextlib
import io
import json
import struct
import zlib
from html import escape
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from orchestrator_core.errors import FormatError
from orchestrator_core.formats import png_alpha
from orchestrator_core.formats.avif_text import avif_pictures
from orchestrator_core.formats.image_metadata import add_metadata, read_image_data
from orchestrator_core.formats.pixels import pixel_digest
from orchestrator_core.formats.png_alpha import read_alpha
from orchestrator_core.formats.xmp_text import NAME, texts_of
from tests.core.gallery.images import a1111, novelai
from tests.core.gallery.samples import _a1111_block, avif, box, stealthy

EXIF = _a1111_block(a1111)("a fox 狐")
MADE = avif(EXIF, (640, 480))


@pytest.mark.skipif("AVIF" not in Image.registered_extensions().values(), reason="this Pillow has no AVIF")
def test_what_pillow_writes_is_read() -> None:
    made = saved(0, exif=EXIF, xmp=b"<x:xmpmeta/>")
    found = read_image_data(made)
    assert (found.format, found.width, found.height) == ("AVIF", 50, 30)
    assert found.request is not None
    assert (found.request.positive, found.texts[NAME]) == ("a fox 狐", "<x:xmpmeta/>")
    assert pixel_digest(made) == pixel_digest(saved(0)) != pixel_digest(saved(9))
    assert pixel_digest(made)


def saved(colour: int, **said: bytes) -> bytes:
    data = io.BytesIO()
    Image.new("RGBA", (50, 30), (colour, 0, 0, 90)).save(data, "AVIF", **said)
    return data.getvalue()


@pytest.mark.parametrize("brand", [b"avif", b"avis", b"mif1"])
def test_an_avif_is_known_by_its_brand(brand: bytes) -> None:
    found = read_image_data(avif(EXIF, brand=brand).replace(b"avifmif1", b"mif1avif") if brand == b"mif1" else MADE)
    assert (found.format, found.request and found.request.positive) == ("AVIF", "a fox 狐")


@pytest.mark.parametrize("cut", range(32, len(MADE), 17))
def test_an_avif_that_is_cut_short_is_refused(cut: int) -> None:
    with pytest.raises(FormatError, match=r"not complete|damaged|nothing of what is in it"):
        read_image_data(MADE[:cut])


@given(st.integers(32, len(MADE) - 1), st.binary(min_size=1, max_size=8))
def test_any_damage_of_an_avif_is_read_or_refused(place: int, junk: bytes) -> None:
    with contextlib.suppress(FormatError):
        read_image_data(MADE[:place] + junk + MADE[place + len(junk) :])


def test_an_avif_of_endless_pieces_is_refused() -> None:
    pieces = struct.pack(">IHH", 0, 0x0000, 1) + struct.pack(">HHH", 2, 0, 0xFFFF)  # each of no bytes: all of the file
    data = box(b"ftyp", b"avif", bytes(4)) + box(b"meta", bytes(4), box(b"iloc", pieces))
    with pytest.raises(FormatError, match="damaged"):
        read_image_data(data)


def test_nothing_is_written_into_an_avif(tmp_path: Path) -> None:
    path = tmp_path / "a.avif"
    path.write_bytes(MADE)
    with pytest.raises(FormatError, match="Save as PNG, JPEG or WebP"):
        add_metadata(path, {"parameters": "a fox"})
    assert path.read_bytes() == MADE


XMP = """<?xpacket?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description {}>{}</rdf:Description></rdf:RDF>
</x:xmpmeta>"""
LISTED = "<exif:UserComment><rdf:Alt><rdf:li xml:lang='x-default'>{}</rdf:li></rdf:Alt></exif:UserComment>"
SAID = escape(a1111("a <fox> & 狐")["parameters"])


@pytest.mark.parametrize(
    ("attributes", "inside"),
    [
        (f'exif:UserComment="{SAID}"', ""),
        ("", f"<exif:UserComment>\n{SAID} </exif:UserComment>"),
        ("", LISTED.format(SAID)),
        ("", LISTED.replace("exif:UserComment", "dc:description").format(SAID)),
    ],
)
def test_xmp_of_an_avif_is_read_where_exif_says_nothing(attributes: str, inside: str) -> None:
    xmp = XMP.format(attributes, inside)
    found = read_image_data(avif(b"", xmp=xmp.encode()))
    assert found.request is not None
    assert (found.request.positive, found.software) == ("a <fox> & 狐", "A1111")
    assert found.texts[NAME] == xmp
    both = read_image_data(avif(EXIF, xmp=xmp.encode()))
    assert both.request is not None
    assert both.request.positive == "a fox 狐"


@pytest.mark.parametrize(
    "xmp",
    [
        "",
        "<x:xmpmeta/>",
        "<exif:UserComment>a fox",
        '<a exif:UserComment="a fox',
        LISTED.replace("</rdf:li>", "").format(SAID),
        LISTED.replace("exif:UserComment", "dc:description").format("My holidays"),
        "&lol9;" * 100,
    ],
)
def test_xmp_that_says_nothing_of_a_prompt_is_no_prompt(xmp: str) -> None:
    assert read_image_data(avif(b"", xmp=xmp.encode())).request is None


@given(st.text(st.sampled_from('<>/&;"= ab'), max_size=40), st.integers(0, 400), st.integers(0, 40))
def test_any_damage_of_xmp_is_borne(junk: str, at: int, much: int) -> None:
    xmp = XMP.format("", LISTED.format(SAID))
    texts_of(xmp[:at] + junk + xmp[at + much :])


def test_what_an_avif_shows_is_known_whatever_is_said_of_it() -> None:
    same = {pixel_digest(made) for made in (MADE, avif(b"", (640, 480)), avif(EXIF, (640, 480), xmp=b"<x:xmpmeta/>"))}
    assert len(same) == 1
    assert "" not in same
    assert pixel_digest(avif(EXIF, (640, 480), pixels=b"others")) not in {*same, ""}
    film = MADE + box(b"moov")
    for unknown in (film, MADE[:-200], box(b"ftyp", b"avif", bytes(4))):
        assert pixel_digest(unknown) == ""


def test_an_avif_whose_items_are_all_of_it_many_times_is_not_read_that_often() -> None:
    pieces = struct.pack(">IHH", 0, 0x0000, 1) + struct.pack(">HHH", 1, 0, 9000)  # each of no bytes: all of the file
    infe = box(b"infe", struct.pack(">IHH4sx", 2 << 24, 1, 0, b"av01"))
    meta = box(b"meta", bytes(4), box(b"iinf", struct.pack(">IH", 0, 1), infe), box(b"iloc", pieces))
    data = box(b"ftyp", b"avif", bytes(4)) + meta + box(b"mdat", bytes(2**20))
    with pytest.raises(FormatError, match="larger than it"):
        list(avif_pictures(data, "It"))
    assert pixel_digest(data) == ""


# texts in the alpha


@pytest.mark.parametrize("size", [(130, 140), (200, 121)])
def test_a_hidden_text_is_read_where_no_chunk_tells(size: tuple[int, int]) -> None:
    found = read_image_data(stealthy(json.dumps(novelai("a fox 狐")), size=size))
    assert (found.software, found.request and found.request.positive) == ("NovelAI", "a fox 狐")


def test_a_hidden_text_is_found_whatever_filters_the_rows_have() -> None:
    picture = Image.open(io.BytesIO(stealthy("a fox", packed=False)))
    rows = picture.tobytes()
    width, height = picture.size
    raw, above = b"", bytes(4 * width)
    for start in range(0, len(rows), 4 * width):
        row = rows[start : start + 4 * width]
        kind = start // (4 * width) % 5
        left, corner = bytes(4) + row[:-4], bytes(4) + above[:-4]
        raw += bytes([kind]) + bytes(_filtered(kind, *four) for four in zip(row, left, above, corner, strict=True))
        above = row
    body = stealthy("a fox", packed=False)
    head = body[: body.index(b"IDAT") - 4]
    packed = zlib.compress(raw)
    chunk = struct.pack(">I4s", len(packed), b"IDAT") + packed
    data = head + chunk + struct.pack(">I", zlib.crc32(chunk[4:])) + body[-12:]
    assert (height, read_alpha(data, "It")) == (140, {"parameters": "a fox"})


def _filtered(kind: int, value: int, left: int, above: int, corner: int) -> int:
    guess = left + above - corner
    near = min((left, above, corner), key=lambda one: abs(guess - one))
    return (value - (0, left, above, (left + above) // 2, near)[kind]) & 255


def test_of_a_picture_without_a_hidden_text_nothing_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(png_alpha, "_hidden", lambda _: pytest.fail("it was decoded"))
    for picture in (Image.new("RGBA", (200, 200)), Image.new("RGB", (200, 200)), Image.new("RGBA", (200, 20))):
        data = io.BytesIO()
        picture.save(data, "PNG")
        assert read_alpha(data.getvalue(), "It") == {}


def test_a_hidden_text_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(png_alpha, "MOST_BYTES", 1000)
    assert len(read_alpha(stealthy("a" * 100_000), "It")["parameters"]) == 1000


@given(st.integers(40, 4000), st.binary(min_size=1, max_size=8))
def test_any_damage_of_a_hidden_text_is_borne(place: int, junk: bytes) -> None:
    data = stealthy("a fox", packed=False)
    read_alpha(data[:place] + junk + data[place + len(junk) :], "It")
