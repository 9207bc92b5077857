"""The image that some LoRAs carry within their header, as bytes to be shown."""

from __future__ import annotations

import base64
import binascii

from orchestrator_core.loras.header import read_header
from orchestrator_core.loras.header_facts import loads

# How a header's image begins, and what kind it is: anything else is not given to a browser.
_KINDS = ((b"\x89PNG", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"RIFF", "image/webp"), (b"GIF8", "image/gif"))


def embedded_preview(path: str) -> tuple[bytes, str] | None:
    """The image and its media type; None where there is none. Never raises."""
    metadata = read_header(path).metadata
    covers = loads(metadata.get("ssmd_cover_images"))
    texts = [metadata.get("modelspec.thumbnail"), metadata.get("modelspec.preview_image")]
    texts += covers if isinstance(covers, list) else []
    for text in texts:
        image = _decoded(text) if isinstance(text, str) else b""
        kind = next((kind for start, kind in _KINDS if image.startswith(start)), "")
        if kind:
            return image, kind
    return None


def _decoded(text: str) -> bytes:
    """Base64, with or without the beginning of a data URL."""
    try:
        return base64.b64decode(text.rpartition("base64,")[2], validate=True)
    except (binascii.Error, ValueError):
        return b""
