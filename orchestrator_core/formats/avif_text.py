"""Size and texts of an AVIF, read from its boxes; the standard library only, so every host can.

An AVIF is a file of boxes. ``meta`` says which items there are (``iinf``), where each lies (``iloc``), and how large
pictures are (``ispe``); the texts are in the items of type ``Exif``, as in a JPEG, and ``mime``, as XMP is. It is not
written here.
Sources: ISO/IEC 14496-12 §8.11, 23008-12 annex A.2.1 (HEIF), AV1 Image File Format 1.1.
"""

from __future__ import annotations

import struct
from collections.abc import ItemsView, Iterator, Mapping
from typing import NamedTuple

from orchestrator_core.errors import FormatError
from orchestrator_core.formats import xmp_text
from orchestrator_core.formats.exif_text import MOST_BLOCKS, read_exif
from orchestrator_core.formats.png_text import Bytes

_MOST_ITEMS = 10_000
_MOST_EXIF = 64 * 1024 * 1024  # bytes
_EXIF_HEAD = b"Exif\0\0"
_EXIF, _XMP = b"Exif", b"application/rdf+xml"
_PICTURES = (b"av01", b"grid", b"iden", b"iovl", b"tmap")  # coded, or made of others that are
_LONGEST_NAME = 1000  # bytes of an item's name and media type


class Box(NamedTuple):
    kind: bytes
    start: int  # of what is in it
    end: int


class Extent(NamedTuple):
    """Where a piece of an item lies: from the file's beginning, or, ``in_idat``, from that of the box ``idat``."""

    start: int
    length: int
    in_idat: bool


def is_avif(head: bytes) -> bool:
    """``head``: the first 32 bytes. The brand may come behind that of its family."""
    return head[4:8] == b"ftyp" and any(head[at : at + 4] in (b"avif", b"avis") for at in (8, *range(16, 32, 4)))


def read_avif(data: Bytes, where: str) -> tuple[tuple[int, int], dict[str, str]]:
    """((width, height), texts by name). Raises FormatError where the file is cut short or damaged."""
    try:
        boxes = {box.kind: box for box in _boxes(data, 0, len(data), where)}
        if b"meta" not in boxes:
            raise FormatError(f"{where}: the AVIF says nothing of what is in it.")
        inside = {box.kind: box for box in _boxes(data, boxes[b"meta"].start + 4, boxes[b"meta"].end, where)}
        return _size(data, inside, where), _texts(data, inside, where)
    except (struct.error, IndexError):
        raise FormatError(f"{where}: the AVIF's boxes are damaged.") from None


def with_avif_texts(data: bytes, texts: Mapping[str, str], where: str) -> bytes:
    raise FormatError(f"{where}: metadata is read from an AVIF and not written. Save as PNG, JPEG or WebP.")


def _boxes(data: Bytes, start: int, end: int, where: str) -> Iterator[Box]:
    while start + 8 <= end:
        length, kind = struct.unpack_from(">I4s", data, start)
        head = 8
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, start + 8)
            head = 16
        length = length or end - start  # 0: to the end
        if length < head or start + length > end:
            raise FormatError(f"{where}: the AVIF's box at byte {start:,} goes beyond the end; it is not complete.")
        yield Box(kind, start + head, start + length)
        start += length


def _size(data: Bytes, inside: Mapping[bytes, Box], where: str) -> tuple[int, int]:
    """The largest that it says: of a picture in tiles that is the whole."""
    sizes = [(0, 0)]
    for box in _within(data, inside.get(b"iprp"), where):
        if box.kind == b"ipco":
            found = [one for one in _within(data, box, where) if one.kind == b"ispe"]
            sizes += [struct.unpack_from(">II", data, one.start + 4) for one in found]
    return max(sizes, key=lambda size: size[0] * size[1])


def _within(data: Bytes, box: Box | None, where: str) -> Iterator[Box]:
    return _boxes(data, box.start, box.end, where) if box else iter(())


