"""What a picture shows, apart from what its file says of it: a digest of the compressed pixels, which are not decoded.

A program that writes tags into a file leaves the pixels as they are packed, and so this digest.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator

from orchestrator_core.errors import FormatError
from orchestrator_core.formats.avif_text import avif_pictures, is_avif
from orchestrator_core.formats.exif_text import jpeg_parts, webp_parts
from orchestrator_core.formats.png_text import SIGNATURE, Bytes, read_chunks

_PNG = (b"IHDR", b"PLTE", b"tRNS", b"IDAT")
_WEBP = ("VP8 ", "VP8L", "ALPH", "ANIM", "ANMF")


def pixel_digest(data: Bytes) -> str:
    """32 hex digits; "" for what is damaged, of a format that is not read, or an animated AVIF."""
    try:
        pieces = list(_pieces(data))
    except (FormatError, struct.error, IndexError):
        return ""
    if not pieces:
        return ""
    digest = hashlib.blake2b(digest_size=16)
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def _pieces(data: Bytes) -> Iterator[bytes]:
    if data[:8] == SIGNATURE:
        chunks = [chunk for chunk in read_chunks(data, "It") if chunk.type in _PNG]
        if any(chunk.type == b"IDAT" for chunk in chunks):
            # The checksum that ends a chunk and the length that begins it stand for what is between.
            yield from (data[chunk.start : chunk.start + 8] + data[chunk.end - 4 : chunk.end] for chunk in chunks)
    elif data[:3] == b"\xff\xd8\xff":
        for part in jpeg_parts(data, "It"):
            marker = data[part.payload - 3]
            if not 0xE0 <= marker <= 0xEF and marker != 0xFE:  # what programs say, and comments
                yield data[part.start : part.end]
        yield data[part.end :]
    elif is_avif(data[:32]):
        yield from avif_pictures(data, "It")
    elif data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        yield from (data[part.start : part.end] for part in webp_parts(data, "It") if part.kind in _WEBP)
