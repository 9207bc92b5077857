"""AnswerCache: what a language model answered, found again by all that the answer depends on.

A seed promises little: the same server gives another text on another graphics card. What was answered once is kept, so
that the same prompt gives the same text for ever, and is asked for anew only with another ``refresh``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Protocol


class AnswerCache(Protocol):
    """Answers by key; both raise StoreError."""

    def get(self, key: str) -> str | None: ...

    def put(self, key: str, model: str, answer: str) -> None: ...


class RememberedAnswers:
    """An AnswerCache for as long as it lives; for tests, and where there is no store."""

    def __init__(self) -> None:
        self._answers: dict[str, str] = {}

    def get(self, key: str) -> str | None:
        return self._answers.get(key)

    def put(self, key: str, model: str, answer: str) -> None:
        self._answers[key] = answer


def key_for(parts: Mapping[str, Any]) -> str:
    """64 hex digits of all that an answer depends on, JSON values whose order does not matter."""
    canonical = json.dumps(parts, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
