from __future__ import annotations

import http.client
import socket
import sys
import threading
import time
from typing import Any

import pytest

from orchestrator_core.errors import Cancelled, LanguageModelError
from orchestrator_core.llm.breaker import Breaker
from orchestrator_core.llm.openai import OpenAIModel
from orchestrator_core.llm.port import Ask, Message
from orchestrator_core.llm.server import Server
from orchestrator_core.llm.wire import Patience
from tests.core.llm.stand_in_llm import (
    DONE,
    STREAM,
    Answer,
    StandIn,
    chunk,
    raw,
    refused,
    said,
    streamed,
    whole,
)

pytestmark = pytest.mark.network

SCHEMA = {"type": "object", "properties": {"add": {"type": "array"}}}
HASTY = Patience(connect=1.0, first=0.2, silence=0.2, total=0.5)
PATIENT = Patience(connect=20.0, first=20.0, silence=20.0, total=20.0)  # also of a busy machine


def ask(**changes: Any) -> Ask:
    return Ask((Message("system", "You write prompts."), Message("user", "a castle")), **changes)


def model_of(url: str, name: str = "tiny", patience: Patience | None = None, **changes: Any) -> OpenAIModel:
    return OpenAIModel(Server(url, patience=patience), name, **changes)


def test_an_answer_comes_whole_and_in_pieces() -> None:
    pieces: list[str] = []
    with StandIn(said("a castle at dawn")) as server:
        text = model_of(server.url).generate(ask(seed=7, max_tokens=40, temperature=0.2), pieces.append)
    assert text == "a castle at dawn"
    assert pieces == ["a ", "castle ", "at ", "dawn"]
    (asked,) = server.asked
    assert asked["messages"] == [
        {"role": "system", "content": "You write prompts."},
        {"role": "user", "content": "a castle"},
    ]
    assert (asked["model"], asked["seed"], asked["max_tokens"], asked["temperature"]) == ("tiny", 7, 40, 0.2)
    assert "response_format" not in asked


def test_a_server_that_does_not_stream_is_understood() -> None:
    pieces: list[str] = []
    with StandIn(whole({"choices": [{"message": {"content": "a castle"}, "finish_reason": "stop"}]})) as server:
        assert model_of(server.url).generate(ask(), pieces.append) == "a castle"
    assert pieces == ["a castle"]


def test_what_a_model_only_thinks_is_passed_over() -> None:
    events = (chunk(None, reasoning_content="hm"), chunk(None, reasoning="so"), chunk("a fox"), chunk(None, "stop"))
    with StandIn(streamed(*events)) as server:
        assert model_of(server.url).generate(ask()) == "a fox"
    assert server.asked[0]["reasoning_effort"] == "none"
    assert server.asked[0]["chat_template_kwargs"] == {"enable_thinking": False}


def test_a_model_that_used_all_its_words_for_thinking_is_told() -> None:
    for answer in (
        streamed(chunk(None, reasoning_content="hm"), chunk(None, "length"), DONE),
        whole({"choices": [{"message": {"content": None}, "finish_reason": "length"}]}),
    ):
        with StandIn(answer) as server, pytest.raises(LanguageModelError, match="thought until all of its words"):
            model_of(server.url).generate(ask())


def test_without_a_name_the_first_model_is_asked() -> None:
    with StandIn(said("x"), models=("folder/first", "second")) as server:
        model = model_of(server.url, "")
        model.generate(ask())
        model.generate(ask())
        assert model.identity == "openai:folder/first"
    assert [body["model"] for body in server.asked] == ["folder/first"] * 2
    assert sum(path.endswith("/models") for _, path, _ in server.calls) == 1
    assert model.identity == "openai:folder/first"


@pytest.mark.parametrize("models", [(), refused(404, "no such page"), whole("<html>", kind="text/html")])
def test_a_server_that_lists_nothing_is_asked_all_the_same(models: Any) -> None:
    with StandIn(said("x"), models=models) as server:
        assert model_of(server.url, "").generate(ask()) == "x"
        assert server.asked[0]["model"] == ""


def test_a_model_that_is_named_by_its_path_does_not_show_the_folder() -> None:
    with StandIn(said("x"), models=("/home-of/me/models/Small.Q4.gguf",)) as server:
        model = model_of(server.url, "")
        assert model.identity == "openai:Small.Q4.gguf"
        model.generate(ask())
    assert server.asked[0]["model"] == "/home-of/me/models/Small.Q4.gguf"
    assert OpenAIModel(Server("127.0.0.1"), "C:\\models\\a.gguf").identity == "openai:a.gguf"


def test_the_schema_is_sent_and_left_out_for_a_server_that_refuses_it() -> None:
    cannot = refused(400, "response_format type json_schema is not supported")
    with StandIn(cannot, refused(400, "response_format is not supported"), said("one"), said("two")) as server:
        model = model_of(server.url)
        assert [model.generate(ask(schema=SCHEMA)) for _ in range(2)] == ["one", "two"]
    formats = [body.get("response_format", {}).get("type") for body in server.asked]
    assert formats == ["json_schema", "json_object", None, None]
    assert server.asked[0]["response_format"]["json_schema"]["schema"] == SCHEMA


