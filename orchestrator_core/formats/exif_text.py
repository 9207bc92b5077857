"""Texts in the EXIF of a JPEG or a WebP, read and written without touching a pixel.

Two habits are common: A1111's, the infotext in UserComment; ComfyUI's, strings ``prompt:{…}`` and ``workflow:{…}`` in
the first directory. We read and write both. The containers are taken apart here and not by Pillow, which can write EXIF
only by encoding the picture again.
Sources: EXIF 2.32 §4.6; the WebP container specification; ComfyUI ``comfy_extras/nodes_images.py``.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from orchestrator_core.errors import FormatError
from orchestrator_core.formats.exif_block import ASCII, UNDEFINED, Entry, ExifBlock, read_exif_block, write_exif_block
from orchestrator_core.formats.png_text import Bytes

_USER_COMMENT, _SOFTWARE = 0x9286, 0x0131
_NAME_TAGS = {"prompt": 0x0110, "workflow": 0x010F, "orchestrator": 0x010E}  # as ComfyUI counts down from Model
_NAMED = re.compile(r"([A-Za-z_]\w{0,40}):\s*(?=[{\[\"])")
_EXIF_HEAD = b"Exif\0\0"
_MAX_JPEG_SEGMENT = 65_533
MOST_BLOCKS = 4  # of EXIF in one file, where one is right: each may unfold to megabytes


class Part(NamedTuple):
    """A JPEG segment or a WebP chunk: its kind, where it starts with its header, its payload and its end."""

    kind: str
    start: int
    payload: int
    end: int


def read_jpeg(data: Bytes, where: str) -> tuple[tuple[int, int], dict[str, str]]:
    """((width, height), texts by name). Raises FormatError where the file is cut short."""
    size, blocks = (0, 0), 0
    texts: dict[str, str] = {}
    for part in jpeg_parts(data, where):
        payload = data[part.payload : part.end]
        if part.kind == "size" and len(payload) >= 5:
            height, width = struct.unpack_from(">HH", payload, 1)
            size = (width, height)
        elif part.kind == "exif" and (blocks := blocks + 1) <= MOST_BLOCKS:
            texts |= read_exif(payload.removeprefix(_EXIF_HEAD))
        elif part.kind == "comment":
            texts.setdefault("comment", payload.decode("utf-8", "replace"))
    return size, texts


def read_webp(data: Bytes, where: str) -> tuple[tuple[int, int], dict[str, str]]:
    """((width, height), texts by name). Raises FormatError where the file is cut short."""
    size, blocks = (0, 0), 0
    texts: dict[str, str] = {}
    for part in webp_parts(data, where):
        if part.kind in ("VP8X", "VP8 ", "VP8L") and size == (0, 0):
            size = _webp_size(part.kind, data[part.payload : part.payload + 10])
        elif part.kind == "EXIF" and (blocks := blocks + 1) <= MOST_BLOCKS:
            texts |= read_exif(data[part.payload : part.end].removeprefix(_EXIF_HEAD))
    return size, texts


def jpeg_parts(data: Bytes, where: str) -> Iterator[Part]:
    """The segments before the pixels."""
    position = 2
    while True:
        while data[position : position + 2] == b"\xff\xff":  # fill bytes
            position += 1
        if position + 4 > len(data) or data[position] != 0xFF:
            raise FormatError(f"{where}: the JPEG is cut short or damaged at byte {position:,}.")
        marker, length = struct.unpack_from(">BH", data, position + 1)
        end = position + 2 + length
        if length < 2 or end > len(data):
            raise FormatError(f"{where}: the JPEG's segment at byte {position:,} goes beyond the end of the file.")
        yield Part(_jpeg_kind(marker, data[position + 4 : position + 10]), position, position + 4, end)
        if marker == 0xDA:
            return
        position = end


def _jpeg_kind(marker: int, head: bytes) -> str:
    if marker == 0xE1:
        return "exif" if head == _EXIF_HEAD else "other"
    if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
        return "size"
    return {0xFE: "comment", 0xE0: "jfif"}.get(marker, "other")


def webp_parts(data: Bytes, where: str) -> Iterator[Part]:
    if 8 + struct.unpack_from("<I", data, 4)[0] > len(data):
        raise FormatError(f"{where}: the WebP says that it is longer than its {len(data):,} bytes; it is not complete.")
    position = 12
    while position < len(data):
        if position + 8 > len(data):
            raise FormatError(f"{where}: the WebP is cut short at byte {position:,}.")
        kind, length = struct.unpack_from("<4sI", data, position)
        end = position + 8 + length
        if end > len(data):
            raise FormatError(f"{where}: the WebP's chunk at byte {position:,} goes beyond the end of the file.")
        yield Part(kind.decode("latin-1"), position, position + 8, end)
        position = end + length % 2


def _webp_size(kind: str, head: bytes) -> tuple[int, int]:
    if len(head) < 10:
        return (0, 0)
    if kind == "VP8X":
        return 1 + int.from_bytes(head[4:7], "little"), 1 + int.from_bytes(head[7:10], "little")
    if kind == "VP8L":
        bits = int.from_bytes(head[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack_from("<HH", head, 6)
    return width & 0x3FFF, height & 0x3FFF


def read_exif(data: bytes) -> dict[str, str]:
    """The texts of an EXIF block: "parameters" from UserComment, and every ``name:{…}``. A damaged block has none."""
    try:
        block = read_exif_block(data)
    except FormatError:
        return {}
    texts = {}
    for entry in block.main.values():
        value = entry.value.rstrip(b"\0").decode("utf-8", "replace") if entry.type == ASCII else ""
        if match := _NAMED.match(value):
            texts[match[1].lower()] = value[match.end() :]
    comment = block.exif.get(_USER_COMMENT) or block.main.get(_USER_COMMENT)
    if comment:
        end = b"\0" if comment.type == ASCII else b""  # an entry of text, as Fooocus writes it, ends so
        texts["parameters"] = _comment_text(comment.value.removesuffix(end))
    if software := block.main.get(_SOFTWARE):
        texts["Software"] = software.value.rstrip(b"\0").decode("utf-8", "replace")
    return texts


def _comment_text(comment: bytes) -> str:
    code, text = comment[:8], comment[8:]
    if code == b"UNICODE\0":
        # The standard leaves the byte order open; A1111 writes big-endian whatever the block's is.
        # The other reading is the meant one where it has more of ASCII; a single letter may be there by chance.
        big, little = (text.decode(f"utf-16-{name}", "replace") for name in ("be", "le"))
        return little if _ascii_letters(little) > _ascii_letters(big) + 1 else big
    return (text if code in (b"ASCII\0\0\0", b"\0" * 8) else comment).decode("utf-8", "replace")


def _ascii_letters(text: str) -> int:
    return sum(" " <= char <= "~" for char in text)


def _exif_with(data: bytes, texts: Mapping[str, str], where: str) -> bytes:
    """An EXIF block that has the texts besides what was in it."""
    try:
        block = read_exif_block(data)
    except FormatError:
        block = ExifBlock()
    for name, text in texts.items():
        if name == "parameters":
            comment = b"UNICODE\0" + text.encode("utf-16-be", "replace")
            block.exif[_USER_COMMENT] = Entry(UNDEFINED, len(comment), comment)
        elif name in _NAME_TAGS:
            value = f"{name}:{text}\0".encode("utf-8", "replace")
            block.main[_NAME_TAGS[name]] = Entry(ASCII, len(value), value)
        else:
            raise FormatError(f'{where}: "{name}" has no place in EXIF; parameters, {", ".join(_NAME_TAGS)} have.')
    return write_exif_block(block)


def with_jpeg_texts(data: bytes, texts: Mapping[str, str], where: str) -> bytes:
    """The same JPEG with these texts. Raises FormatError if they are more than its 64 KiB for EXIF."""
    parts = list(jpeg_parts(data, where))
    old = next((data[part.payload : part.end] for part in parts if part.kind == "exif"), b"")
    payload = _EXIF_HEAD + _exif_with(old.removeprefix(_EXIF_HEAD), texts, where)
    if len(payload) > _MAX_JPEG_SEGMENT:
        raise FormatError(
            f"{where}: {len(payload):,} bytes of metadata do not fit into a JPEG, which has room for "
            f"{_MAX_JPEG_SEGMENT:,}; save as PNG or WebP, or leave the workflow out."
        )
    kept = [data[part.start : part.end] for part in parts if part.kind not in ("exif", "jfif")]
    jfif = [data[part.start : part.end] for part in parts if part.kind == "jfif"]
    segment = b"\xff\xe1" + struct.pack(">H", len(payload) + 2) + payload
    return b"".join([data[:2], *jfif, segment, *kept, data[parts[-1].end :]])


def with_webp_texts(data: bytes, texts: Mapping[str, str], where: str) -> bytes:
    """The same WebP with these texts, in the extended layout."""
    parts = list(webp_parts(data, where))
    old = next((data[part.payload : part.end] for part in parts if part.kind == "EXIF"), b"")
    block = _exif_with(old.removeprefix(_EXIF_HEAD), texts, where)
    chunks = [(part.kind, data[part.payload : part.end]) for part in parts if part.kind not in ("EXIF", "VP8X")]
    head = next((data[part.payload : part.end] for part in parts if part.kind == "VP8X"), b"")
    if len(head) < 10:
        head = _extended_head(chunks, where)
    chunks = [("VP8X", bytes([head[0] | 0x08]) + head[1:]), *chunks, ("EXIF", block)]
    body = b"WEBP" + b"".join(_webp_chunk(kind, payload) for kind, payload in chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _extended_head(chunks: list[tuple[str, bytes]], where: str) -> bytes:
    kind, payload = chunks[0] if chunks else ("", b"")
    width, height = _webp_size(kind, payload[:10])
    if width < 1 or height < 1:
        raise FormatError(f"{where}: the WebP says nothing of its size.")
    alpha = 0x10 if kind == "VP8L" and payload[4] & 0x10 else 0
    return bytes([alpha, 0, 0, 0]) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")


def _webp_chunk(kind: str, payload: bytes) -> bytes:
    return kind.encode("latin-1") + struct.pack("<I", len(payload)) + payload + b"\0" * (len(payload) % 2)
