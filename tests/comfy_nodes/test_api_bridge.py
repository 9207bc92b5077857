"""The bridge between ComfyUI's server and the API: what is read, where it runs, and how streams end."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from comfy_nodes.api_bridge import MOST_BODIES, MOST_STREAMS, ApiBridge
from orchestrator_core.api.wire import Answer, Head, Part, Service
from tests.fakes import awaited

MOST = 10  # bytes of a body that the service below allows


class Body:
    """A request's body that comes in small pieces; ``taken`` is what was read of it."""

    def __init__(self, data: bytes, ends: bool = True) -> None:
        self.data, self.ends = data, ends
        self.taken = 0

    async def read(self, n: int = -1, /) -> bytes:
        piece = self.data[self.taken : self.taken + min(n, 4)]
        self.taken += len(piece)
        if not piece and not self.ends:
            await asyncio.sleep(3600)
        return piece


class BrokenBody:
    async def read(self, n: int = -1, /) -> bytes:
        raise ValueError("that is no chunk")


@dataclass
class Line:
    """A connection that is closed after ``looks`` at it."""

    looks: int = 10**9

    def is_closing(self) -> bool:
        self.looks -= 1
        return self.looks < 0


@dataclass
class Asked:
    """A request, as aiohttp's are."""

    method: str = "POST"
    match_info: Mapping[str, str] = field(default_factory=lambda: {"path": "/jobs"})
    headers: Any = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    remote: str | None = "127.0.0.1"
    content: Any = field(default_factory=lambda: Body(b""))
    content_length: int | None = None
    transport: Any = field(default_factory=Line)


class Later:
    """What is there at the third look."""

    pause_s = 0.0

    def __init__(self, found: Answer | None) -> None:
        self.found, self.looks = found, 0

    def poll(self) -> Answer | None:
        self.looks += 1
        return self.found if self.looks == 3 else None


class Twice:
    """Headers with a name that was sent twice."""

    def items(self) -> list[tuple[str, str]]:
        return [("Host", "a"), ("X-One", "1"), ("host", "b")]


class Events:
    pause_s = 0.0

    def __init__(self, *pieces: bytes | None) -> None:
        self.pieces = list(pieces)
        self.polled_in: set[int] = set()
        self.closed = threading.Event()

    def poll(self) -> bytes | None:
        self.polled_in.add(threading.get_ident())
        return self.pieces.pop(0) if self.pieces else b""

    def close(self) -> None:
        self.closed.set()


class Echo:
    """A service that keeps what it was asked, and answers what it is told to."""

    def __init__(self, found: Answer | Exception | None = None, refuses: Answer | None = None) -> None:
        self.found, self.refuses = found or Answer(200, b"{}"), refuses
        self.heads: list[Head] = []
        self.bodies: list[bytes] = []
        self.threads: set[int] = set()

    def before(self, head: Head) -> Answer | int:
        self.heads.append(head)
        self.threads.add(threading.get_ident())
        return self.refuses or MOST

    def answer(self, head: Head, body: bytes) -> Answer:
        self.bodies.append(body)
        self.threads.add(threading.get_ident())
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


class Ear:
    """A listener that leaves after ``most`` pieces, or whose connection breaks then."""

    def __init__(self, most: int = 1000, breaks: bool = False) -> None:
        self.heard: list[bytes] = []
        self.most, self.breaks = most, breaks
        self.looks = 0

    async def begin(self) -> None:
        self.heard.append(b"begun")

    async def send(self, piece: bytes) -> None:
        if self.breaks:
            raise ConnectionResetError
        self.heard.append(piece)

    def is_gone(self) -> bool:
        self.looks += 1
        return self.looks > self.most


def asked(service: Service, request: Asked) -> Answer:
    return awaited(ApiBridge(lambda: service).answer(request))


def code_of(found: Answer) -> tuple[int, str]:
    said = json.loads(found.body)["error"]
    assert set(said) == {"code", "message", "where"}
    return found.status, said["code"]


def test_the_api_hears_the_path_below_the_prefix_and_names_in_lower_case() -> None:
    echo = Echo()
    request = Asked("GET", {"path": "/jobs/a b"}, {"Host": "h", "X-Id": "1"}, {"limit": "2"}, None)
    assert asked(echo, request) == Answer(200, b"{}")
    assert echo.heads == [Head("GET", "/jobs/a b", {"limit": "2"}, {"host": "h", "x-id": "1"}, "")]


