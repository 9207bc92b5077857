"""Which kind of picture bytes are, by how they begin: what a file is called says nothing about what is in it."""

from __future__ import annotations

from orchestrator_core.formats.avif_text import is_avif
from orchestrator_core.formats.png_text import SIGNATURE

HEAD = 32  # bytes that tell
_BEGINNINGS = (
    (0, SIGNATURE, "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF8", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (0, b"\xff\x0a", "image/jxl"),
    (0, b"\x00\x00\x00\x0cJXL ", "image/jxl"),
)


def media_type(head: bytes) -> str:
    """ "image/png", …; "" for what is no picture. ``head``: the first 32 bytes, or more."""
    if is_avif(head):
        return "image/avif"
    return next((kind for at, begins, kind in _BEGINNINGS if head[at : at + len(begins)] == begins), "")