def _texts(data: Bytes, inside: Mapping[bytes, Box], where: str) -> dict[str, str]:
    """Of the items that are EXIF or XMP."""
    kinds, idat = _kinds(data, inside.get(b"iinf"), where), inside.get(b"idat")
    exif: dict[str, str] = {}
    xmp: dict[str, str] = {}  # EXIF is what programs that make images write; what is there as well counts less
    blocks = 0
    for item, extents in _items(data, inside):
        pieces = [_piece(data, extent, idat, where) for extent in extents]  # of the picture too: is it all there?
        kind, size = kinds.get(item), sum(end - start for start, end in pieces)
        blocks += kind in (_EXIF, _XMP)
        if blocks > MOST_BLOCKS:
            continue
        if kind == _EXIF and size <= _MOST_EXIF:
            block = b"".join(data[start:end] for start, end in pieces)
            exif |= read_exif(block[4 + int.from_bytes(block[:4], "big") :].removeprefix(_EXIF_HEAD))
        elif kind == _XMP and size <= xmp_text.MOST_BYTES:
            xmp |= xmp_text.texts_of(b"".join(data[start:end] for start, end in pieces).decode("utf-8", "replace"))
    return xmp | exif


def avif_pictures(data: Bytes, where: str) -> Iterator[bytes]:
    """What is shown, as it is coded: all tiles and the alpha, but no texts. Nothing of a file that is a film as well.

    Raises FormatError where it is damaged.
    """
    boxes = {box.kind: box for box in _boxes(data, 0, len(data), where)}
    if b"meta" not in boxes or b"moov" in boxes:
        return
    inside = {box.kind: box for box in _boxes(data, boxes[b"meta"].start + 4, boxes[b"meta"].end, where)}
    kinds, idat = _kinds(data, inside.get(b"iinf"), where), inside.get(b"idat")
    room = len(data)
    for item, extents in sorted(_items(data, inside)):
        if kinds.get(item) in _PICTURES:
            for start, end in (_piece(data, extent, idat, where) for extent in extents):
                room -= end - start
                if room < 0:
                    raise FormatError(f"{where}: the AVIF's items are larger than it.")
                yield data[start:end]


def _piece(data: Bytes, extent: Extent, idat: Box | None, where: str) -> tuple[int, int]:
    begin, end = (idat.start, idat.end) if extent.in_idat and idat else (0, len(data))
    start = begin + extent.start
    last = start + extent.length if extent.length else end
    if last > end:
        raise FormatError(f"{where}: the AVIF ends at byte {len(data):,}, inside of a picture; it is not complete.")
    return start, last


def _kinds(data: Bytes, box: Box | None, where: str) -> dict[int, bytes]:
    """Of each item what it is; of one with a media type that type."""
    if box is None:
        return {}
    version = data[box.start]
    found = {}
    for entry in _boxes(data, box.start + (6 if version == 0 else 8), box.end, where):
        version = data[entry.start]
        if entry.kind == b"infe" and version >= 2:
            number = ">H" if version == 2 else ">I"
            (item,) = struct.unpack_from(number, data, entry.start + 4)
            at = entry.start + 4 + struct.calcsize(number) + 2
            kind = data[at : at + 4]
            names = data[at + 4 : min(entry.end, at + 4 + _LONGEST_NAME)].split(b"\0")
            found[item] = names[1] if kind == b"mime" and len(names) > 1 else kind
    return found


class _Numbers:
    """Numbers of any size, one behind the other."""

    def __init__(self, data: Bytes, at: int) -> None:
        self.data, self.at = data, at

    def next(self, size: int) -> int:
        value = self.data[self.at : self.at + size]
        if len(value) < size:
            raise IndexError
        self.at += size
        return int.from_bytes(value, "big")


def _items(data: Bytes, inside: Mapping[bytes, Box]) -> ItemsView[int, list[Extent]]:
    return (_places(data, inside[b"iloc"]) if b"iloc" in inside else {}).items()


def _places(data: Bytes, box: Box) -> dict[int, list[Extent]]:
    numbers = _Numbers(data, box.start)
    version = numbers.next(4) >> 24
    sizes = numbers.next(2)
    offset, length, base, index = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    wide = 4 if version == 2 else 2
    found: dict[int, list[Extent]] = {}
    room = _MOST_ITEMS
    for _ in range(min(numbers.next(wide), _MOST_ITEMS)):
        item = numbers.next(wide)
        method = numbers.next(2) & 15 if version else 0
        numbers.next(2)  # 0: the data is in this file
        start = numbers.next(base)
        extents = []
        for _ in range(numbers.next(2)):
            room -= 1
            if room < 0:
                raise IndexError
            numbers.next(index if version else 0)
            extents.append(Extent(start + numbers.next(offset), numbers.next(length), method == 1))
        found[item] = extents
    return found