@pytest.mark.parametrize(
    ("words", "gone", "there"),
    [
        ("Unsupported parameter: 'max_tokens', use 'max_completion_tokens'", "max_tokens", "max_completion_tokens"),
        ("temperature does not support 0.7", "temperature", "max_tokens"),
        ("Unrecognized request argument supplied: reasoning_effort", "reasoning_effort", "seed"),
        ("extra fields not permitted: chat_template_kwargs", "chat_template_kwargs", "seed"),
        ("seed: unknown", "seed", "temperature"),
    ],
)
def test_a_field_that_a_server_refuses_is_sent_once(words: str, gone: str, there: str) -> None:
    with StandIn(refused(400, words), said("x")) as server:
        model = model_of(server.url)
        assert [model.generate(ask()) for _ in range(2)] == ["x", "x"]
    assert [gone in body for body in server.asked] == [True, False, False]
    assert there in server.asked[1]


def test_a_refusal_for_another_reason_is_not_tried_for_ever() -> None:
    cannot = refused(400, "temperature, seed, reasoning, max_completion_tokens: all of it is wrong")
    with StandIn(cannot) as server, pytest.raises(LanguageModelError, match="400 Status: temperature, seed") as caught:
        model_of(server.url).generate(ask(schema=SCHEMA))
    assert caught.value.kind == "refused"
    assert len(server.asked) <= 8


