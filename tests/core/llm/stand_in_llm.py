"""A language model's server of the tests: answers each call as a test tells it to, also as no server should.

An answer is a function that writes to the connection what it likes; ``said``, ``whole`` and ``refused`` make the usual.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

Write = Callable[[bytes], None]
Answer = Callable[[Write], None]


def chunk(text: str | None = None, reason: str | None = None, **delta: str) -> bytes:
    """An event with a piece of an answer."""
    value = {"choices": [{"index": 0, "delta": {"content": text, **delta}, "finish_reason": reason}]}
    return b"data: " + json.dumps(value).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n\r\n"


def streamed(*events: bytes, pause: float = 0.0, before: float = 0.0) -> Answer:
    """A stream of these events, each after a pause, and the first after another."""

    def answer(write: Write) -> None:
        write(STREAM)
        time.sleep(before)
        for event in events:
            write(event)
            time.sleep(pause)

    return answer


def said(text: str, pause: float = 0.0) -> Answer:
    """A good answer, word by word."""
    words = [word + " " for word in text.split(" ")]
    words[-1] = words[-1][:-1]
    return streamed(chunk("", role="assistant"), *map(chunk, words), chunk(None, "stop"), DONE, pause=pause)


def raw(*parts: bytes, pause: float = 0.0) -> Answer:
    """These bytes, whatever they are."""

    def answer(write: Write) -> None:
        for part in parts:
            write(part)
            time.sleep(pause)

    return answer


def whole(value: Any, status: int = 200, kind: str = "application/json", more: str = "") -> Answer:
    """One answer with its length; text is sent as it is, all else as JSON."""
    body = (value if isinstance(value, str) else json.dumps(value)).encode()
    head = f"HTTP/1.1 {status} Status\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return raw(head.encode() + body)


def refused(status: int, words: str) -> Answer:
    return whole({"error": {"message": words, "type": "invalid_request_error"}}, status)


class StandIn:
    """``with StandIn(said("a castle")) as server:`` answers the calls for text one by one, and the last for ever.

    ``asked``: the bodies of those calls; ``calls``: method, path and headers of all. ``models``: what it lists.
    """

    def __init__(self, *answers: Answer, models: Sequence[str] | Answer = ("tiny",)) -> None:
        self.answers, self.models = list(answers), models
        self.asked: list[dict[str, Any]] = []
        self.calls: list[tuple[str, str, dict[str, str]]] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> StandIn:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """Pull the plug; a second time does nothing."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()

    def _answer_to(self, path: str, body: bytes) -> Answer:
        if path.endswith("/models"):
            listed = self.models
            return listed if callable(listed) else whole({"object": "list", "data": [{"id": each} for each in listed]})
        with self._lock:
            if path.endswith("/chat/completions"):
                self.asked.append(json.loads(body))
                return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return whole({"path": path, "body": json.loads(body)}, 404)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"] or 0))
                stand_in.calls.append((self.command, self.path, dict(self.headers)))
                with suppress(OSError):  # whoever asked went away
                    stand_in._answer_to(self.path, body)(self._write)

            do_POST = do_GET  # noqa: N815

            def _write(self, data: bytes) -> None:
                self.wfile.write(data)
                self.wfile.flush()

            def log_message(self, *args: Any) -> None:
                pass

        return Handler
