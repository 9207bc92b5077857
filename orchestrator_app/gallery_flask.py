"""The API as a Flask app, for WSGI servers: the same ``Service`` and all its routes, asked from a server's threads.

``serve_waitress.py`` puts waitress before it. Whatever waits (events, a long poll, a thumbnail that is made) keeps a
thread of the server meanwhile, so no more wait at once than ``most_waiting``: others are told to ask later.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO

from orchestrator_app.lacking import install_line
from orchestrator_core.api.files import opened_part
from orchestrator_core.api.refusing import Refusal, too_large
from orchestrator_core.api.wire import PREFIX, Answer, EventStream, Head, Pending, Service, query_in
from orchestrator_core.errors import ConfigError

if TYPE_CHECKING:
    from flask import Flask, Request, Response

PACKAGES = ("flask>=3", "waitress>=3")  # the extra "gallery" of pyproject.toml
MOST_WAITING = 24
_PIECE = 1 << 18  # bytes
_GLANCE_S = 0.1
_START = f"{PREFIX}/app/"
_log = logging.getLogger("orchestrator")


def check_installed() -> None:
    """Raises ConfigError without Flask or waitress."""
    try:
        import flask  # noqa: F401
        import waitress  # noqa: F401
    except ImportError:
        raise ConfigError(
            f"The gallery needs Flask and waitress. Install them with: {install_line(*PACKAGES)}"
        ) from None


class FlaskApi:
    """``app`` is the Flask app. ``close`` ends what waits."""

    def __init__(self, service: Service, most_waiting: int = MOST_WAITING) -> None:
        self._service = service
        self._places = threading.BoundedSemaphore(most_waiting)
        self._closing = threading.Event()
        self.app = self._made()

    def close(self) -> None:
        """Streams end, and nothing waits any more. The threads that serve are the server's."""
        self._closing.set()

    def _made(self) -> Flask:
        from flask import Flask, request

        app = Flask("orchestrator", static_folder=None)
        # Paths and methods are the API's own: none of them gets as far as Flask's routes.
        app.before_request(lambda: self._respond(request))
        return app

    def _respond(self, request: Request) -> Response:
        if request.path == "/":
            return _response(Answer(307, headers={"Location": _START, "Cache-Control": "no-store"}), "GET")
        is_gone = request.environ.get("waitress.client_disconnected", lambda: False)
        try:
            answer = self._asked(request)
            if answer.pending is not None:
                answer = self._awaited(answer.pending, is_gone)
            if answer.stream is not None:
                return self._streamed(answer, answer.stream, request.method, is_gone)
            return self._whole(answer, request.method)
        except Refusal as refusal:
            return _response(refusal.answer, request.method)
        except Exception:  # noqa: BLE001 - the last line before Flask's: a program gets the one shape, the log the rest
            _log.exception("Orchestrator: %s %s failed", request.method, request.path)
            told = "This did not work, and should have: the server's log says more."
            return _response(Refusal(500, "internal", told).answer, request.method)

    def _asked(self, request: Request) -> Answer:
        """Raises Refusal."""
        head = head_of(request)
        if head is None:
            raise Refusal(404, "no_such_path", f"The API is below {PREFIX}.")
        allowed = self._service.before(head)
        if isinstance(allowed, Answer):
            return allowed
        body = request.stream.read(allowed + 1)
        if len(body) > allowed:
            raise too_large(allowed)
        return self._service.answer(head, body)

    def _awaited(self, pending: Pending, is_gone: Any) -> Answer:
        """Raises Refusal."""
        self._take_place()
        try:
            while not self._closing.is_set() and not is_gone():
                found = pending.poll()
                if found is not None:
                    return found
                self._closing.wait(pending.pause_s)
        finally:
            self._places.release()
        raise Refusal(503, "closing", "This server is about to end.")

    def _take_place(self) -> None:
        if not self._places.acquire(blocking=False):
            told = "As many wait here at once as this server has room for. Ask again in a few seconds."
            raise Refusal(503, "too_many_streams", told, headers={"Retry-After": "5"})

    def _streamed(self, answer: Answer, stream: EventStream, method: str, is_gone: Any) -> Response:
        try:
            self._take_place()
        except Refusal:
            stream.close()
            raise
        return _response(answer, method, _Events(stream, self._places, self._closing, is_gone))

    def _whole(self, answer: Answer, method: str) -> Response:
        if method == "HEAD":
            answer = answer.without_body()
        if answer.file is None:
            return _response(answer, method)
        try:
            file, length = opened_part(answer)
        except OSError:
            raise Refusal(404, "no_file", "The image's file is not there any more.") from None
        return _response(answer, method, _Pieces(file, length), length)


class _Events:
    """What a stream gives, until it or the server ends, or nobody hears it. The server calls ``close`` at last."""

    def __init__(self, stream: EventStream, places: Any, closing: threading.Event, is_gone: Any) -> None:
        self._stream, self._places, self._closing, self._is_gone = stream, places, closing, is_gone
        self._is_closed = False

    def __iter__(self) -> Iterator[bytes]:
        while not self._closing.is_set() and not self._is_gone():
            piece = self._stream.poll()
            if piece is None:
                return
            if piece:
                yield piece
            self._pause()

    def _pause(self) -> None:
        """Shorter where whoever asked leaves meanwhile: others wait for the place."""
        until = time.monotonic() + self._stream.pause_s
        while (left := until - time.monotonic()) > 0 and not self._is_gone():
            if self._closing.wait(min(left, _GLANCE_S)):
                return

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._places.release()
            self._stream.close()


class _Pieces:
    """Just so many bytes as were announced, though the file may have grown since."""

    def __init__(self, file: BinaryIO, length: int) -> None:
        self._file, self._left = file, length

    def __iter__(self) -> Iterator[bytes]:
        while self._left and (piece := self._file.read(min(_PIECE, self._left))):
            self._left -= len(piece)
            yield piece

    def close(self) -> None:
        with suppress(OSError):
            self._file.close()


def head_of(request: Request) -> Head | None:
    """None for a path that is not below the prefix."""
    path = request.path
    if path != PREFIX and not path.startswith(f"{PREFIX}/"):
        return None
    below = path[len(PREFIX) :] or "/"
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Head(request.method.upper(), below, query_in(request.query_string), headers, request.remote_addr or "")


def _response(answer: Answer, method: str, pieces: Any = None, length: int | None = None) -> Response:
    from flask import Response

    headers = dict(answer.headers)
    if length is not None:
        headers["Content-Length"] = str(length)
    # Of a HEAD, and of a stream, nobody knows how long the body would be: a list of it would be counted.
    body = pieces if pieces is not None else iter(()) if method == "HEAD" else [answer.body]
    response = Response(body, answer.status, headers, content_type=answer.content_type)
    if answer.status in (204, 304):
        del response.headers["Content-Type"]
    return response
