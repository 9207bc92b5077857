"""The ASGI app alone: under which paths it answers, how much it reads, and what becomes of its streams."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from orchestrator_core.api.asgi import AsgiApp, head_of
from orchestrator_core.api.wire import Answer, Head, Part
from tests.fakes import awaited

MOST = 1_000


class Echo:
    """A Service that answers what it was asked; ``stream`` and ``file``, where it has them."""

    def __init__(self, answer: Answer | None = None, most: int = MOST) -> None:
        self.given, self.most = answer, most
        self.bodies: list[bytes] = []
        self.threads: list[str] = []

    def before(self, head: Head) -> Answer | int:
        return Answer(403, b'{"error": {}}') if head.path == "/no" else self.most

    def answer(self, head: Head, body: bytes) -> Answer:
        self.bodies.append(body)
        self.threads.append(threading.current_thread().name)
        return self.given or Answer(200, json.dumps([head.method, head.path, dict(head.query)]).encode())


class Stream:
    """Gives each of ``pieces`` once, then nothing for ever, or its end."""

    pause_s = 0.001

    def __init__(self, *pieces: bytes, ends: bool = True) -> None:
        self.pieces, self.ends = list(pieces), ends
        self.closed = threading.Event()

    def poll(self) -> bytes | None:
        if self.pieces:
            return self.pieces.pop(0)
        return None if self.ends else b""

    def close(self) -> None:
        self.closed.set()


def scope(path: str = "/orchestrator/v1/jobs", method: str = "GET", **changes: Any) -> dict[str, Any]:
    return {"type": "http", "method": method, "path": path, "headers": [], "client": ("127.0.0.1", 5), **changes}


async def _call(app: Any, asked: dict[str, Any], messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """What was sent; after the messages whoever asked stays, until something is answered."""
    left, sent, answered = list(messages), list[dict[str, Any]](), asyncio.Event()

    async def receive() -> dict[str, Any]:
        if left:
            return left.pop(0)
        await answered.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            answered.set()

    await app(asked, receive, send)
    return sent


def called(app: Any, asked: dict[str, Any] | None = None, *messages: dict[str, Any]) -> list[dict[str, Any]]:
    try:
        return awaited(_call(app, asked or scope(), messages or [{"type": "http.request"}]))
    finally:
        app.close()


def body_of(sent: Sequence[dict[str, Any]]) -> bytes:
    return b"".join(message.get("body", b"") for message in sent)


def piece(body: bytes, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


@pytest.mark.parametrize(
    ("path", "root", "below"),
    [
        ("/orchestrator/v1/jobs", "", "/jobs"),
        ("/orchestrator/v1", "", "/"),
        ("/orchestrator/v1/jobs", "/orchestrator/v1", "/jobs"),  # mounted by a newer Starlette
        ("/jobs", "/orchestrator/v1", "/jobs"),  # and by an older one
        ("/", "/orchestrator/v1", "/"),
        ("/sd/orchestrator/v1/jobs", "/sd/orchestrator/v1", "/jobs"),  # in a server that is itself below a path
        ("/orchestrator/v1/jobs", "/sd", "/jobs"),
        ("/sd/orchestrator/v1/jobs", "/sd", "/jobs"),
        ("/elsewhere", "", None),
        ("/orchestrator/v1x/jobs", "", None),
        ("/", "", None),
    ],
)
def test_paths_are_known_wherever_it_is_mounted(path: str, root: str, below: str | None):
    found = head_of(scope(path, root_path=root))
    assert (found.path if found else None) == below


def test_what_is_not_below_its_prefix_is_told():
    sent = called(AsgiApp(Echo()), scope("/"))
    assert sent[0]["status"] == 404
    assert json.loads(body_of(sent))["error"]["code"] == "no_such_path"


def test_headers_queries_and_the_client_are_handed_on():
    raw = [(b"Accept", b"a"), (b"accept", b"b"), (b"host", b"x")]
    found = head_of(scope(query_string=b"text=a%20b&limit=&limit=3", headers=raw, client=None))
    assert found == Head("GET", "/jobs", {"text": "a b", "limit": "3"}, {"accept": "a, b", "host": "x"}, "")


def test_calls_are_answered_in_threads_of_its_own():
    service = Echo()
    called(AsgiApp(service))
    assert service.threads[0].startswith("orchestrator-api")


def test_a_body_comes_whole():
    service = Echo()
    called(AsgiApp(service), scope(method="POST"), piece(b"abc"), piece(b"def", more=False))
    assert service.bodies == [b"abcdef"]


def test_no_more_than_may_be_is_read():
    service = Echo()
    sent = called(AsgiApp(service), scope(method="POST"), piece(b"x" * MOST), piece(b"x"), piece(b"never asked for"))
    assert sent[0]["status"] == 413
    assert (b"connection", b"close") in sent[0]["headers"]
    assert service.bodies == []


def test_whoever_leaves_in_the_middle_of_a_body_is_not_answered():
    service = Echo()
    assert called(AsgiApp(service), scope(method="POST"), piece(b"abc"), {"type": "http.disconnect"}) == []
    assert service.bodies == []


def test_a_small_body_that_nobody_wants_is_read_so_that_the_connection_can_stay():
    small = scope("/orchestrator/v1/no", "POST", headers=[(b"content-length", b"3")])
    sent = called(AsgiApp(Echo()), small, piece(b"abc", more=False))
    assert sent[0]["status"] == 403
    assert b"connection" not in dict(sent[0]["headers"])
    large = scope("/orchestrator/v1/no", "POST", headers=[(b"content-length", b"1073741824")])
    assert dict(called(AsgiApp(Echo()), large)[0]["headers"])[b"connection"] == b"close"


def test_the_answer_to_a_head_has_no_body_and_no_length():
    sent = called(AsgiApp(Echo()), scope(method="HEAD"))
    assert body_of(sent) == b""
    assert b"content-length" not in dict(sent[0]["headers"])


def test_a_file_is_sent_as_long_as_it_is(tmp_path: Path):
    path = tmp_path / "image.png"
    path.write_bytes(b"x" * 600_000)
    sent = called(AsgiApp(Echo(Answer(200, content_type="image/png", file=path))))
    assert dict(sent[0]["headers"])[b"content-length"] == b"600000"
    assert body_of(sent) == path.read_bytes()
    path.unlink()
    assert called(AsgiApp(Echo(Answer(200, content_type="image/png", file=path))))[0]["status"] == 404
    assert called(AsgiApp(Echo(Answer(200, content_type="image/png", file=tmp_path))))[0]["status"] == 404


def test_a_part_of_a_file_is_sent_as_long_as_it_is(tmp_path: Path):
    path = tmp_path / "image.png"
    path.write_bytes(bytes(range(256)) * 2000)
    sent = called(AsgiApp(Echo(Answer(206, content_type="image/png", file=path, part=Part(7, 300_000)))))
    assert dict(sent[0]["headers"])[b"content-length"] == b"300000"
    assert body_of(sent) == path.read_bytes()[7:300_007]
    path.write_bytes(b"short")
    assert called(AsgiApp(Echo(Answer(206, file=path, part=Part(0, 9)))))[0]["status"] == 404


class Later:
    """What is there at the third look."""

    pause_s = 0.001

    def __init__(self, found: Answer | None) -> None:
        self.found, self.looks = found, 0

    def poll(self) -> Answer | None:
        self.looks += 1
        return self.found if self.looks == 3 else None


def test_what_is_pending_is_looked_for_until_it_is_there():
    answer = Answer(200, pending=Later(Answer(200, b"now")))
    assert body_of(called(AsgiApp(Echo(answer)))) == b"now"
    answer = Answer(200, pending=Later(Answer(200, b"now")))
    assert body_of(called(AsgiApp(Echo(answer)), scope(method="HEAD"))) == b""


def test_nobody_looks_for_what_is_pending_once_whoever_asked_is_gone_or_the_server_ends():
    later = Later(None)
    messages = ({"type": "http.request"}, {"type": "http.disconnect"})
    assert called(AsgiApp(Echo(Answer(200, pending=later))), scope(), *messages) == []
    app = AsgiApp(Echo(Answer(200, pending=Later(None))))
    app.end_streams()
    assert called(app)[0]["status"] == 503


def test_a_stream_is_sent_until_it_ends_and_then_closed():
    stream = Stream(b"one\n", b"", b"two\n")
    sent = called(AsgiApp(Echo(Answer(200, content_type="text/event-stream", stream=stream))))
    assert [message.get("body") for message in sent[1:]] == [b"one\n", b"two\n", b""]
    assert stream.closed.is_set()


def test_a_stream_ends_when_whoever_asked_is_gone():
    stream = Stream(ends=False)
    called(AsgiApp(Echo(Answer(200, stream=stream))), scope(), {"type": "http.request"}, {"type": "http.disconnect"})
    assert stream.closed.is_set()


def test_streams_end_with_the_server():
    class Ending(Stream):
        def poll(self) -> bytes | None:
            if not self.pieces:
                app.end_streams()
            return super().poll()

    stream = Ending(b"one\n", ends=False)
    app = AsgiApp(Echo(Answer(200, stream=stream)))
    assert body_of(called(app)) == b"one\n"
    assert stream.closed.is_set()


def test_no_more_streams_are_given_than_can_be_looked_after():
    stream = Stream(b"one\n")
    sent = called(AsgiApp(Echo(Answer(200, stream=stream)), most_streams=0))
    assert sent[0]["status"] == 503
    assert json.loads(body_of(sent))["error"]["code"] == "too_many_streams"
    assert stream.closed.is_set()


def test_after_its_end_it_says_so():
    app = AsgiApp(Echo())
    app.close()
    sent = called(app)
    assert (sent[0]["status"], json.loads(body_of(sent))["error"]["code"]) == (503, "closing")


def test_a_server_s_start_and_end_are_answered_and_a_websocket_is_not_opened():
    async def live(kinds: Sequence[str], asked: str) -> list[str]:
        left, sent = list(kinds), list[str]()

        async def receive() -> dict[str, Any]:
            return {"type": left.pop(0)}

        async def send(message: Any) -> None:
            sent.append(message["type"])

        await AsgiApp(Echo())({"type": asked, "path": "/"}, receive, send)
        return sent

    told = awaited(live(["lifespan.startup", "lifespan.shutdown"], "lifespan"))
    assert told == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert awaited(live(["websocket.connect"], "websocket")) == ["websocket.close"]


@pytest.mark.parametrize("mounted_at", ["/orchestrator/v1", "/", "/sub"])
def test_starlette_mounts_it(mounted_at: str):
    starlette = pytest.importorskip("starlette.applications")
    from starlette.routing import Mount

    api = AsgiApp(Echo())
    app: Callable[..., Any] = starlette.Starlette(routes=[Mount(mounted_at, app=api)])
    asked = scope("/sub/orchestrator/v1/jobs" if mounted_at == "/sub" else "/orchestrator/v1/jobs", root_path="")
    sent = awaited(_call(app, asked, [{"type": "http.request"}]))
    api.close()
    assert json.loads(body_of(sent)) == ["GET", "/jobs", {}]
