"""One POST: to the address that was looked at, and to no other, whatever the other side says or does."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from orchestrator_core.webhooks.address import allowed_by
from orchestrator_core.webhooks.sending import Posting, outcome_of
from tests.core.webhooks.receiver import Receiver, receiving

pytestmark = pytest.mark.network


def posting(url: str, **more: Any) -> Posting:
    place = url.rpartition("/hooks")[0] + "/"
    return Posting(*allowed_by(url, [place]), **more)


def leading_to_loopback(_host: str, port: int, **_: Any) -> list[Any]:
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]


def test_a_body_arrives_as_it_is_with_its_headers() -> None:
    with receiving() as receiver:
        outcome = posting(receiver.url + "/done?x=1").send(b'{"a": 1}', {"webhook-id": "msg_1"})
    assert (outcome.status, outcome.is_delivered) == (204, True)
    got = receiver.got[0]
    assert (got.path, got.body) == ("/hooks/done?x=1", b'{"a": 1}')
    assert got.headers["webhook-id"] == "msg_1"
    assert got.headers["content-type"] == "application/json"
    assert got.headers["host"] == f"127.0.0.1:{receiver.port}"


def test_a_redirect_is_not_followed() -> None:
    with receiving(302) as receiver:
        outcome = posting(receiver.url).send(b"{}", {})
    assert (outcome.status, outcome.may_help, len(receiver.got)) == (302, False, 1)
    assert "moved" in outcome.error


def test_no_proxy_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as proxy, receiving() as receiver:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        assert posting(receiver.url).send(b"{}", {}).is_delivered
    assert proxy.got == []


def test_a_name_is_looked_up_once_and_what_was_looked_at_is_connected_to() -> None:
    """A name that leads elsewhere at the second look, as in DNS rebinding, leads nowhere."""
    asked: list[str] = []

    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        address = "127.0.0.1" if len(asked) == 1 else "169.254.169.254"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    with receiving() as receiver:
        url = f"http://rebinding.test:{receiver.port}/hooks"
        assert posting(url, resolve=resolve).send(b"{}", {}).is_delivered
        assert asked == ["rebinding.test"]
        refused = posting(url, resolve=resolve).send(b"{}", {})
    assert "where no webhook may go" in refused.error
    assert not refused.may_help
    assert receiver.got[0].headers["host"] == f"rebinding.test:{receiver.port}"


def test_where_one_address_does_not_answer_the_next_is_asked() -> None:
    def resolve(_host: str, port: int, **_: Any) -> list[Any]:
        six = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", port, 0, 0))
        return [six, *leading_to_loopback(_host, port)]

    with receiving() as receiver:
        assert posting(f"http://two.test:{receiver.port}/hooks", resolve=resolve).send(b"{}", {}).is_delivered


def test_nobody_there_is_said_and_may_be_better_later() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    outcome = posting(f"http://127.0.0.1:{port}/hooks").send(b"{}", {})
    assert (outcome.status, outcome.may_help) == (0, True)
    assert outcome.error == f"http://127.0.0.1:{port} does not answer: nothing listens there."


def test_a_name_that_nobody_knows_is_said() -> None:
    def resolve(*_: Any, **__: Any) -> list[Any]:
        raise socket.gaierror(-2, "Name or service not known")

    outcome = posting("http://nowhere.test:80/hooks", resolve=resolve).send(b"{}", {})
    assert "Name or service not known" in outcome.error
    assert outcome.may_help


def test_what_answers_for_ever_is_given_up_in_time() -> None:
    """A byte now and then keeps each silence short; the whole still ends."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ended = threading.Event()

        def drip() -> None:
            client, _ = server.accept()
            with client:
                client.sendall(b"HTTP/1.1 200 OK\r\n")
                while not ended.wait(0.02):
                    try:
                        client.sendall(b"X: y\r\n")
                    except OSError:
                        return

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        try:
            slow = posting(f"http://127.0.0.1:{server.getsockname()[1]}/hooks", total_s=0.2)
            outcome = slow.send(b"{}", {})
        finally:
            ended.set()
            thread.join()
    assert not outcome.is_delivered
    assert "does not answer" in outcome.error


def test_one_that_is_broken_off_before_it_began_sends_nothing() -> None:
    with receiving() as receiver:
        stopped = posting(receiver.url)
        stopped.break_off()
        assert not stopped.send(b"{}", {}).is_delivered
    assert receiver.got == []


def secured(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server whose certificate is for hooks.test, and a client that trusts it."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl to make a certificate with")
    key, certificate = str(folder / "key.pem"), str(folder / "certificate.pem")
    made = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    named = ("-subj", "/CN=hooks.test", "-addext", "subjectAltName=DNS:hooks.test")
    subprocess.run([openssl, *made, *named, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    return server, ssl.create_default_context(cafile=certificate)


def sent_by_tls(receiver: Receiver, name: str, client: ssl.SSLContext | None) -> Any:
    url = f"https://{name}:{receiver.port}/hooks"
    return posting(url, tls=client, resolve=leading_to_loopback).send(b"{}", {})


def test_the_name_in_the_certificate_is_checked_though_an_address_is_connected_to(
    tmp_path: Path,
) -> None:
    server, client = secured(tmp_path)
    with receiving(tls=server) as receiver:
        assert sent_by_tls(receiver, "hooks.test", client).is_delivered
        assert "certificate" in sent_by_tls(receiver, "other.test", client).error
        assert "certificate" in sent_by_tls(receiver, "hooks.test", None).error
    assert len(receiver.got) == 1


@pytest.mark.parametrize(
    ("status", "may_help"),
    [
        *[(400, False), (401, False), (404, False), (410, False), (301, False)],
        *[(408, True), (409, True), (425, True), (429, True), (500, True), (503, True)],
    ],
)
def test_what_will_not_change_by_itself_is_not_tried_again(status: int, may_help: bool) -> None:
    assert outcome_of(status).may_help is may_help


@pytest.mark.parametrize(
    ("said", "wait_s"), [("120", 120.0), ("", 0.0), ("soon", 0.0), ("-5", 0.0), ("9" * 400, 0.0), ("\u0665", 0.0)]
)
def test_how_long_a_receiver_asks_to_wait_is_read_where_it_is_a_number(said: str, wait_s: float) -> None:
    assert outcome_of(429, said).retry_after_s == wait_s


def test_slow_name_servers_do_not_outlast_the_limit_on_the_wire() -> None:
    def resolve(_host: str, port: int, **_: Any) -> list[Any]:
        time.sleep(0.1)
        return leading_to_loopback(_host, port)

    with receiving() as receiver:
        outcome = posting(f"http://slow.test:{receiver.port}/hooks", resolve=resolve, total_s=0.01).send(b"{}", {})
    assert outcome.error.endswith("it took too long.")
    assert receiver.got == []


def test_a_large_body_that_is_refused_in_the_middle_is_told_as_the_answer_says() -> None:
    """A server that takes no more says so, and closes: what it said counts, and not that the connection broke."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def refuse() -> None:
            client, _ = server.accept()
            with client:
                client.recv(1000)
                client.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                client.shutdown(socket.SHUT_WR)
                while client.recv(1 << 20):  # what comes still is thrown away, so that the answer is not
                    pass

        thread = threading.Thread(target=refuse)
        thread.start()
        outcome = posting(f"http://127.0.0.1:{server.getsockname()[1]}/hooks").send(bytes(1 << 20), {})
        thread.join(10)
    assert (outcome.status, outcome.may_help) == (413, False)