def test_no_check_passes_by_the_other_one_of_two_headers() -> None:
    echo = Echo()
    asked(echo, Asked(headers=Twice()))
    assert echo.heads[0].headers == {"host": "a, b", "x-one": "1"}


def test_nothing_of_the_api_is_made_before_the_first_request_and_it_is_made_once() -> None:
    made: list[int] = []

    def make() -> Service:
        made.append(threading.get_ident())
        return Echo()

    async def two() -> int:
        bridge = ApiBridge(make)
        assert made == []
        await asyncio.gather(bridge.answer(Asked()), bridge.answer(Asked()))
        return threading.get_ident()

    loop = awaited(two())
    assert len(made) == 1
    assert loop not in made


def test_an_api_that_cannot_be_made_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    services: list[Service] = []

    def make() -> Service:
        services.append(Echo())
        if len(services) == 1:
            raise OSError("no room")
        return services[-1]

    async def two() -> list[Answer]:
        bridge = ApiBridge(make)
        return [await bridge.answer(Asked()), await bridge.answer(Asked())]

    first, second = awaited(two())
    assert code_of(first) == (500, "internal")
    assert second.status == 200
    assert "no room" in caplog.text


def test_no_body_is_read_for_what_is_refused() -> None:
    body = Body(b"{}")
    refusal = Answer(403, b"no")
    assert asked(Echo(refuses=refusal), Asked(content=body)) == refusal
    assert body.taken == 0


def test_a_body_that_says_that_it_is_too_large_is_not_read() -> None:
    body, echo = Body(b"x" * 100), Echo()
    assert code_of(asked(echo, Asked(content=body, content_length=100))) == (413, "too_large")
    assert (body.taken, echo.bodies) == (0, [])


def test_a_body_that_does_not_say_how_large_it_is_is_read_up_to_the_limit() -> None:
    body, echo = Body(b"x" * 1000), Echo()
    assert code_of(asked(echo, Asked(content=body))) == (413, "too_large")
    assert (body.taken, echo.bodies) == (MOST + 1, [])


@pytest.mark.parametrize("size", [0, 1, MOST])
def test_a_body_up_to_the_limit_comes_whole(size: int) -> None:
    echo = Echo()
    assert asked(echo, Asked(content=Body(b"x" * size))).status == 200
    assert echo.bodies == [b"x" * size]


def test_a_body_that_is_broken_or_never_ends_is_refused() -> None:
    assert code_of(asked(Echo(), Asked(content=BrokenBody()))) == (400, "broken_body")
    endless = ApiBridge(Echo, body_s=0.01).answer(Asked(content=Body(b"x", ends=False)))
    assert code_of(awaited(endless)) == (408, "too_slow")


def test_no_more_bodies_are_read_than_there_are_places_and_all_are_answered() -> None:
    begun = list[int]()
    end = threading.Event()

    class Slow(Echo):
        def answer(self, head: Head, body: bytes) -> Answer:
            end.wait(10)
            return super().answer(head, body)

    class Counted(Body):
        async def read(self, n: int = -1, /) -> bytes:
            if not self.taken:
                begun.append(1)
            return await super().read(n)

    async def crowd() -> list[Answer]:
        bridge = ApiBridge(Slow)
        asked = [asyncio.ensure_future(bridge.answer(Asked(content=Counted(b"x")))) for _ in range(MOST_BODIES * 2)]
        while len(begun) < MOST_BODIES:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.02)
        assert len(begun) == MOST_BODIES
        end.set()
        return await asyncio.gather(*asked)

    assert [found.status for found in awaited(crowd())] == [200] * MOST_BODIES * 2


def test_the_servers_loop_never_runs_the_api() -> None:
    echo = Echo()

    async def one() -> int:
        await ApiBridge(lambda: echo).answer(Asked())
        return threading.get_ident()

    assert awaited(one()) not in echo.threads


def test_a_failure_is_told_in_a_sentence_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    assert code_of(asked(Echo(ValueError("secret")), Asked())) == (500, "internal")
    assert "secret" in caplog.text


def followed(stream: Events, ear: Ear) -> Ear:
    async def follow() -> int:
        await ApiBridge(Echo).follow(stream, ear)
        return threading.get_ident()

    assert awaited(follow()) not in stream.polled_in
    assert stream.closed.wait(10)
    return ear


