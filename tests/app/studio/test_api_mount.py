"""The API in a web application that others made: reached before their routes, once, late, and never packed."""

from __future__ import annotations

import gzip
import threading
from typing import Any

import pytest

from orchestrator_app.studio.api_mount import LaterApp, Message, Receive, Scope, Send, mount, unmount
from tests.fakes import awaited

starlette = pytest.importorskip("starlette.applications")
PREFIX = "/orchestrator/v1"


class Events:
    """An app that answers with events, and says what it was asked."""

    def __init__(self, name: str = "ours", kind: bytes = b"text/event-stream") -> None:
        self.name, self.kind = name, kind
        self.asked: list[tuple[str, str]] = []
        self.is_closed = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked.append((scope["root_path"], scope["path"]))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", self.kind)]})
        for piece in (self.name.encode(), b"!" * 2000):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    def close(self) -> None:
        self.is_closed = True


async def _theirs(request: Any) -> Any:
    from starlette.responses import PlainTextResponse

    return PlainTextResponse("theirs")


def host_with_a_catch_all() -> Any:
    """As Forge's: it packs what it sends, and newer gradio answers any path."""
    from starlette.middleware import Middleware
    from starlette.middleware.gzip import GZipMiddleware
    from starlette.routing import Route

    return starlette.Starlette(
        routes=[Route("/{page:path}", _theirs, methods=["GET", "POST"])],
        middleware=[Middleware(GZipMiddleware, minimum_size=1000)],
    )


def asked(app: Any, path: str, root: str = "") -> tuple[dict[str, str], list[bytes]]:
    """(headers, the pieces of the body) of a GET by a browser that can unpack."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": root,
        "headers": [(b"accept-encoding", b"gzip"), (b"host", b"localhost")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    awaited(app(scope, receive, send))
    headers = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
    return headers, [message["body"] for message in sent[1:] if message.get("body")]


def text_of(found: tuple[dict[str, str], list[bytes]]) -> str:
    headers, pieces = found
    body = b"".join(pieces)
    return (gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body).decode()


def test_the_api_is_reached_before_a_route_that_takes_every_path() -> None:
    host, ours = host_with_a_catch_all(), Events()
    mount(host, PREFIX, ours)
    assert text_of(asked(host, f"{PREFIX}/jobs")).startswith("ours")
    for path in ("/", "/orchestrator", "/orchestrator/v10/jobs", "/sdapi/v1/options"):
        assert text_of(asked(host, path)) == "theirs"


def test_events_are_sent_as_they_come_to_who_could_unpack_them() -> None:
    host = host_with_a_catch_all()
    mount(host, PREFIX, Events())
    headers, pieces = asked(host, f"{PREFIX}/events")
    assert headers["content-encoding"] == "identity"
    assert pieces == [b"ours", b"!" * 2000]


def test_a_part_of_a_picture_is_sent_as_it_is() -> None:
    """A host that packed it would send something else than the bytes that it names."""
    host = host_with_a_catch_all()
    mount(host, PREFIX, Events(kind=b"image/png"))
    headers, pieces = asked(host, f"{PREFIX}/gallery/images/1/file")
    assert headers["content-encoding"] == "identity"
    assert pieces == [b"ours", b"!" * 2000]


def test_what_is_no_event_is_packed_as_all_of_the_hosts_answers() -> None:
    host = host_with_a_catch_all()
    mount(host, PREFIX, Events(kind=b"application/json"))
    headers, _ = found = asked(host, f"{PREFIX}/jobs")
    assert headers["content-encoding"] == "gzip"
    assert text_of(found).startswith("ours")


def test_a_second_load_takes_the_place_of_the_first_and_leaves_nothing_behind() -> None:
    host = host_with_a_catch_all()
    theirs = list(host.router.routes)
    mount(host, PREFIX, Events("first"))
    mount(host, PREFIX, Events("second"))
    assert len(host.router.routes) == len(theirs) + 1
    assert text_of(asked(host, f"{PREFIX}/jobs")).startswith("second")
    unmount(host)
    assert host.router.routes == theirs
    assert text_of(asked(host, f"{PREFIX}/jobs")) == "theirs"


def test_the_api_is_made_at_the_first_request_off_the_loop_and_once() -> None:
    made: list[int] = []

    def make() -> Events:
        made.append(threading.get_ident())
        return ours

    ours, host, threads = Events(), host_with_a_catch_all(), list[int]()
    later = LaterApp(make)

    async def seen(scope: Scope, receive: Receive, send: Send) -> None:
        threads.append(threading.get_ident())
        await later(scope, receive, send)

    mount(host, PREFIX, seen)
    assert made == []
    asked(host, f"{PREFIX}/jobs")
    asked(host, f"{PREFIX}/jobs")
    assert len(made) == 1
    assert made[0] not in threads
    assert len(ours.asked) == 2


@pytest.mark.parametrize("is_made", [True, False])
def test_what_was_made_is_closed_also_when_that_comes_after_the_end(is_made: bool) -> None:
    ours = Events()
    later, host = LaterApp(lambda: ours), host_with_a_catch_all()
    mount(host, PREFIX, later)
    if is_made:
        asked(host, f"{PREFIX}/jobs")
    later.close()
    assert ours.is_closed is is_made
    asked(host, f"{PREFIX}/jobs")
    assert ours.is_closed
