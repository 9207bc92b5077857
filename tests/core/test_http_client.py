from __future__ import annotations

import base64
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from orchestrator_core import http_client
from orchestrator_core.errors import ConfigError, HttpError, NoAnswer
from orchestrator_core.http_client import HttpClient

pytestmark = pytest.mark.network


@contextmanager
def raw_server(answer: bytes, pause: float = 0.0) -> Iterator[str]:
    """Says these bytes to whoever connects, one after another with a pause."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                try:
                    for number in range(len(answer)) if pause else (None,):
                        connection.sendall(answer if number is None else answer[number : number + 1])
                        time.sleep(pause)
                except OSError:
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


@contextmanager
def echo_server() -> Iterator[str]:
    """Answers with the request's path, authorization and body."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            authorization = self.headers["Authorization"] or ""
            answer = f"{self.path} {authorization}\n".encode() + body
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_the_address_may_have_a_path_and_needs_no_scheme() -> None:
    with echo_server() as place:
        assert HttpClient(f"{place}/comfy/").get("/view", {"a": "b c"}) == b"/comfy/view?a=b+c \n"


def test_a_login_in_the_address_is_sent_and_never_shown() -> None:
    with echo_server() as place:
        client = HttpClient(f"http://me:s%20ecret@{place}")
        assert base64.b64decode(client.get("/").split()[2]) == b"me:s ecret"
        assert "ecret" not in client.url


def test_a_file_is_sent_as_a_form() -> None:
    with echo_server() as place, pytest.raises(NoAnswer) as caught:
        HttpClient(place).post_file("/upload", 'a"b\r\n.png', b"\x00data", {"type": "input"})
    body = caught.value.body
    assert b'name="type"\r\n\r\ninput\r\n' in body
    assert b'filename="a_b__.png"\r\nContent-Type: application/octet-stream\r\n\r\n\x00data\r\n--' in body


def test_proxies_are_not_asked_for_the_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    with echo_server() as place:
        assert HttpClient(place).get("/x") == b"/x \n"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "what comes back is not HTTP"),
        (b"", "does not answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", "ends 95 bytes too early"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n<html>", "no JSON: '<html>'"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 5000, "no JSON"),
    ],
)
def test_what_is_no_answer_is_told(answer: bytes, message: str) -> None:
    with raw_server(answer) as url, pytest.raises(NoAnswer, match=message):
        HttpClient(url).get_json("/")


@pytest.mark.parametrize("status", [301, 404, 500])
def test_a_refusal_has_its_status_and_body(status: int) -> None:
    head = f"HTTP/1.1 {status} Nope\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 3\r\n\r\nwhy"
    with raw_server(head.encode()) as url, pytest.raises(HttpError, match=f"answered {status} Nope") as caught:
        HttpClient(url).get("/")
    assert (caught.value.status, caught.value.body) == (status, b"why")


def test_silence_is_waited_for_no_longer_than_the_timeout() -> None:
    with raw_server(b"HTTP/1.1 200 OK\r\n", 0.4) as url, pytest.raises(NoAnswer, match="it took too long"):
        HttpClient(url, timeout=0.1).get("/")


def test_an_answer_that_drips_or_swells_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_client, "_BLOCK", 1)
    with raw_server(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 60, 0.01) as url, pytest.raises(NoAnswer, match="too slow"):
        HttpClient(url, total=0.1).get("/")
    monkeypatch.setattr(http_client, "MAX_ANSWER", 10)
    with raw_server(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 60) as url, pytest.raises(NoAnswer, match="too large"):
        HttpClient(url).get("/")


@pytest.mark.parametrize("address", ["http://[::1", "http://\x1b[31mx", "file:///x", "http://", "http://x:99999", ""])
def test_what_is_no_address_is_refused_with_an_example(address: str) -> None:
    with pytest.raises(ConfigError, match=r"no address of a server; write it as http://127\.0\.0\.1:8188"):
        HttpClient(address)


@pytest.mark.parametrize(
    "address", ["ftp://me:secret@x", "http://me:secret@x:99999", "me:secret@x:port", "//me:secret@["]
)
def test_a_refused_address_does_not_show_its_password(address: str) -> None:
    with pytest.raises(ConfigError) as refused:
        HttpClient(address)
    assert "secret" not in str(refused.value)
    assert "***@" in str(refused.value)
