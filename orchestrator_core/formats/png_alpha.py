"""Texts that hide in the lowest bits of a PNG's alpha: NovelAI's, which survive where text chunks are taken away.

Of the alpha, column by column from the top left, the lowest bits are 15 letters, a length of 32 bits, itself in bits,
and the text. Whether the letters are there is seen from the first pixels of the first rows; nothing else is decoded of
a picture without them.
Source: NovelAI's ``novelai-image-metadata`` (``nai_meta.py``).
"""

from __future__ import annotations

import io
import json
import struct
import zlib

from orchestrator_core.errors import FormatError
from orchestrator_core.formats.json_text import read_json
from orchestrator_core.formats.png_text import Bytes, read_chunks

_PLAIN, _PACKED = b"stealth_pnginfo", b"stealth_pngcomp"
_ROWS = 8 * len(_PLAIN)
MOST_PIXELS = 2**22  # of a picture that is decoded for its text
MOST_BYTES = 16 * 2**20  # of a text
_RGBA = (8, 6)  # bits of a channel, colour type
_FILTERS_OF_ABOVE = {0: 0, 1: 0, 2: 2, 3: 1, 4: 2}  # of the row above the first pixel takes: nothing, a half, all


def read_alpha(data: Bytes, where: str) -> dict[str, str]:
    """The texts, by the names that their chunks have else. What is no such picture, or damaged, has none."""
    try:
        size = _size(data)
        if size is None or _first_letters(data, size, where) not in (_PLAIN, _PACKED):
            return {}
        return _texts(_hidden(data))
    except (FormatError, OSError, ValueError, SyntaxError, IndexError, zlib.error, struct.error, ImportError):
        return {}


def _size(data: Bytes) -> tuple[int, int] | None:
    """(width, height) of a PNG in which a text may hide."""
    width, height, *kind, _, _, interlaced = struct.unpack_from(">IIBBBBB", data, 16)
    if tuple(kind) != _RGBA or interlaced or width * height > MOST_PIXELS or height < _ROWS:
        return None
    return width, height


def _first_letters(data: Bytes, size: tuple[int, int], where: str) -> bytes:
    """What the alpha of the first pixel of each of the first rows says."""
    row = 1 + 4 * size[0]
    wanted = row * _ROWS
    inflater = zlib.decompressobj()
    pixels = b""
    for chunk in read_chunks(data, where):
        if chunk.type == b"IDAT" and len(pixels) < wanted:
            pixels += inflater.decompress(data[chunk.data], wanted - len(pixels))
    bits, above = 0, 0
    for start in range(0, wanted, row):
        # Left of the first pixel is nothing: of the filters what they take from above is left.
        above = (pixels[start + 4] + (above * _FILTERS_OF_ABOVE.get(pixels[start], 0) >> 1)) & 255
        bits = bits << 1 | above & 1
    return bits.to_bytes(len(_PLAIN), "big")


def _hidden(data: Bytes) -> str:
    from PIL import Image

    with Image.open(io.BytesIO(data), formats=["PNG"]) as picture:
        alpha = picture.getchannel("A").transpose(Image.Transpose.TRANSPOSE).tobytes()
    letters = len(_PLAIN)
    length = int.from_bytes(_bytes_of(alpha, 8 * letters, 32), "big")
    if length > 8 * MOST_BYTES or length % 8:
        raise ValueError
    said = _bytes_of(alpha, 8 * letters + 32, length)
    if _bytes_of(alpha, 0, 8 * letters) == _PACKED:
        said = zlib.decompressobj(wbits=31).decompress(said, MOST_BYTES)
    return said.decode("utf-8", "replace")


def _bytes_of(alpha: bytes, start: int, bits: int) -> bytes:
    if start + bits > len(alpha):
        raise ValueError
    digits = alpha[start : start + bits].translate(bytes(48 + (value & 1) for value in range(256)))
    return int(digits or b"0", 2).to_bytes(bits // 8, "big")


def _texts(said: str) -> dict[str, str]:
    """NovelAI hides what its chunks say as JSON, others an infotext."""
    if not said.lstrip().startswith("{"):
        return {"parameters": said} if said else {}
    value = read_json(said, "The hidden text")
    if not isinstance(value, dict):
        return {}
    return {str(name): one if isinstance(one, str) else json.dumps(one) for name, one in value.items()}
