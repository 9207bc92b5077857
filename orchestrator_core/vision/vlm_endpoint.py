"""EndpointVlm: a vision-language model behind an OpenAI-compatible server: Ollama, LM Studio, llama.cpp, vLLM.

Images go where prompts may go, and nowhere else: ``Server`` has the allow-list, the time limits and the key. One object
should be kept for all images: it remembers what the server refuses, and that it is down.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeGuard

from orchestrator_core.errors import Cancelled, LanguageModelError
from orchestrator_core.llm.breaker import Breaker
from orchestrator_core.llm.listing import list_models
from orchestrator_core.llm.openai import shown_name
from orchestrator_core.llm.openai_answer import body_of, refusal_of, words_of
from orchestrator_core.llm.openai_request import Dialect
from orchestrator_core.llm.port import Ask, IsCancelled, Message, never
from orchestrator_core.llm.server import Server
from orchestrator_core.vision.data_url import data_url
from orchestrator_core.vision.vlm import Verdict, verdict_of_text, verdict_of_tokens

if TYPE_CHECKING:
    from orchestrator_core.vision.port import Pixels

_MOST_TOP, _FEWER_TOP = 20, 5  # log-probabilities asked for: what OpenAI and vLLM allow, and what all do
_SHORT, _ROOM = 1, 8  # tokens of a yes or no, and for a model that does not come to the point at once
_MAY_BE_A_FIELD = (400, 415, 422, 500, 501)
_SEES_NOT = ("image", "vision", "multimodal", "mmproj", "multi-modal")
_MOST_LOG = 1e6  # of a log-probability
_LOADING, _LOOK_AGAIN_S = 503, 0.5
_SEE_HINT = "Choose a model that sees images, as Qwen2.5-VL, Gemma 3 or LLaVA; llama.cpp needs its mmproj file as well."


@dataclass(frozen=True, slots=True)
class _Manner:
    """How this server's model is asked, as far as it is known."""

    dialect: Dialect = field(default_factory=Dialect)
    top: int = _MOST_TOP  # 0: it tells no log-probabilities
    tokens: int = _SHORT

    def after_refusal(self, words: str) -> _Manner | None:
        """What to try instead; None where nothing is left to try."""
        if "logprob" in words.lower() and self.top:
            return replace(self, top=_FEWER_TOP if self.top > _FEWER_TOP else 0)
        dialect = self.dialect.after_refusal(words, has_schema=False)
        return replace(self, dialect=dialect) if dialect else None


