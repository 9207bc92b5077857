"""Text chunks of a PNG (tEXt, zTXt, iTXt), read and written without touching a pixel; the standard library only.

The pixels are skipped, never decoded, so a large or hostile picture costs nothing; what texts may unfold to is bounded.
A text of Latin-1 is written as tEXt and any other as iTXt: Pillow's rule, so ComfyUI, A1111 and galleries read both.
Source: PNG specification, third edition, chapters 5 and 11.3.3.
"""

from __future__ import annotations

import mmap
import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from orchestrator_core.errors import FormatError

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_TEXT_BYTES = 64 * 1024 * 1024  # of all texts of one image, decompressed
MOST_CHUNKS = 200_000  # four times what the largest picture has
Bytes = bytes | mmap.mmap
_TEXT_CHUNKS = (b"tEXt", b"zTXt", b"iTXt")


class Chunk(NamedTuple):
    """``start`` is where the chunk's length field is, ``end`` is behind its checksum."""

    type: bytes
    start: int
    end: int

    @property
    def data(self) -> slice:
        return slice(self.start + 8, self.end - 4)


def read_chunks(data: Bytes, where: str) -> Iterator[Chunk]:
    """The chunks up to IEND. Raises FormatError where the file ends too early, or has far too many."""
    position = len(SIGNATURE)
    for _ in range(MOST_CHUNKS):
        if position + 12 > len(data):
            raise FormatError(f"{where}: the PNG ends at byte {len(data):,}, inside its chunks; it is not complete.")
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if end > len(data):
            name = kind.decode("latin-1")
            raise FormatError(
                f"{where}: the PNG's {name} chunk at byte {position:,} needs {length:,} bytes, but the file ends at "
                f"byte {len(data):,}; it is not complete."
            )
        yield Chunk(kind, position, end)
        if kind == b"IEND":
            return
        position = end
    raise FormatError(f"{where}: the PNG has more than {MOST_CHUNKS:,} chunks, which no picture has.")


def read_png(data: Bytes, where: str) -> tuple[tuple[int, int], dict[str, str]]:
    """((width, height), texts by keyword). Of two texts of one keyword the last counts, as in Pillow."""
    size = (0, 0)
    texts: dict[str, str] = {}
    room = MAX_TEXT_BYTES
    for chunk in read_chunks(data, where):
        if chunk.type == b"IHDR" and chunk.end - chunk.start == 25:
            size = struct.unpack_from(">II", data, chunk.data.start)
        elif chunk.type in _TEXT_CHUNKS:
            body = data[chunk.data]
            if zlib.crc32(body, zlib.crc32(chunk.type)) != struct.unpack_from(">I", data, chunk.end - 4)[0]:
                raise FormatError(f"{where}: the PNG's text chunk at byte {chunk.start:,} is damaged (checksum).")
            keyword, text = _decode(chunk.type, body, room, where)
            room -= len(text)
            texts[keyword] = text
    return size, texts


def _decode(kind: bytes, body: bytes, room: int, where: str) -> tuple[str, str]:
    keyword, _, rest = body.partition(b"\0")
    name = keyword.decode("latin-1")
    if kind == b"tEXt":
        return name, _bounded(rest, room, name, where).decode("latin-1")
    if kind == b"zTXt":
        return name, _inflate(rest[1:], room, name, where).decode("latin-1")
    compressed = rest[:1] == b"\1"
    text = rest[2:].split(b"\0", 2)[-1]  # behind a language and a translated keyword
    plain = _inflate(text, room, name, where) if compressed else _bounded(text, room, name, where)
    return name, plain.decode("utf-8", "replace")


def _bounded(text: bytes, room: int, name: str, where: str) -> bytes:
    if len(text) > room:
        raise FormatError(f'{where}: with "{name}", the PNG\'s texts are more than {MAX_TEXT_BYTES:,} bytes.')
    return text


def _inflate(data: bytes, room: int, name: str, where: str) -> bytes:
    inflater = zlib.decompressobj()
    try:
        text = inflater.decompress(data, room + 1)
    except zlib.error as error:
        raise FormatError(f'{where}: the PNG\'s compressed text "{name}" is damaged: {error}.') from None
    return _bounded(text, room, name, where)


def with_png_texts(data: bytes, texts: Mapping[str, str], where: str) -> bytes:
    """The same image with these texts; each replaces what was there under its keyword."""
    new = {_keyword(name): text for name, text in texts.items()}
    parts = [SIGNATURE]
    end = len(SIGNATURE)
    for chunk in read_chunks(data, where):
        end = chunk.end
        if chunk.type in _TEXT_CHUNKS and data[chunk.data].partition(b"\0")[0] in new:
            continue
        parts.append(data[chunk.start : chunk.end])
        if chunk.type == b"IHDR":  # readers that stop at the pixels must have seen the texts
            parts += [_encode(name, text) for name, text in new.items()]
    return b"".join([*parts, data[end:]])  # some programs keep data behind the image


def _keyword(name: str) -> bytes:
    try:
        keyword = name.encode("latin-1")
    except UnicodeEncodeError:
        keyword = b""
    if not 0 < len(keyword) < 80 or b"\0" in keyword:
        raise FormatError(f'"{name}" cannot be the keyword of a PNG text: 1–79 characters of Latin-1 are allowed.')
    return keyword


def _encode(keyword: bytes, text: str) -> bytes:
    try:
        kind, body = b"tEXt", keyword + b"\0" + text.encode("latin-1")
    except UnicodeEncodeError:
        kind, body = b"iTXt", keyword + b"\0\0\0\0\0" + text.encode("utf-8", "replace")
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))
