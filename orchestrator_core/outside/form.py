"""What is sent, as ``multipart/form-data`` (RFC 7578): ``record``, a JSON object, then ``image``, a file as it is."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from typing import Any, NamedTuple

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_BROWSERS_ESCAPES = {'"': "%22", "\r": "%0D", "\n": "%0A"}  # as the HTML specification has them; the rest is UTF-8


class File(NamedTuple):
    """``kind``: its media type."""

    name: str
    kind: str
    data: bytes


def form(record: Mapping[str, Any], image: File | None = None) -> tuple[str, bytes]:
    """(its Content-Type, the body)"""
    boundary = f"orchestrator-{secrets.token_hex(16)}"
    text = json.dumps(record, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
    parts = [_part(boundary, 'name="record"', "application/json", text)]
    if image is not None:
        told = f'name="image"; filename="{_filename(image.name)}"'
        parts.append(_part(boundary, told, image.kind, image.data))
    return f"multipart/form-data; boundary={boundary}", b"".join([*parts, f"--{boundary}--\r\n".encode()])


def _part(boundary: str, told: str, kind: str, data: bytes) -> bytes:
    head = f"--{boundary}\r\nContent-Disposition: form-data; {told}\r\nContent-Type: {kind}\r\n\r\n"
    return b"".join([head.encode("utf-8", "replace"), data, b"\r\n"])


def _filename(name: str) -> str:
    for character, escaped in _BROWSERS_ESCAPES.items():
        name = name.replace(character, escaped)
    return _CONTROL.sub("_", name)
