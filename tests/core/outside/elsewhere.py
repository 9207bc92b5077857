"""A gallery elsewhere, as docs/outside.md describes one: it checks signatures and keeps pictures."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import policy
from email.message import Message
from email.parser import BytesParser
from typing import Any

from orchestrator_core.errors import SignatureRefused
from orchestrator_core.webhooks.signing import verify

Reply = Callable[[http.server.BaseHTTPRequestHandler], None]


@dataclass
class Came:
    """``image`` None: a check."""

    message: str
    record: Mapping[str, Any]
    image: bytes | None = None
    filename: str = ""
    kind: str = ""


@dataclass
class Elsewhere:
    """``replies``: what is answered first, in place of its own answers: a status, with Retry-After; or anything."""

    secret: str = ""
    port: int = 0
    replies: list[tuple[int, str] | Reply] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)  # the ids of messages, whatever became of them
    came: list[Came] = field(default_factory=list)
    kept: dict[str, bytes] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/pictures"

    def take(self, headers: Mapping[str, str], body: bytes) -> int:
        try:
            message = verify(headers, body, self.secret)
        except SignatureRefused:
            return 401
        came = read(headers["Content-Type"], body, message)
        self.came.append(came)
        if came.image is None:
            return 204
        if came.record["sha256"] in self.kept:
            return 409
        self.kept[came.record["sha256"]] = came.image
        return 201


def read(content_type: str, body: bytes, message: str = "") -> Came:
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    parts = {
        part.get_param("name", header="content-disposition"): part
        for part in BytesParser(policy=policy.HTTP).parsebytes(head + body).iter_parts()
    }
    record, image = parts["record"], parts.get("image")
    assert record.get_content_type() == "application/json"
    told = json.loads(_bytes(record))
    if image is None:
        return Came(message, told)
    name = image.get_filename() or ""
    return Came(message, told, _bytes(image), name, image.get_content_type())


def _bytes(part: Message) -> bytes:
    data = part.get_payload(decode=True)
    assert isinstance(data, bytes)
    return data


@contextmanager
def elsewhere(secret: str = "", *replies: tuple[int, str] | Reply) -> Iterator[Elsewhere]:
    place = Elsewhere(secret, replies=list(replies))

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            place.asked.append(self.headers["webhook-id"])
            reply = place.replies.pop(0) if place.replies else (place.take(dict(self.headers), body), "")
            if not isinstance(reply, tuple):
                return reply(self)
            status, after = reply
            self.send_response(status)
            if after:
                self.send_header("Location" if 300 <= status < 400 else "Retry-After", after)
            self.send_header("Content-Length", "0")
            return self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.handle_error = lambda *_: None  # type: ignore[method-assign]
        place.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield place
        finally:
            server.shutdown()
            thread.join()