HOSTILE: dict[str, tuple[Answer, str, str]] = {
    "HTML": (whole("<html><body>Welcome", kind="text/html"), "unreadable", "does not answer as an OpenAI"),
    "no JSON": (streamed(b"data: {half\n\n"), "unreadable", "does not answer as an OpenAI"),
    "another JSON": (whole({"answer": "x"}), "unreadable", "does not answer as an OpenAI"),
    "a list": (whole(["x"]), "unreadable", "does not answer as an OpenAI"),
    "deep": (whole("[" * 100_000), "unreadable", "does not answer as an OpenAI"),
    "odd choices": (streamed(b'data: {"choices": [5]}\n\n'), "unreadable", "does not answer as an OpenAI"),
    "no HTTP": (raw(b"SSH-2.0-OpenSSH_9.2\r\n"), "unreachable", "not HTTP"),
    "nothing": (raw(), "unreachable", "does not answer"),
    "cut stream": (streamed(chunk("a castle")), "unreachable", "ends in the middle"),
    "cut body": (
        raw(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 999\r\n\r\n", chunk("a")),
        "unreachable",
        "does not answer",
    ),
    "cut chunk": (
        raw(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n50\r\ndata: "),
        "unreachable",
        "does not answer",
    ),
    "1 MB of text": (streamed(chunk("x" * 1024 * 1024)), "unreadable", "was cut off"),
    "a line without an end": (raw(STREAM, b"data: ", b"x" * 2_000_000), "unreadable", "not a stream"),
    "endless": (streamed(*[chunk("x" * 10_000)] * 40), "unreadable", "more than 262,144 characters"),
    "much of nothing": (streamed(*[b": " + b"x" * 500_000 + b"\n"] * 20), "unreadable", "larger than 8,388,608 bytes"),
    "an error in the stream": (
        streamed(chunk("a"), b'data: {"error": {"message": "out of\\n memory"}}\n\n'),
        "refused",
        "broke off: out of memory",
    ),
    "no such model": (refused(404, 'model "tiny" not found, try pulling it first'), "missing", "try pulling it first"),
    "busy": (refused(429, "slow down"), "refused", "429 Status: slow down"),
    "broken": (whole("<html>nginx</html>", 502, "text/html"), "unreachable", "502 Status.$"),
    "wants a key": (refused(401, "no"), "refused", "It wants a key: set ORCHESTRATOR_LLM_KEY"),
    "elsewhere": (whole("", 302, more="Location: http://127.0.0.1:1/\r\n"), "refused", "answered 302"),
    "silent": (streamed(before=0.4), "slow", "took too long"),
    "silent in the middle": (streamed(chunk("a"), chunk("b"), pause=0.4), "slow", "took too long"),
    "slow for ever": (streamed(*[chunk("a")] * 7, pause=0.1), "slow", "took too long"),
    "loading for ever": (refused(503, "Loading model"), "slow", "Loading model"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_answer_is_told_in_time(name: str) -> None:
    answer, kind, words = HOSTILE[name]
    started = time.monotonic()
    with StandIn(answer) as server:
        with pytest.raises(LanguageModelError, match=words) as caught:
            model_of(server.url, patience=HASTY if kind == "slow" else PATIENT).generate(ask())
        took = time.monotonic() - started
    assert caught.value.kind == kind
    assert "\n" not in str(caught.value)
    assert took < 15


def test_a_server_that_still_loads_its_model_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator_core.llm.openai._LOOK_AGAIN_S", 0.05)
    with StandIn(refused(503, "Loading model"), refused(503, "Loading model"), said("x")) as server:
        assert model_of(server.url).generate(ask()) == "x"


def test_nothing_listens_is_told_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(LanguageModelError, match="nothing listens there") as caught:
        model_of(f"http://127.0.0.1:{port}").generate(ask())
    assert caught.value.kind == "unreachable"


def test_it_stops_within_a_moment_when_cancelled() -> None:
    cancelled, before = threading.Event(), set(threading.enumerate())
    pieces: list[str] = []

    def on_text(text: str) -> None:
        pieces.append(text)
        cancelled.set()

    with StandIn(streamed(*[chunk("a ")] * 50, pause=0.1)) as server:
        started = time.monotonic()
        with pytest.raises(Cancelled):
            model_of(server.url).generate(ask(), on_text, cancelled.is_set)
        assert time.monotonic() - started < 1
    assert pieces[0] == "a "
    assert len(set(threading.enumerate()) - before) < 10


def test_it_stops_also_while_the_first_word_is_waited_for() -> None:
    with StandIn(streamed(before=1.0)) as server:
        started = time.monotonic()
        with pytest.raises(Cancelled):
            model_of(server.url).generate(ask(), is_cancelled=lambda: time.monotonic() - started > 0.1)
        assert time.monotonic() - started < 0.8


def test_it_stops_at_once_while_it_connects_and_then_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    connected = threading.Event()

    class Slow(http.client.HTTPConnection):
        def connect(self) -> None:
            time.sleep(0.3)
            super().connect()
            connected.set()

    monkeypatch.setattr(http.client, "HTTPConnection", Slow)
    with StandIn(said("x")) as server:
        started = time.monotonic()
        with pytest.raises(Cancelled):
            model_of(server.url).generate(ask(), is_cancelled=lambda: time.monotonic() - started > 0.05)
        assert time.monotonic() - started < 0.25
        assert connected.wait(2)
    assert server.calls == []


def test_what_a_callback_raises_comes_out_and_is_not_the_servers_fault() -> None:
    def on_text(text: str) -> None:
        raise KeyError(text)

    with StandIn(said("a b")) as server:
        model = model_of(server.url, breaker=Breaker(failures=1))
        for _ in range(2):
            with pytest.raises(KeyError):
                model.generate(ask(), on_text)


def test_callbacks_run_in_the_callers_thread() -> None:
    threads = set()
    with StandIn(said("a b")) as server:
        model_of(server.url).generate(
            ask(),
            lambda _: threads.add(threading.current_thread()),
            lambda: bool(threads.add(threading.current_thread())),
        )
    assert threads == {threading.current_thread()}


def test_ollama_is_told_to_forget_the_model_after_the_last_prompt_only() -> None:
    with StandIn(said("x")) as server:
        model = model_of(server.url, keep_alive="0")
        model.generate(ask())
        assert [path for _, path, _ in server.calls] == ["/v1/chat/completions"]
        model.generate(ask(is_last=True))
        assert [path for _, path, _ in server.calls][1:] == ["/v1/chat/completions", "/api/generate"]
        model_of(server.url).generate(ask(is_last=True))
    assert [path for _, path, _ in server.calls][3:] == ["/v1/chat/completions"]
    assert not any("keep_alive" in body for body in server.asked)


def test_a_server_whose_plug_is_pulled_delays_a_batch_of_fifty_by_no_more_than_moments() -> None:
    texts: list[str | LanguageModelError] = []
    with StandIn(said("a castle at dawn")) as server:
        model = model_of(server.url)
        for number in range(50):
            if number == 20:
                server.stop()
                started = time.monotonic()
            try:
                texts.append(model.generate(ask()))
            except LanguageModelError as error:
                texts.append(error)
        took = time.monotonic() - started
    assert texts[:20] == ["a castle at dawn"] * 20
    assert {error.kind for error in texts[20:] if isinstance(error, LanguageModelError)} == {"unreachable"}
    assert len(texts) == 50
    assert took < 2


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux leaves a connection to a full queue unanswered")
def test_a_server_that_cannot_be_reached_delays_a_batch_by_two_connections() -> None:
    """A listener whose queue is full answers to no connection, as a machine that is switched off."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        model = model_of(f"http://127.0.0.1:{full.getsockname()[1]}", patience=Patience(connect=0.2))
        started = time.monotonic()
        for _ in range(50):
            with pytest.raises(LanguageModelError, match=r"no connection in 0\.2 s|took too long|left alone") as caught:
                model.generate(ask())
            assert caught.value.kind == "unreachable"
        took = time.monotonic() - started
        for each in waiting:
            each.close()
    assert 0.3 < took < 2
