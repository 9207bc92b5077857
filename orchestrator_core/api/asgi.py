"""The API as an ASGI 3 app: for uvicorn alone, and mounted by Starlette or FastAPI. No library is needed.

Nothing of ours runs on the server's loop: calls and looks into the store are made in threads of the app's own.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from orchestrator_core.api.asgi_body import Gone, TooSlow, read_body
from orchestrator_core.api.files import opened_part
from orchestrator_core.api.refusing import Refusal
from orchestrator_core.api.wire import PREFIX, Answer, EventStream, Head, Pending, Service, query_in

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

MOST_STREAMS = 32
_THREADS = 8
_BODILESS = (204, 304)
_FORGOTTEN, _FORGOTTEN_S = 1 << 18, 5.0  # bytes, seconds
_log = logging.getLogger("orchestrator")


class AsgiApp:
    """``prefix``: of the paths, where the app is not mounted at it. ``close`` ends its streams and threads."""

    def __init__(self, service: Service, prefix: str = PREFIX, most_streams: int = MOST_STREAMS) -> None:
        self._service, self._prefix, self._most_streams = service, prefix, most_streams
        self._threads = ThreadPoolExecutor(_THREADS, "orchestrator-api")  # none runs before the first request
        self._streams = 0
        self._is_closing = False

    def close(self) -> None:
        self._is_closing = True
        self._threads.shutdown(wait=False, cancel_futures=True)

    def end_streams(self) -> None:
        """They end at their next look, and calls are answered as before."""
        self._is_closing = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                self.close()
                return

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        head = head_of(scope, self._prefix)
        try:
            answer = await self._asked(head, receive)
        except Gone:
            return
        if answer.stream is None:
            await self._send(head, answer, send)
            return
        await self._send_stream(answer, answer.stream, receive, send)

    async def _asked(self, head: Head | None, receive: Receive) -> Answer:
        """Raises Gone where whoever asked is."""
        if head is None:
            return Refusal(404, "no_such_path", f"The API is below {self._prefix}.").answer
        try:
            allowed = self._service.before(head)
            if isinstance(allowed, Answer):
                return allowed if await _is_read(head, receive) else _closing(allowed)
            body = await read_body(receive, allowed)
            answer: Answer = await self._in_thread(self._service.answer, head, body)
            return answer if answer.pending is None else await self._awaited(head, answer.pending, receive)
        except Refusal as refusal:
            return _closing(refusal.answer)
        except TooSlow:
            return _closing(Refusal(408, "too_slow", "The body did not come in time.").answer)
        except RuntimeError as error:  # its threads have ended
            _log.info("Orchestrator: %s", error)
            return Refusal(503, "closing", "This server is about to end.").answer

    async def _awaited(self, head: Head, pending: Pending, receive: Receive) -> Answer:
        """No thread waits meanwhile. Raises Gone where whoever asked is."""
        gone = asyncio.ensure_future(_until_gone(receive))
        try:
            while not self._is_closing:
                found: Answer | None = await self._in_thread(pending.poll)
                if found is not None:
                    return found.without_body() if head.method == "HEAD" else found
                if gone.done():
                    raise Gone
                await asyncio.wait({gone}, timeout=pending.pause_s)
        finally:
            gone.cancel()
        raise RuntimeError("the server is closing")

    async def _in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)

    async def _send(self, head: Head | None, answer: Answer, send: Send) -> None:
        is_head = head is not None and head.method == "HEAD"
        file = None
        if answer.file is not None:
            try:
                file = await self._in_thread(opened_part, answer)
            except OSError:
                answer = Refusal(404, "no_file", "The image's file is not there any more.").answer
        length = file[1] if file is not None else len(answer.body)
        # Of a HEAD nobody knows here how long the body would be.
        told = {} if is_head or answer.status in _BODILESS else {"Content-Length": str(length)}
        await send(_start(answer, told))
        if file is None:
            await send(_body(b"" if is_head else answer.body))
            return
        try:
            async for piece in self._pieces(file[0], length):
                await send(_body(piece, more=True))
            await send(_body(b""))
        finally:
            with suppress(RuntimeError):
                await self._in_thread(file[0].close)

    async def _pieces(self, file: Any, length: int) -> AsyncIterator[bytes]:
        """Just so many bytes as were announced, though the file may have grown since."""
        while length and (piece := await self._in_thread(file.read, min(1 << 18, length))):
            length -= len(piece)
            yield piece

    async def _send_stream(self, answer: Answer, stream: EventStream, receive: Receive, send: Send) -> None:
        if self._streams >= self._most_streams:
            stream.close()
            told = f"{self._most_streams} streams of events are open, and no more are given. Close one, or ask later."
            await self._send(None, Refusal(503, "too_many_streams", told, headers={"Retry-After": "5"}).answer, send)
            return
        self._streams += 1
        gone = asyncio.ensure_future(_until_gone(receive))
        try:
            await send(_start(answer, {}))
            await self._pump(stream, gone, send)
            with suppress(OSError):
                await send(_body(b""))
        finally:
            self._streams -= 1
            gone.cancel()
            with suppress(RuntimeError):
                await self._in_thread(stream.close)

    async def _pump(self, stream: EventStream, gone: asyncio.Future[None], send: Send) -> None:
        while not gone.done() and not self._is_closing:
            piece = await self._in_thread(stream.poll)
            if piece is None:
                return
            if piece:
                await send(_body(piece, more=True))
            await asyncio.wait({gone}, timeout=stream.pause_s)


def head_of(scope: Scope, prefix: str = PREFIX) -> Head | None:
    """None for a path that is not below the prefix."""
    path = _below(scope.get("path", ""), scope.get("root_path", ""), prefix)
    if path is None:
        return None
    query = query_in(scope.get("query_string", b""))
    client = scope.get("client")
    return Head(scope["method"].upper(), path, query, _headers(scope), client[0] if client else "")


def _below(path: str, root: str, prefix: str) -> str | None:
    """Newer frameworks leave a mount's own path in ``path``, older ones take it out; ``root`` is what they took, or
    would have taken, and what a proxy in front has for itself."""
    root = root.rstrip("/")
    if root and (path == root or path.startswith(root + "/")):
        path = path[len(root) :]
    if path == prefix or path.startswith(prefix + "/"):
        return path[len(prefix) :] or "/"
    return path or "/" if root.endswith(prefix) else None


def _headers(scope: Scope) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for raw_name, raw_value in scope.get("headers", ()):
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


async def _is_read(head: Head, receive: Receive) -> bool:
    """Of a body that nobody wants. What is not read is lost with the connection, and the answer often with it; so what
    is small is read and forgotten."""
    length = head.headers.get("content-length", "0")
    if "transfer-encoding" in head.headers or not length.isdecimal() or len(length) > 6 or int(length) > _FORGOTTEN:
        return False
    try:
        await read_body(receive, _FORGOTTEN, _FORGOTTEN_S)
    except (Refusal, TooSlow):
        return False
    return True


def _closing(answer: Answer) -> Answer:
    """What was not read of a request must not be taken for the next one."""
    headers = {**answer.headers, "Connection": "close"}
    return Answer(answer.status, answer.body, answer.content_type, headers)


def _start(answer: Answer, more: Mapping[str, str]) -> Message:
    headers = {**answer.headers, **more}
    if answer.status not in _BODILESS:
        headers["Content-Type"] = answer.content_type
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers.items()]
    return {"type": "http.response.start", "status": answer.status, "headers": raw}


def _body(piece: bytes, more: bool = False) -> Message:
    return {"type": "http.response.body", "body": piece, "more_body": more}


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
