"""An EXIF block, which is a small TIFF: read into entries and written again. The values stay the bytes they are.

Kept are the first directory and its EXIF and GPS directories. A thumbnail, and what a camera's maker hid behind
offsets of its own, are not: no image generator writes them. Source: TIFF 6.0 §2, EXIF 2.32 §4.6.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import NamedTuple

from orchestrator_core.errors import FormatError

EXIF, GPS = 0x8769, 0x8825  # in the first directory: where these directories are
_INTEROPERABILITY = 0xA005
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
ASCII, LONG, UNDEFINED = 2, 4, 7
_MAX_BYTES = 64 * 1024 * 1024  # of all values; a few bytes can point at the same megabytes again and again


class Entry(NamedTuple):
    type: int
    number: int  # of values of that type
    value: bytes


Directory = dict[int, Entry]


@dataclass(slots=True)
class ExifBlock:
    order: str = ">"  # as for struct: ">" big-endian, "<" little-endian
    main: Directory = field(default_factory=dict)
    exif: Directory = field(default_factory=dict)
    gps: Directory = field(default_factory=dict)


def read_exif_block(data: bytes) -> ExifBlock:
    """Raises FormatError for a block that is damaged."""
    order = {b"MM\0*": ">", b"II*\0": "<"}.get(data[:4])
    if order is None:
        raise FormatError("The EXIF block does not begin as one.")
    try:
        reader = _Reader(data, order)
        main = reader.directory(struct.unpack_from(f"{order}I", data, 4)[0])
        exif, gps = (reader.behind(main.pop(tag, None)) for tag in (EXIF, GPS))
    except struct.error:
        raise FormatError("The EXIF block points beyond its end.") from None
    exif.pop(_INTEROPERABILITY, None)
    return ExifBlock(order, main, exif, gps)


class _Reader:
    def __init__(self, data: bytes, order: str) -> None:
        self.data, self.order, self.room = data, order, _MAX_BYTES

    def directory(self, start: int) -> Directory:
        found: Directory = {}
        (count,) = struct.unpack_from(f"{self.order}H", self.data, start)
        for place in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind, number = struct.unpack_from(f"{self.order}HHI", self.data, place)
            size = _SIZES.get(kind, 0) * number
            if size == 0:
                continue  # a type of the future, or nothing
            where = place + 8 if size <= 4 else struct.unpack_from(f"{self.order}I", self.data, place + 8)[0]
            self.room -= size
            if where + size > len(self.data) or self.room < 0:
                raise FormatError(f"The EXIF entry {tag:#06x} points beyond the block's end.")
            found[tag] = Entry(kind, number, self.data[where : where + size])
        return found

    def behind(self, pointer: Entry | None) -> Directory:
        if pointer is None or pointer.type != LONG:
            return {}
        return self.directory(struct.unpack_from(f"{self.order}I", pointer.value)[0])


def write_exif_block(block: ExifBlock) -> bytes:
    order = block.order
    subs = [(tag, entries) for tag, entries in ((EXIF, block.exif), (GPS, block.gps)) if entries]
    main = block.main | {tag: Entry(LONG, 1, b"\0\0\0\0") for tag, _ in subs}
    start = 8 + len(_directory(main, 8, order))
    for tag, entries in subs:
        main[tag] = Entry(LONG, 1, struct.pack(f"{order}I", start))
        start += len(_directory(entries, start, order))
    parts = [b"MM\0*" if order == ">" else b"II*\0", struct.pack(f"{order}I", 8), _directory(main, 8, order)]
    for tag, entries in subs:
        parts.append(_directory(entries, struct.unpack(f"{order}I", main[tag].value)[0], order))
    return b"".join(parts)


def _directory(entries: Directory, start: int, order: str) -> bytes:
    """A directory that begins at this offset, with the values that do not fit into it behind it."""
    head = struct.pack(f"{order}H", len(entries))
    body = b""
    behind = start + 2 + 12 * len(entries) + 4
    for tag, entry in sorted(entries.items()):
        value = entry.value
        if len(value) > 4:
            value = struct.pack(f"{order}I", behind + len(body))
            body += entry.value + b"\0" * (len(entry.value) % 2)
        head += struct.pack(f"{order}HHI", tag, entry.type, entry.number) + value.ljust(4, b"\0")
    return head + b"\0\0\0\0" + body
