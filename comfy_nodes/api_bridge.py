"""ApiBridge: the API behind ComfyUI's server. ``host.add_api`` hands it requests, and sends what it answers.

The server's loop never waits for the API: whatever may read a file or the store runs in threads of the bridge's own.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO, Protocol, TypeVar

from .routes import Stream

if TYPE_CHECKING:
    from orchestrator_core.api.wire import Answer, EventStream, Head, Pending, Service

MOST_STREAMS = 32  # of events, at once
MOST_BODIES = 16  # in memory at once; others wait on their connections
_THREADS, _EVENT_THREADS = 8, 2  # some long draws hold up no other call, and no events
_PIECE = 1 << 16  # bytes
_BODY_S = 60.0
_T = TypeVar("_T")
_log = logging.getLogger("orchestrator")


class Transport(Protocol):
    def is_closing(self) -> bool: ...


class ApiRequest(Protocol):
    """What is asked of a request; aiohttp's are so."""

    @property
    def method(self) -> str: ...
    @property
    def match_info(self) -> Mapping[str, str]: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def query(self) -> Mapping[str, str]: ...
    @property
    def remote(self) -> str | None: ...
    @property
    def content_length(self) -> int | None: ...
    @property
    def transport(self) -> Transport | None: ...
    @property
    def content(self) -> Stream: ...


class Listener(Protocol):
    """Whoever asked for a stream. Both coroutines raise ConnectionError where nobody is there any more."""

    async def begin(self) -> None: ...
    async def send(self, piece: bytes) -> None: ...
    def is_gone(self) -> bool: ...


class ApiBridge:
    """One for the process. ``make`` gives the API: it is called at the first request, in a thread.

    ``body_s``: seconds for all of a body to come.
    """

    def __init__(self, make: Callable[[], Service], body_s: float = _BODY_S) -> None:
        self._make, self._body_s = make, body_s
        self._making, self._places = asyncio.Lock(), asyncio.Semaphore(MOST_BODIES)
        self._service: Service | None = None
        self._threads = ThreadPoolExecutor(_THREADS, "orchestrator-api")  # none runs before the first request
        self._event_threads = ThreadPoolExecutor(_EVENT_THREADS, "orchestrator-events")
        self._door = ThreadPoolExecutor(1, "orchestrator-door")  # who may ask is told though all calls are slow
        self._streams = 0

    async def answer(self, request: ApiRequest) -> Answer:
        """Never raises, but where the server ends the request itself. A stream in it is for ``follow``."""
        try:
            return await self._answer(request)
        except Exception:  # noqa: BLE001 - the last line before the host's: a program gets a sentence, the log the rest
            _log.exception("Orchestrator: %s /%s failed", request.method, request.match_info.get("path", ""))
            return _refusal(500, "internal", "This did not work, and should have: the server's log says more.")

    async def _answer(self, request: ApiRequest) -> Answer:
        service, head = await self._ready(), _head_of(request)
        most = await asyncio.get_running_loop().run_in_executor(self._door, service.before, head)
        if not isinstance(most, int):
            return most
        async with self._places:
            body = await self._body_of(request, most)
            if not isinstance(body, bytes):
                return body
            found = await self._in_thread(lambda: service.answer(head, body))
        if found.pending is not None:
            found = await self._awaited(found.pending, request)
        return self._counted(found, head)

    async def _awaited(self, pending: Pending, request: ApiRequest) -> Answer:
        """No thread waits meanwhile, and nobody looks any more once whoever asked is gone."""
        while (found := await self._in_thread(pending.poll)) is None:
            if request.transport is None or request.transport.is_closing():
                return _refusal(503, "gone", "Nobody waits for this any more.")
            await asyncio.sleep(pending.pause_s)
        return found.without_body() if request.method == "HEAD" else found

    async def _body_of(self, request: ApiRequest, most: int) -> bytes | Answer:
        """The body, of which no more than a byte above ``most`` is read; or what refuses it."""
        if (request.content_length or 0) > most:
            return _too_large(most)
        try:
            body = await asyncio.wait_for(_read(request.content, most), self._body_s)
        except asyncio.TimeoutError:
            return _refusal(408, "too_slow", f"The body did not come within {self._body_s:.0f} seconds.")
        except Exception as error:  # noqa: BLE001 - the server's own kinds, as of a chunk that is none
            return _refusal(400, "broken_body", f"The body did not come as it should: {type(error).__name__}.")
        return _too_large(most) if len(body) > most else body

    async def _ready(self) -> Service:
        async with self._making:
            if self._service is None:
                self._service = await self._in_thread(self._make)
            return self._service

    async def _in_thread(self, call: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    def _counted(self, found: Answer, head: Head) -> Answer:
        if found.stream is None:
            return found
        if head.method == "HEAD":
            self._close(found.stream)
            return found.without_body()
        if self._streams >= MOST_STREAMS:
            self._close(found.stream)
            told = f"{MOST_STREAMS} streams of events are open, and no more are given. Close one, or ask later."
            return _refusal(503, "too_many_streams", told, {"Retry-After": "5"})
        return found

    async def opened(self, found: Answer) -> tuple[Answer, BinaryIO | None]:
        """The answer with the length of its file, or of the part of it, and that; or one that says that it is gone."""
        from orchestrator_core.api.files import opened_part

        try:
            file, length = await self._in_thread(lambda: opened_part(found))
        except OSError:
            return _refusal(404, "no_file", "The image's file is not there any more."), None
        return replace(found, headers={**found.headers, "Content-Length": str(length)}), file

    async def send(self, found: Answer, file: BinaryIO, to: Listener) -> None:
        """Just so many bytes as were announced, though the file may have grown since."""
        left = int(found.headers["Content-Length"])
        loop = asyncio.get_running_loop()
        try:
            await to.begin()
            while left and (piece := await loop.run_in_executor(self._threads, file.read, min(4 * _PIECE, left))):
                left -= len(piece)
                await to.send(piece)
        except ConnectionError:  # while it was sent to
            return
        finally:
            self._threads.submit(file.close)

    async def follow(self, stream: EventStream, to: Listener) -> None:
        """Sends what happens until that was all, or whoever asked is gone, or the server cancels this."""
        self._streams += 1
        try:
            await to.begin()
            while not to.is_gone():
                piece = await asyncio.get_running_loop().run_in_executor(self._event_threads, stream.poll)
                if piece is None:
                    return
                if piece:
                    await to.send(piece)
                await asyncio.sleep(stream.pause_s)
        except ConnectionError:  # while it was sent to
            return
        finally:
            self._streams -= 1
            self._close(stream)

    def _close(self, stream: EventStream) -> None:
        """In a thread, and nobody waits: whoever asked is gone, and the server may be ending."""
        self._event_threads.submit(stream.close)


def _head_of(request: ApiRequest) -> Head:
    from orchestrator_core.api.wire import Head

    headers: dict[str, str] = {}
    for name, value in request.headers.items():  # of what is sent twice both, so that no check passes for the other
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    path = request.match_info.get("path", "")
    return Head(request.method, path, dict(request.query), headers, request.remote or "")


async def _read(content: Stream, most: int) -> bytes:
    body = bytearray()
    while len(body) <= most and (piece := await content.read(min(_PIECE, most + 1 - len(body)))):
        body += piece
    return bytes(body)


def _too_large(most: int) -> Answer:
    from orchestrator_core.api.refusing import too_large

    return too_large(most).answer


def _refusal(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Answer:
    from orchestrator_core.api.refusing import Refusal

    return Refusal(status, code, message, headers=headers).answer
