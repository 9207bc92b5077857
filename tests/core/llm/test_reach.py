from __future__ import annotations

import socket

import pytest

from orchestrator_core.errors import ConfigError, LanguageModelError
from orchestrator_core.http_client import HttpClient
from orchestrator_core.llm.listing import list_models
from orchestrator_core.llm.openai import OpenAIModel
from orchestrator_core.llm.port import Ask, Message
from orchestrator_core.llm.reach import Reach, hosts_in, is_loopback, is_near
from orchestrator_core.llm.server import Server
from orchestrator_core.llm.wire import Patience
from tests.core.llm.stand_in_llm import StandIn, raw, refused, said, whole

ASK = Ask((Message("user", "a castle"),))


@pytest.mark.parametrize(
    ("address", "near"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("10.1.2.3", True),
        ("172.16.0.1", True),
        ("172.32.0.1", False),
        ("192.168.178.20", True),
        ("fd12::1", True),
        ("169.254.169.254", False),  # where clouds keep their secrets
        ("fe80::1%eth0", False),
        ("0.0.0.0", False),
        ("8.8.8.8", False),
        ("::ffff:8.8.8.8", False),
        ("2001:4860:4860::8888", False),
        ("100.64.0.1", False),
        ("", False),
        ("example.com", False),
    ],
)
def test_near_is_this_machine_and_its_private_network(address: str, near: bool) -> None:
    assert is_near(address) is near


def test_a_far_host_is_asked_only_when_it_is_allowed_by_name() -> None:
    far = HttpClient("https://llm.example.com/v1")
    with pytest.raises(LanguageModelError, match=r"llm\.example\.com \(8\.8\.8\.8\) is neither this machine") as caught:
        Reach(["example.com"]).check(far, "8.8.8.8")
    assert caught.value.kind == "refused"
    assert "ORCHESTRATOR_LLM_HOSTS" in str(caught.value)
    Reach(["LLM.example.com"]).check(far, "8.8.8.8")


def test_a_key_goes_to_this_machine_and_encrypted_to_allowed_hosts() -> None:
    reach = Reach(["far.example", "192.168.0.7"])
    assert reach.trusts(HttpClient("http://localhost"), "127.0.0.1")
    assert reach.trusts(HttpClient("https://far.example"), "8.8.8.8")
    assert reach.trusts(HttpClient("http://192.168.0.7"), "192.168.0.7")
    assert not reach.trusts(HttpClient("http://far.example"), "8.8.8.8")
    assert not reach.trusts(HttpClient("http://192.168.0.8"), "192.168.0.8")
    assert is_loopback("::1")


def test_hosts_are_listed_with_commas_or_spaces() -> None:
    assert hosts_in(" A.example, b.example\nc ") == {"a.example", "b.example", "c"}


@pytest.mark.network
def test_nothing_is_sent_where_nothing_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for a far host: the server of the test is near, so the rule is told that nothing is."""
    monkeypatch.setattr("orchestrator_core.llm.reach.is_near", lambda address: False)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        model = OpenAIModel(Server(f"http://127.0.0.1:{listener.getsockname()[1]}", key="secret"), "tiny")
        with pytest.raises(LanguageModelError, match="nothing was sent to it"):
            model.generate(ASK)
        connection, _ = listener.accept()
        with connection:
            assert connection.recv(100) == b""


@pytest.mark.network
def test_a_name_is_judged_by_where_it_leads(monkeypatch: pytest.MonkeyPatch) -> None:
    with StandIn(said("x")) as server:
        port = int(server.url.split(":")[2].split("/")[0])
        here = socket.getaddrinfo("127.0.0.1", port, type=socket.SOCK_STREAM)
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: here)
        assert OpenAIModel(Server(f"http://llm.in-the-house:{port}"), "tiny").generate(ASK) == "x"


@pytest.mark.network
def test_the_key_is_sent_and_is_in_no_message() -> None:
    with StandIn(refused(401, "wrong key sk-secret")) as server:
        with pytest.raises(LanguageModelError, match=r"401 Status\. Is the key right\?") as caught:
            OpenAIModel(Server(server.url, key=" sk-secret\n"), "tiny").generate(ASK)
        assert server.calls[0][2]["Authorization"] == "Bearer sk-secret"
    assert "sk-secret" not in str(caught.value)


@pytest.mark.network
def test_a_key_that_was_not_sent_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator_core.llm.reach.is_loopback", lambda address: False)  # as in a private network
    with StandIn(refused(401, "no key"), models=refused(403, "no key")) as server:
        asked = Server(server.url, key="sk-secret")
        with pytest.raises(LanguageModelError, match=r"key was not sent.* Add 127\.0\.0\.1 to ORCHESTRATOR_LLM_HOSTS"):
            OpenAIModel(asked, "tiny").generate(ASK)
        with pytest.raises(LanguageModelError, match="lists no models: The key was not sent"):
            list_models(asked)
        assert not any("Authorization" in headers for *_, headers in server.calls)


@pytest.mark.parametrize("key", ["käse", "a\nb", "a\x00b"])
def test_what_cannot_be_a_key_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(ConfigError, match="ORCHESTRATOR_LLM_KEY holds characters") as caught:
        Server("127.0.0.1", key=key)
    assert key not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("http://127.0.0.1:11434", "http://127.0.0.1:11434/v1"),
        ("127.0.0.1:1234/", "http://127.0.0.1:1234/v1"),
        (" http://localhost:8080/v1/ ", "http://localhost:8080/v1"),
        ("https://example.com/api/v3/chat/completions", "https://example.com/api/v3"),
        ("http://me:secret@localhost/v1", "http://localhost/v1"),
    ],
)
def test_addresses_may_be_written_as_people_do(given: str, url: str) -> None:
    assert Server(given).url == url


@pytest.mark.network
def test_models_are_listed_by_their_names_only() -> None:
    rows = [{"id": "qwen3:8b", "owned_by": "x"}, {"id": "a\nb"}, {"id": ""}, {"id": 5}, {"id": "x" * 201}, {"id": "b"}]
    with StandIn(said("x"), models=whole({"data": rows})) as server:
        assert list_models(Server(server.url)) == ("qwen3:8b", "b")


@pytest.mark.network
@pytest.mark.parametrize(
    "answer",
    [
        whole({"secret": "s3cret"}),
        whole({"data": ["s3cret"]}),
        whole({"data": "s3cret"}),
        whole("s3cret", kind="text/html"),
        whole({"error": "s3cret"}, 500),
        whole("", 301, more="Location: http://127.0.0.1:1/s3cret\r\n"),
        raw(b"220 s3cret FTP server ready\r\n"),
        raw(b"HTTP/1.1 200 OK\r\n\r\n", *[b"s3cret" * 200_000] * 8),
    ],
)
def test_a_list_shows_nothing_of_other_services(answer: object) -> None:
    with StandIn(said("x"), models=answer) as server, pytest.raises(LanguageModelError) as caught:  # type: ignore[arg-type]
        list_models(Server(server.url, patience=Patience(total=2.0)))
    assert "s3cret" not in str(caught.value)
