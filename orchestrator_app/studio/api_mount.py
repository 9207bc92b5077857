"""Where the API hangs in a web application that others made: made late, before all routes, once, and not packed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]
_PACKED = (b"text/event-stream", b"image/")
_NAME = "orchestrator-api"


class Closable(Protocol):
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...
    def close(self) -> None: ...


class LaterApp:
    """An app that is imported and made at the first request, in a thread: neither a start nor the loop waits for it."""

    def __init__(self, make: Callable[[], Closable]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._app: Closable | None = None
        self._is_closed = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app
        if app is None:
            app = await asyncio.get_running_loop().run_in_executor(None, self._made)
        await app(scope, receive, send)

    def _made(self) -> Closable:
        with self._lock:
            if self._app is None:
                self._app = self._make()
                if self._is_closed:
                    self._app.close()
            return self._app

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
            if self._app is not None:
                self._app.close()


def mount(application: Any, prefix: str, api: AsgiApp) -> None:
    """``application`` is Starlette's or FastAPI's. What an earlier load of the extension has left there goes away.

    First, as newer gradio answers any path that nobody else has taken.
    """
    unmount(application)
    application.mount(prefix, unpacked(api), name=_NAME)
    routes = application.router.routes
    routes.insert(0, routes.pop())


def unmount(application: Any) -> None:
    routes = application.router.routes
    routes[:] = [route for route in routes if getattr(route, "name", None) != _NAME]


def unpacked(api: AsgiApp) -> AsgiApp:
    """Says of events and pictures that they are packed already: the host packs what it sends, and would hold events
    back for that, and make of a part of a file something else."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_unpacked(message: Message) -> None:
            if message["type"] == "http.response.start" and _is_packed(message.get("headers", ())):
                message = {**message, "headers": [*message["headers"], (b"content-encoding", b"identity")]}
            await send(message)

        await api(scope, receive, send_unpacked)

    return app


def _is_packed(headers: Any) -> bool:
    return any(name.lower() == b"content-type" and value.startswith(_PACKED) for name, value in headers)
