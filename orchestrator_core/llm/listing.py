"""The models that a server has, by its own names.

Of what an address answers only names of models in the place for them are given on, and of failures only what kind they
are: who may ask for a list learns nothing of other services. A host's route that shows it takes the address from the
person's settings, never from the page.
"""

from __future__ import annotations

import json
from typing import Any

from orchestrator_core.errors import LanguageModelError
from orchestrator_core.llm.openai_answer import body_of
from orchestrator_core.llm.port import IsCancelled, never
from orchestrator_core.llm.server import Server

_MOST_MODELS, _MOST_NAME = 1000, 200
_SECONDS = 10.0


def list_models(server: Server, is_cancelled: IsCancelled = never) -> tuple[str, ...]:
    """The names, in the server's order. Raises LanguageModelError."""
    with server.get("/models", server.soon(_SECONDS), is_cancelled) as exchange:
        head = exchange.head()
        if head.status in (401, 403):
            raise LanguageModelError(f"{server.url} lists no models: {server.key_hint}", "refused")
        if head.status != 200:
            raise LanguageModelError(f"{server.url} lists no models: it answered {head.status}.", "refused")
        body = body_of(exchange, server.url)
    names = _names_in(body)
    if names is None:
        raise LanguageModelError(f"{server.url} lists no models as an OpenAI-compatible server does.")
    return names


def _names_in(body: bytes) -> tuple[str, ...] | None:
    try:
        rows = json.loads(body)["data"]
        return tuple(row["id"] for row in rows if _is_name(row["id"]))[:_MOST_MODELS]
    except (ValueError, RecursionError, KeyError, TypeError):
        return None


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _MOST_NAME and value.isprintable()