class EndpointVlm:
    """A ``VisionLanguageModel``. ``model`` "": the first that the server names."""

    def __init__(self, server: Server, model: str = "", *, breaker: Breaker | None = None) -> None:
        self._server, self._model = server, model.strip()
        self._breaker = breaker or Breaker()
        self._manner = _Manner()
        self._last: tuple[Any, str] = None, ""  # an image and its URL: many questions are of one image

    @property
    def identity(self) -> str:
        """By the model's name: what weights a server has behind it, it does not tell."""
        return f"openai:{shown_name(self._model)}"

    def judge(self, image: Pixels, question: str, is_cancelled: IsCancelled = never) -> Verdict:
        """Raises LanguageModelError: "unreachable", "slow", "refused", "missing", "unreadable"; Cancelled."""
        verdict = self._judged(image, question, is_cancelled)
        if verdict.probability is None and self._manner.tokens == _SHORT:
            self._manner = replace(self._manner, tokens=_ROOM)  # a blank or a quotation mark may come first
            verdict = self._judged(image, question, is_cancelled)
        return verdict

    def say(self, image: Pixels, question: str, max_tokens: int = 80, is_cancelled: IsCancelled = never) -> str:
        """Raises what ``judge`` does."""
        return _text(self._asked(image, question, max_tokens, is_cancelled)).strip()

    def release(self) -> None:
        """The weights are the server's."""

    def _judged(self, image: Pixels, question: str, is_cancelled: IsCancelled) -> Verdict:
        choice = self._asked(image, question, 0, is_cancelled)
        text = _text(choice)
        for tokens in _listed(choice):
            verdict = verdict_of_tokens(tokens, text)
            if verdict.probability is not None:
                return verdict
        return verdict_of_text(text)

    def _asked(self, image: Pixels, question: str, max_tokens: int, is_cancelled: IsCancelled) -> Mapping[str, Any]:
        """The first choice of an answer; ``max_tokens`` 0: of one to a question of yes or no."""
        with self._breaker.guarding(self._server.url):
            self._model = self._model or next(iter(list_models(self._server, is_cancelled)), "")
            url, until = self._url(image), self._server.ends()
            while True:
                body = json.dumps(self._call(url, question, max_tokens)).encode()
                status, reply = self._posted(body, until, is_cancelled)
                if status == 200:
                    return _choice_in(reply, self._server.url)
                self._manner = self._changed(status, reply)

    def _url(self, image: Pixels) -> str:
        last, url = self._last
        if last is not image:
            url = data_url(image)
            self._last = image, url
        return url

    def _call(self, url: str, question: str, max_tokens: int) -> dict[str, Any]:
        manner = self._manner
        ask = Ask((Message("user", question),), max_tokens=max_tokens or manner.tokens, temperature=0)
        parts = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": question}]
        values = manner.dialect.values(self._model, ask)
        values |= {"messages": [{"role": "user", "content": parts}], "stream": False}
        return values | ({"logprobs": True, "top_logprobs": manner.top} if manner.top and not max_tokens else {})

    def _posted(self, body: bytes, until: float, is_cancelled: IsCancelled) -> tuple[int, bytes]:
        """The status and the body of an answer; a server that still loads its model is waited for."""
        patient = min(until, self._server.soon(self._server.patience.first))
        while True:
            with self._server.post("/chat/completions", body, until, is_cancelled) as exchange:
                head = exchange.head()
                reply = body_of(exchange, self._server.url)
            if head.status != _LOADING or time.monotonic() + _LOOK_AGAIN_S > patient:
                break
            _pause(is_cancelled)
        if head.status != 200 and head.status not in _MAY_BE_A_FIELD:
            raise refusal_of(head, reply, self._server.url, self._server.key_hint)
        return head.status, reply

    def _changed(self, status: int, reply: bytes) -> _Manner:
        words = words_of(reply)
        if (manner := self._manner.after_refusal(words)) is not None:
            return manner
        said = f": {words}" if words else ""
        hint = f" {_SEE_HINT}" if any(sign in words.lower() for sign in _SEES_NOT) or not words else ""
        told = f"{self._server.url} refused an image for {shown_name(self._model) or 'its model'} ({status}){said}."
        raise LanguageModelError(told + hint, "refused")


def _pause(is_cancelled: IsCancelled) -> None:
    end = time.monotonic() + _LOOK_AGAIN_S
    while (left := end - time.monotonic()) > 0:
        if is_cancelled():
            raise Cancelled
        time.sleep(min(left, 0.1))


def _choice_in(reply: bytes, url: str) -> Mapping[str, Any]:
    try:
        choice = json.loads(reply)["choices"][0]
    except (ValueError, LookupError, TypeError, RecursionError):
        choice = None
    if not isinstance(choice, dict):
        told = f"{url} does not answer as an OpenAI-compatible server does: {words_of(reply)[:60]!r}."
        raise LanguageModelError(f"{told} Such an address mostly ends in /v1.")
    return choice


def _text(choice: Mapping[str, Any]) -> str:
    message = choice.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    return content if isinstance(content, str) else ""


def _listed(choice: Mapping[str, Any]) -> list[list[tuple[str, float]]]:
    """For each token of the answer the most probable ones there; none where the server tells no probabilities."""
    told = choice.get("logprobs")
    rows = told.get("content") if isinstance(told, dict) else None
    listed = rows if isinstance(rows, list) else []
    return [_tokens(row.get("top_logprobs")) for row in listed if isinstance(row, dict)]


def _tokens(listed: Any) -> list[tuple[str, float]]:
    rows = [row for row in listed if isinstance(row, dict)] if isinstance(listed, list) else []
    found = [(row.get("token"), row.get("logprob")) for row in rows]
    return [(token, float(log)) for token, log in found if isinstance(token, str) and _is_number(log)]


def _is_number(log: object) -> TypeGuard[float]:
    return isinstance(log, int | float) and abs(log) < _MOST_LOG  # a whole number may be larger than any float
