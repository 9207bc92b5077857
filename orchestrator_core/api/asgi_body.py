"""The body of an ASGI request, of which no more is read than may be."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from orchestrator_core.api.refusing import too_large

BODY_S = 60.0  # a body that takes longer is given up
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class Gone(Exception):
    """Whoever asked closed the connection."""


class TooSlow(Exception):
    """The body did not come in time."""


async def read_body(receive: Receive, most: int, within_s: float = BODY_S) -> bytes:
    """Raises Refusal for more than ``most`` bytes, announced or not; Gone; TooSlow."""
    try:
        return await asyncio.wait_for(_read(receive, most), within_s)
    except asyncio.TimeoutError:  # in Python 3.10 it is not the built-in one
        raise TooSlow from None


async def _read(receive: Receive, most: int) -> bytes:
    pieces, size = list[bytes](), 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        piece = message.get("body", b"")
        size += len(piece)
        if size > most:
            raise too_large(most)
        pieces.append(piece)
        if not message.get("more_body", False):
            return b"".join(pieces)
