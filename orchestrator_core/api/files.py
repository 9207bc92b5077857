"""Image files that are sent: only what the store lists, only regular files, and only what begins as an image does."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

# By how they begin: what a file is called says nothing about what is in it.
_BEGINNINGS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF8", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (4, b"ftypavif", "image/avif"),
    (0, b"\xff\x0a", "image/jxl"),
    (0, b"\x00\x00\x00\x0cJXL ", "image/jxl"),
)


def opened(path: Path) -> tuple[BinaryIO, int]:
    """The file and its size in bytes. Raises OSError for what is not there, or is no regular file."""
    # Without O_NONBLOCK to open a pipe would wait for whoever writes into it.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise OSError(f"{path} is no file.")
        return os.fdopen(descriptor, "rb"), facts.st_size
    except BaseException:
        os.close(descriptor)
        raise


def image_type(path: Path) -> str:
    """Its media type; "" for what is no image. Raises OSError."""
    file, _ = opened(path)
    with file:
        head = file.read(16)
    return next((kind for at, begins, kind in _BEGINNINGS if head[at : at + len(begins)] == begins), "")
