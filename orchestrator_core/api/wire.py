"""What a server and the API say to each other: a request, an answer. No web framework is named here or below.

A server (``api/asgi.py`` for Forge and standalone, the aiohttp routes in ComfyUI) asks ``Service.before`` with what it
knows from the head of a request, reads no more of the body than that allows, and hands everything to ``Service.answer``
in a thread of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qsl

PREFIX = "/orchestrator/v1"


@dataclass(frozen=True, slots=True)
class Head:
    """``path`` is below the prefix with its escapes decoded: "/jobs/12". Names of headers are in lower case.

    ``client`` is the address of whoever connected, "127.0.0.1"; "" where the server does not know.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    client: str = ""


def query_in(raw: bytes) -> dict[str, str]:
    """What stands behind the question mark; of what is given twice the last."""
    return dict(parse_qsl(raw.decode("latin-1"), keep_blank_values=True, max_num_fields=None))


class EventStream(Protocol):
    """What is sent piece by piece. The server calls ``poll`` in a thread, sends it, and waits ``pause_s``."""

    pause_s: float

    def poll(self) -> bytes | None:
        """What is new, often b""; None: that was all. Never blocks for longer than a look into the store."""
        ...

    def close(self) -> None:
        """Whoever asked is gone."""
        ...


class Pending(Protocol):
    """What is not there yet. The server calls ``poll`` in a thread, and waits ``pause_s`` where it gave nothing."""

    pause_s: float

    def poll(self) -> Answer | None:
        """The answer, once it is there. Never raises, and never blocks for longer than a look."""
        ...


@dataclass(frozen=True, slots=True)
class Part:
    """``length`` bytes of a file, from the one with the number ``start`` on."""

    start: int
    length: int


@dataclass(frozen=True, slots=True)
class Answer:
    """``body``, or the bytes of ``file``, or what ``stream`` gives as time goes on, or what ``pending`` will be.

    ``part``: of the file; None for all of it.
    """

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    file: Path | None = None
    stream: EventStream | None = None
    part: Part | None = None
    pending: Pending | None = None

    def without_body(self) -> Answer:
        """What is answered to HEAD. Of what is pending nobody knows yet."""
        if self.pending is not None:
            return self
        return Answer(self.status, b"", self.content_type, self.headers)


class Service(Protocol):
    """Threads may share one. Neither method raises."""

    def before(self, head: Head) -> Answer | int:
        """An answer that refuses, for which no body is read; else the most bytes of body that are to be read."""
        ...

    def answer(self, head: Head, body: bytes) -> Answer:
        """Blocks, so it is called in a thread. The server has asked ``before`` first."""
        ...
