"""Content: an answer of ours that is no JSON, as a picture or a file to be saved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes, what they are, and headers that say how to treat them."""

    body: bytes
    media_type: str
    charset: str | None = None
    headers: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200
