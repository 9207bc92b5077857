"""OpenAIModel: a language model behind an OpenAI-compatible server, as Ollama, LM Studio, llama.cpp and vLLM are.

    model = OpenAIModel(Server("http://127.0.0.1:11434/v1"), "qwen3:8b")
    text = model.generate(Ask((Message("user", "…"),)), on_text=print)

Calls block, and belong in a worker thread. One object serves any number of threads, and should be kept for a whole
batch: it remembers what the server refuses, and that it is down.
"""

from __future__ import annotations

import re
import time
from contextlib import suppress
from typing import NamedTuple

from orchestrator_core.errors import Cancelled, LanguageModelError
from orchestrator_core.llm.breaker import Breaker
from orchestrator_core.llm.listing import list_models
from orchestrator_core.llm.openai_answer import body_of, refusal_of, text_pieces, words_of
from orchestrator_core.llm.openai_request import Dialect
from orchestrator_core.llm.port import Ask, IsCancelled, OnText, never
from orchestrator_core.llm.server import Server
from orchestrator_core.llm.wire import Head

_LOADING, _LOOK_AGAIN_S = 503, 0.5  # what llama.cpp answers while it loads a model
_NAME_HOLDS_S = 60.0  # of the model that a server has loaded: people change it while this one runs
_UNLOAD_S = 2.0  # for asking a server to forget a model: good to have, and nobody waits for it
_MAY_BE_A_FIELD = (400, 415, 422, 500, 501)  # refusals that may mean a field which the server does not know


class OpenAIModel:
    """A ``LanguageModel``. ``model`` "": the first that the server names.

    ``keep_alive``: how long Ollama should keep the model after a batch's last call, as "0" or "5m"; "": as it likes.
    """

    def __init__(
        self, server: Server, model: str = "", *, keep_alive: str = "", breaker: Breaker | None = None
    ) -> None:
        self._server, self._model, self._keep_alive = server, model.strip(), keep_alive.strip()
        self._breaker = breaker or Breaker()
        self._dialect = Dialect()
        self._first = "", 0.0  # the server's first model, and until when that holds

    @property
    def identity(self) -> str:
        """By the model's name. Where none was given the server is asked, and remembered while it does not answer."""
        if not self._model:
            with suppress(LanguageModelError), self._breaker.guarding(self._server.url):
                self._first_name(never)
        return f"openai:{shown_name(self._model or self._first[0])}"

    def generate(self, ask: Ask, on_text: OnText | None = None, is_cancelled: IsCancelled | None = None) -> str:
        """The whole answer.

        Raises LanguageModelError: "unreachable", "slow", "refused", "missing" (no such model or address), "unreadable";
        Cancelled.
        """
        is_cancelled = is_cancelled or never
        with self._breaker.guarding(self._server.url):
            model = self._model or self._first_name(is_cancelled)
            return self._answer(_Asking(self._server, is_cancelled, on_text), model, ask)

    def _first_name(self, is_cancelled: IsCancelled) -> str:
        """The server's first model; "" where it names none: one that has a single model may not care."""
        name, until = self._first
        if time.monotonic() >= until:
            try:
                name = next(iter(list_models(self._server, is_cancelled)), "")
            except LanguageModelError as error:
                if error.kind not in ("refused", "unreadable"):
                    raise
                name = ""  # what is wrong there, the call itself says better
            self._first = name, time.monotonic() + _NAME_HOLDS_S
        return name

    def _answer(self, asking: _Asking, model: str, ask: Ask) -> str:
        dialect = self._dialect
        while isinstance(reply := asking.post(dialect.body(model, ask)), _Refusal):
            dialect = self._changed(dialect, reply, ask)
        self._dialect = dialect
        if ask.is_last and self._keep_alive:
            self._forget(model)
        return reply

    def _changed(self, dialect: Dialect, refusal: _Refusal, ask: Ask) -> Dialect:
        """What the server may understand instead. Raises LanguageModelError where nothing is left to try."""
        changed = None
        if refusal.head.status in _MAY_BE_A_FIELD:
            changed = dialect.after_refusal(words_of(refusal.body), ask.schema is not None)
        if changed is None:
            raise refusal_of(refusal.head, refusal.body, self._server.url, self._server.key_hint)
        return changed

    def _forget(self, model: str) -> None:
        """Ollama's own call, since its OpenAI-compatible one takes no ``keep_alive``; others answer 404."""
        value = {"model": model, "keep_alive": _duration(self._keep_alive)}
        until = self._server.soon(_UNLOAD_S)
        # The text is there, and what only frees memory must not take it away.
        with suppress(LanguageModelError), self._server.post_beside("/api/generate", value, until) as exchange:
            exchange.head()


class _Refusal(NamedTuple):
    head: Head
    body: bytes


class _Asking:
    """The calls that one question takes, which together have one time limit."""

    def __init__(self, server: Server, is_cancelled: IsCancelled, on_text: OnText | None) -> None:
        self._server, self._is_cancelled, self._on_text = server, is_cancelled, on_text
        self._until = server.ends()

    def post(self, body: bytes) -> str | _Refusal:
        until = min(self._until, self._server.soon(self._server.patience.first))
        while isinstance(reply := self._posted(body), _Refusal):
            if reply.head.status != _LOADING or time.monotonic() + _LOOK_AGAIN_S > until:
                break
            self._pause()
        return reply

    def _posted(self, body: bytes) -> str | _Refusal:
        with self._server.post("/chat/completions", body, self._until, self._is_cancelled) as exchange:
            head = exchange.head()
            if head.status != 200:
                return _Refusal(head, body_of(exchange, self._server.url))
            texts = []
            for text in text_pieces(head, exchange, self._server.url):
                if text and self._on_text:
                    self._on_text(text)
                texts.append(text)
            return "".join(texts)

    def _pause(self) -> None:
        end = time.monotonic() + _LOOK_AGAIN_S
        while (left := end - time.monotonic()) > 0:
            if self._is_cancelled():
                raise Cancelled
            time.sleep(min(left, 0.1))


def _duration(text: str) -> str | int:
    """Ollama reads "5m" as a duration, and bare seconds only as a number."""
    return int(text) if text.lstrip("-").isdigit() else text


def shown_name(name: str) -> str:
    """llama.cpp names a model by its path, which is nobody's business."""
    is_path = name.lower().endswith(".gguf") or re.match(r"(?:[A-Za-z]:)?[/\\]", name)
    return re.split(r"[/\\]", name.rstrip("/\\"))[-1] if is_path else name
