"""``orchestrator gallery serve``: the Flask app behind waitress: who may ask, what waits, and how it ends."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image

from orchestrator_app.gallery_flask import MOST_WAITING, PACKAGES, FlaskApi
from orchestrator_app.lacking import install_line
from orchestrator_core.api.access import Access
from orchestrator_core.api.gallery_changes import LONGEST_S
from orchestrator_core.api.wire import Answer, Head
from tests.api_client import ApiServer
from tests.app.conftest import Cli
from tests.app.flask_server import gallery_served

WAIT_S = 60
CHANGES = "/gallery/changes?since=0&wait=25"


class Echo:
    """A service that answers what it is told to."""

    def __init__(self, found: Answer) -> None:
        self.found = found

    def before(self, head: Head) -> Answer | int:
        return 100

    def answer(self, head: Head, body: bytes) -> Answer:
        return self.found


class Events:
    """They never end."""

    pause_s = 0.01
    is_closed = False

    def poll(self) -> bytes | None:
        return b": still here\n\n"

    def close(self) -> None:
        self.is_closed = True


def waiting(api: ApiServer, path: str) -> http.client.HTTPConnection:
    connection = api.connect()
    connection.request("GET", urlsplit(api.url).path + path)
    return connection


# the app, without a server


def test_any_wsgi_server_can_serve_it():
    app = FlaskApi(Echo(Answer(200, b"{}"))).app
    client = app.test_client()
    assert client.get("/orchestrator/v1/health").data == b"{}"
    assert client.open("/orchestrator/v1/a//b/", method="PATCH").status_code == 200, "no path is Flask's own"
    assert client.post("/orchestrator/v1/jobs", data=b"x" * 101).status_code == 413
    assert client.get("/elsewhere").status_code == 404
    led = client.get("/")
    assert (led.status_code, led.headers["Location"]) == (307, "/orchestrator/v1/app/")


def test_a_failure_is_told_in_a_sentence_and_logged(caplog: pytest.LogCaptureFixture):
    class Failing(Echo):
        def answer(self, head: Head, body: bytes) -> Answer:
            raise ValueError("secret")

    answer = FlaskApi(Failing(Answer(200))).app.test_client().get("/orchestrator/v1/health")
    assert (answer.status_code, answer.json["error"]["code"]) == (500, "internal")
    assert "secret" in caplog.text
    assert b"secret" not in answer.data


def test_no_more_wait_at_once_than_there_is_room_for_and_a_place_comes_free():
    stream = Events()
    client = FlaskApi(Echo(Answer(200, stream=stream)), most_waiting=1).app.test_client()
    first = client.get("/orchestrator/v1/events")
    late = client.get("/orchestrator/v1/events")
    assert (late.status_code, late.json["error"]["code"]) == (503, "too_many_streams")
    assert late.headers["Retry-After"] == "5"
    assert stream.is_closed
    first.close()
    assert client.get("/orchestrator/v1/events").status_code == 200


@pytest.mark.parametrize("words", [["serve", "--port", "0"], [], ["--port", "0"]], ids=["serve", "plain", "options"])
def test_without_flask_the_line_to_type_is_told(cli: Cli, monkeypatch: pytest.MonkeyPatch, words: list[str]):
    monkeypatch.setitem(sys.modules, "flask", None)
    refused = cli("gallery", *words)
    assert refused.status == 2
    assert f"Install them with: {install_line(*PACKAGES)}" in " ".join(refused.err.split())


def test_it_does_not_listen_to_other_machines_without_a_token(cli: Cli):
    refused = cli("gallery", "serve", "--host", "0.0.0.0", "--port", "0")
    assert refused.status == 2
    assert "--new-token" in refused.err


# behind waitress


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with gallery_served(tmp_path_factory.mktemp("gallery")) as server:
        yield server


@pytest.mark.network
def test_what_a_proxy_passes_on_counts_as_from_another_machine(api: ApiServer):
    """waitress would take the headers away that say so."""
    for name in ("X-Forwarded-For", "Forwarded", "X-Real-Ip", "X-Forwarded-Host"):
        refused = api.ask("GET", "/health", headers={name: "203.0.113.9"})
        assert (refused.status, refused.code) == (403, "token_needed"), name


@pytest.mark.network
def test_what_is_no_http_is_told_in_the_one_shape(api: ApiServer):
    for headers, status in (({"X-Large": "x" * 300_000}, 431), ({"Content-Length": "ten"}, 400)):
        reply = api.ask("POST", "/jobs", headers=headers)
        assert reply.status == status
        assert reply.json["error"]["message"]


@pytest.mark.network
def test_calls_are_answered_while_all_others_wait_and_who_left_makes_room(api: ApiServer):
    with ExitStack() as stack:
        for _ in range(MOST_WAITING):
            # The answer is closed with the connection, and so with whoever has it: dropped, it would leave its place.
            answer = stack.enter_context(waiting(api, "/events").getresponse())
            assert answer.readline().startswith(b"retry:")
        refused = api.ask("GET", CHANGES)
        assert (refused.status, refused.code) == (503, "too_many_streams")
        assert api.get("/health")["status"] == "ok"
    events = _until(lambda: _first_of(waiting(api, "/events")))
    assert events.startswith(b"retry:")


def _first_of(connection: http.client.HTTPConnection) -> bytes:
    answer = connection.getresponse()
    try:
        return answer.readline() if answer.status == 200 else b""
    finally:
        connection.close()


def _until(found: Any) -> Any:
    end = time.monotonic() + WAIT_S
    while not (value := found()):
        assert time.monotonic() < end
        time.sleep(0.02)
    return value


@pytest.mark.network
def test_it_ends_at_once_though_somebody_waits(tmp_path: Path):
    """No thread of it goes on: waitress forgets those that have not ended within five seconds."""
    before = set(threading.enumerate())
    with gallery_served(tmp_path) as server:
        poll = waiting(server, CHANGES)
        events = waiting(server, "/events").getresponse()
        assert events.readline().startswith(b"retry:")
        threads = [one for one in set(threading.enumerate()) - before if one.name.startswith("waitress")]
        assert len(threads) > MOST_WAITING
        began = time.monotonic()
    _until(lambda: not any(thread.is_alive() for thread in threads))
    assert time.monotonic() - began < LONGEST_S - 5, "who polls was not waited for; events would never have ended"
    poll.close()
    events.close()


@pytest.mark.network
def test_a_token_is_asked_for_where_there_is_one_but_not_for_the_page(tmp_path: Path):
    with gallery_served(tmp_path, Access("secret token of a test")) as server:
        assert server.get("/health")["status"] == "ok"
        stranger = ApiServer(server.url)
        assert stranger.ask("GET", "/health").code == "unauthorized"
        assert stranger.ask("GET", "/app/").headers["content-type"].startswith("text/html")
        own = {"Origin": f"http://{server.host}"}
        cookie = server.ask("POST", "/session", headers=own).headers["set-cookie"].partition(";")[0]
        assert stranger.ask("GET", "/health", headers={"Cookie": cookie}).status == 200


@contextmanager
def serving(folder: Path, *arguments: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The address of the page, and the process, which is stopped as Ctrl-C does it."""
    command = [sys.executable, "-m", "orchestrator_app.cli", "gallery", *arguments]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            lines = iter(process.stdout.readline, "")
            yield next(line for line in lines if line.startswith("The gallery is at ")).split()[-1], process
        finally:
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=WAIT_S)
            assert "Traceback" not in said


@pytest.mark.network
@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="SIGINT")
def test_the_folders_are_looked_through_and_watched_meanwhile(cli: Cli, tmp_path: Path):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    Image.new("RGB", (64, 64)).save(pictures / "before.png")
    cli("gallery", "add", str(pictures))
    with serving(tmp_path, "serve", "--port", "0") as (page, process):
        api = ApiServer(page.removesuffix("/app/"))
        _until(lambda: api.get("/gallery/count")["total"] == 1)
        Image.new("RGB", (64, 65)).save(pictures / "after.png")
        _until(lambda: api.get("/gallery/count")["total"] == 2)
        names = {image["name"] for image in api.get("/gallery/images")["images"]}
        assert names == {"before.png", "after.png"}
    assert process.returncode == 0
