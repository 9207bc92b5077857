"""The preview of a LoRA for the page: the image beside the file, or the one inside of it, drawn anew and small.

What is sent is never the file itself but a new picture of it, so that nothing else that it may hold reaches a browser.
Videos and what is no picture are not shown.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
from pathlib import Path

from orchestrator_core.loras.header import read_header
from orchestrator_core.loras.record import LoraRecord

LARGEST = 64 << 20  # bytes of a file
MOST_PIXELS = 80_000_000
SIDES = {"small": 320, "large": 1024}  # px of the longer side
EMBEDDED = "embedded"


def preview_stamp(record: LoraRecord) -> str:
    """Changes with the image; "" where there is none."""
    path = record.path if record.preview == EMBEDDED else record.preview
    try:
        found = Path(path).stat()
    except (OSError, ValueError):
        return ""
    return f"{found.st_mtime_ns:x}-{found.st_size:x}" if path else ""


def preview_picture(record: LoraRecord, size: str = "small") -> bytes | None:
    """A WebP, no larger than ``SIDES[size]``; None where there is nothing that can be shown."""
    data = _embedded(record.path) if record.preview == EMBEDDED else _file(record.preview)
    return _drawn_anew(data, SIDES[size]) if data else None


def _file(path: str) -> bytes | None:
    try:
        with Path(path).open("rb") as file:
            data = file.read(LARGEST + 1)
    except (OSError, ValueError):
        return None
    return data if len(data) <= LARGEST else None


def _embedded(path: str) -> bytes | None:
    """The cover of the additional-networks editor, or ModelSpec's thumbnail."""
    metadata = read_header(path).metadata
    try:
        covers = json.loads(metadata.get("ssmd_cover_images") or "[]")
    except (ValueError, RecursionError):
        covers = []
    texts = [*covers[:1]] if isinstance(covers, list) else []
    texts += [metadata.get(f"modelspec.{name}") for name in ("thumbnail", "preview_image")]
    return next((data for text in texts if isinstance(text, str) and (data := _decoded(text))), None)


def _decoded(text: str) -> bytes | None:
    """Base64, alone or as a data URL."""
    if len(text) > LARGEST:
        return None
    try:
        return base64.b64decode(text.partition(",")[2] if text.startswith("data:") else text)
    except (binascii.Error, ValueError):
        return None


def _drawn_anew(data: bytes, side: int) -> bytes | None:
    from PIL import Image, ImageOps

    try:
        with Image.open(io.BytesIO(data)) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                return None
            picture.draft("RGB", (side, side))  # a JPEG is decoded no larger than it is needed
            small = ImageOps.exif_transpose(picture)
            small.thumbnail((side, side))
            has_alpha = "A" in small.getbands() or "transparency" in small.info
            file = io.BytesIO()
            small.convert("RGBA" if has_alpha else "RGB").save(file, "WEBP", quality=82, method=2)
            return file.getvalue()
    except Exception:  # noqa: BLE001 - decoders of many formats, and a stranger's file
        return None
