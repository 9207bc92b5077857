"""What an OpenAI-compatible server answers: a stream of events or one JSON object to text; refusals to errors."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from orchestrator_core.errors import LanguageModelError
from orchestrator_core.llm.sse import data_of_events
from orchestrator_core.llm.wire import Head

MOST_BYTES = 8 * 1024 * 1024  # of a whole answer on the wire
MOST_TEXT = 256 * 1024  # characters of its text
_MOST_WORDS = 300  # of a server's own, in a message
_KINDS = {404: "missing", 408: "slow", 502: "unreachable", 503: "slow", 504: "slow"}


def text_pieces(head: Head, pieces: Iterable[bytes], url: str) -> Iterator[str]:
    """The answer's text as it comes; "" for what only shows that the server is at work. Raises LanguageModelError."""
    length = 0
    parts = _streamed if head.kind == "text/event-stream" else _whole
    for text in parts(_bounded(pieces, url), url):
        length += len(text)
        if length > MOST_TEXT:
            raise LanguageModelError(f"The answer of {url} has more than {MOST_TEXT:,} characters; it was cut off.")
        yield text


def body_of(pieces: Iterable[bytes], url: str) -> bytes:
    """A whole body. Raises LanguageModelError for one that is too large."""
    return b"".join(_bounded(pieces, url))


def refusal_of(head: Head, body: bytes, url: str, key_hint: str) -> LanguageModelError:
    """What a status that is none of success means."""
    words = words_of(body)
    said = f": {words}" if words else "."
    if head.status in (401, 403):
        return LanguageModelError(f"{url} answered {head.status} {head.reason}. {key_hint}", "refused")
    return LanguageModelError(f"{url} answered {head.status} {head.reason}{said}", _KINDS.get(head.status, "refused"))


def words_of(body: bytes) -> str:
    """What a server says of a refusal, on one line; "" for a page of HTML."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        text = body[: _MOST_WORDS * 4].decode("utf-8", "replace")
        return "" if "<" in text[:100] else _line(text)
    return _line(_message_in(value))


def _message_in(value: Any) -> str:
    for key in ("error", "message", "detail", "object"):
        if isinstance(value, dict) and key in value:
            return _message_in(value[key])
    return value if isinstance(value, str) else json.dumps(value)


def _line(text: str) -> str:
    line = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(line.split())[:_MOST_WORDS]


def _bounded(pieces: Iterable[bytes], url: str) -> Iterator[bytes]:
    room = MOST_BYTES
    for piece in pieces:
        room -= len(piece)
        if room < 0:
            raise LanguageModelError(f"The answer of {url} is larger than {MOST_BYTES:,} bytes; it was cut off.")
        yield piece


def _whole(pieces: Iterable[bytes], url: str) -> Iterator[str]:
    """One object: of a server that does not stream."""
    body = b"".join(pieces)
    value = _json(body.decode("utf-8", "replace"), url)
    text, reason = _text_in(value, url)
    if not text and reason == "length":
        raise _only_thought(url)
    if text is None:
        raise _not_ours(url, body.decode("utf-8", "replace"))
    yield text


def _streamed(pieces: Iterable[bytes], url: str) -> Iterator[str]:
    ended, has_text = "", False
    for data in data_of_events(pieces):
        if data.strip() == "[DONE]":
            ended = ended or data
            break
        text, reason = _text_in(_json(data, url), url)
        ended, has_text = reason or ended, has_text or bool(text)
        yield text or ""
    if ended == "length" and not has_text:
        raise _only_thought(url)
    if not ended:
        raise LanguageModelError(f"The answer of {url} ends in the middle.", "unreachable")


def _text_in(value: Any, url: str) -> tuple[str | None, str]:
    """The text of a chunk, or of a whole answer, and why it ends there; what a model only thinks is passed over."""
    if not isinstance(value, dict):
        raise _not_ours(url, json.dumps(value))
    if value.get("error"):
        raise LanguageModelError(f"{url} broke off: {_line(_message_in(value))}.", "refused")
    choices = value.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else {}
    if not isinstance(first, dict):
        raise _not_ours(url, json.dumps(value))
    message = first.get("delta") or first.get("message") or {}
    text = message.get("content") if isinstance(message, dict) else None
    return text if isinstance(text, str) else None, str(first.get("finish_reason") or "")


def _json(text: str, url: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise _not_ours(url, text) from None


def _only_thought(url: str) -> LanguageModelError:
    return LanguageModelError(
        f"The model at {url} thought until all of its words were used up, and said nothing. "
        "Allow it more, or choose a model that does not think first."
    )


def _not_ours(url: str, text: str) -> LanguageModelError:
    return LanguageModelError(
        f"{url} does not answer as an OpenAI-compatible server does: {_line(text[:200])[:60]!r}. "
        "Such an address mostly ends in /v1."
    )