def test_a_stream_is_sent_piece_by_piece_until_it_says_that_this_was_all() -> None:
    ear = followed(Events(b"one", b"", b"two", None, b"three"), Ear())
    assert ear.heard == [b"begun", b"one", b"two"]


def test_a_stream_ends_when_nobody_listens_any_more() -> None:
    assert followed(Events(b"one", b"two"), Ear(most=1)).heard == [b"begun", b"one"]
    assert followed(Events(b"one", b"two"), Ear(breaks=True)).heard == [b"begun"]


def test_a_stream_is_closed_when_the_server_cancels_it() -> None:
    stream = Events()

    async def cancelled() -> None:
        task = asyncio.ensure_future(ApiBridge(Echo).follow(stream, Ear(10**9)))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    awaited(cancelled())
    assert stream.closed.wait(10)


def test_one_stream_too_many_is_refused_and_a_place_comes_free() -> None:
    streams = [Events() for _ in range(MOST_STREAMS)]

    async def crowd() -> tuple[Answer, Answer]:
        late = Events()
        bridge = ApiBridge(lambda: Echo(Answer(200, stream=late)))
        tasks = [asyncio.ensure_future(bridge.follow(stream, Ear(10**9))) for stream in streams]
        await asyncio.sleep(0)
        refused = await bridge.answer(Asked("GET"))
        assert await asyncio.to_thread(late.closed.wait, 10)
        streams[0].pieces = [None]
        await tasks[0]
        found = await bridge.answer(Asked("GET"))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return refused, found

    refused, found = awaited(crowd())
    assert code_of(refused) == (503, "too_many_streams")
    assert found.stream is not None


def test_a_look_at_the_head_of_a_stream_opens_none() -> None:
    stream = Events()
    assert asked(Echo(Answer(200, stream=stream)), Asked("HEAD")).stream is None
    assert stream.closed.wait(10)


def test_what_is_pending_is_looked_for_until_it_is_there() -> None:
    file = Answer(200, b"now")
    assert asked(Echo(Answer(200, pending=Later(file))), Asked("GET")) == file
    assert asked(Echo(Answer(200, pending=Later(file))), Asked("HEAD")).body == b""


def test_nobody_looks_for_what_is_pending_once_whoever_asked_is_gone() -> None:
    later = Later(None)
    found = asked(Echo(Answer(200, pending=later)), Asked("GET", transport=Line(looks=1)))
    assert code_of(found) == (503, "gone")
    assert later.looks == 2


def sent(found: Answer, ear: Ear) -> tuple[Answer, Any]:
    async def send() -> tuple[Answer, Any]:
        bridge = ApiBridge(Echo)
        answer, file = await bridge.opened(found)
        if file is not None:
            await bridge.send(answer, file, ear)
        return answer, file

    return awaited(send())


def test_a_file_is_sent_whole_or_in_part_with_its_length(tmp_path: Path) -> None:
    path, data = tmp_path / "image.png", bytes(range(256)) * 2000
    path.write_bytes(data)
    for part, expected in ((None, data), (Part(5, 300_000), data[5:300_005])):
        ear = Ear()
        answer, file = sent(Answer(200, file=path, part=part), ear)
        assert answer.headers["Content-Length"] == str(len(expected))
        assert b"".join(ear.heard) == b"begun" + expected
        until = time.monotonic() + 10
        while not file.closed and time.monotonic() < until:
            time.sleep(0.001)
        assert file.closed


def test_a_file_that_is_gone_or_shorter_than_announced_is_told(tmp_path: Path) -> None:
    (tmp_path / "short.png").write_bytes(b"x")
    for answer in (Answer(200, file=tmp_path / "gone.png"), Answer(206, file=tmp_path / "short.png", part=Part(0, 9))):
        told, file = sent(answer, Ear())
        assert file is None
        assert code_of(told) == (404, "no_file")


def test_a_file_that_nobody_takes_any_more_is_closed(tmp_path: Path) -> None:
    (tmp_path / "image.png").write_bytes(b"x" * 10)
    ear = Ear(breaks=True)
    _, file = sent(Answer(200, file=tmp_path / "image.png"), ear)
    assert ear.heard == [b"begun"]
    until = time.monotonic() + 10
    while not file.closed and time.monotonic() < until:
        time.sleep(0.001)
    assert file.closed
