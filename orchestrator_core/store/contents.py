"""What the store notes about an image file: the SHA-256 of its content, and its size where it is a PNG."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

BLOCK = 1 << 20  # bytes read at a time
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class FileFacts:
    """``None`` where not known: the file is not there, or its header is not a PNG's."""

    sha256: str | None = None  # 64 lower-case hex digits
    width: int | None = None  # pixels
    height: int | None = None


def file_sha256(path: Path) -> str:
    """64 lower-case hex digits of the file's content, read in blocks. Raises OSError."""
    with path.open("rb") as file:
        return _sha256(file)


def file_facts(path: Path) -> FileFacts:
    """Of a regular file that can be read; unknown, never an error, of anything else."""
    try:
        if not path.is_file():  # a pipe would block, a device would never end
            return FileFacts()
        with path.open("rb") as file:
            width, height = _png_size(file.read(24))
            file.seek(0)
            return FileFacts(_sha256(file), width, height)
    except (OSError, ValueError):  # ValueError: a NUL in the name
        return FileFacts()


def _sha256(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while block := file.read(BLOCK):
        digest.update(block)
    return digest.hexdigest()


def _png_size(head: bytes) -> tuple[int | None, int | None]:
    """Width and height in pixels, which IHDR, always the first chunk, holds at byte 16 (PNG specification, 11.2.1)."""
    if len(head) < 24 or not head.startswith(PNG_SIGNATURE) or head[12:16] != b"IHDR":
        return None, None
    return int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")
