"""Errors as the API tells them, all in one shape: ``{"error": {"code", "message", "where"}}``.

``code`` is a word for programs, which stays; ``message`` a sentence for people; ``where`` the field, if it is one.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from orchestrator_core import errors
from orchestrator_core.api.wire import Answer

BASE_HEADERS: Mapping[str, str] = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_log = logging.getLogger("orchestrator")
# The first that fits counts, so the branches of the tree of errors come before their bases.
_KINDS: tuple[tuple[type[Exception], int, str], ...] = (
    (errors.KeyTaken, 422, "idempotency_key_reuse"),
    (errors.JobError, 409, "job_conflict"),
    (errors.PipelineError, 422, "pipeline"),
    (errors.TemplateError, 422, "template"),
    (errors.WildcardError, 422, "wildcard"),
    (errors.FormatError, 422, "format"),
    (errors.ProfileError, 422, "profile"),
    (errors.ConfigError, 422, "setting"),
    (errors.StoryError, 422, "story"),
    (errors.WebhookError, 422, "callback_url"),
    (errors.LearningError, 409, "learning"),
    (errors.StoreLocked, 503, "store_locked"),
    (errors.StoreDamaged, 500, "store_damaged"),
    (errors.StoreError, 503, "store"),
    (errors.OrchestratorError, 422, "refused"),
)


class Refusal(Exception):
    """A call that is not answered, and why."""

    def __init__(
        self, status: int, code: str, message: str, where: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.where = status, code, where
        self.headers = headers or {}

    @property
    def answer(self) -> Answer:
        told = {"error": {"code": self.code, "message": str(self), "where": self.where}}
        return Answer(self.status, json_bytes(told), headers={**BASE_HEADERS, **self.headers})


def too_large(most: int) -> Refusal:
    size = f"{most >> 20} MiB" if most >> 20 else f"{most >> 10} KiB"
    return Refusal(413, "too_large", f"The body is larger than {size}, so it is not read.", "body")


def json_bytes(data: Any) -> bytes:
    """Half a character becomes a question mark; what is no JSON number is an error of ours."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8", "replace")


def model_answer(model: BaseModel, status: int = 200, headers: Mapping[str, str] = BASE_HEADERS) -> Answer:
    return Answer(status, json_bytes(model.model_dump(mode="json", by_alias=True)), headers=headers)


def refusal_of(error: Exception) -> Refusal:
    """What is told of an error that a handler raised; one that nobody foresaw is in the log, and only there."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, ValidationError):
        return _invalid(error)
    for kind, status, code in _KINDS:
        if isinstance(error, kind):
            return Refusal(status, code, str(error), headers={"Retry-After": "5"} if status == 503 else {})
    if isinstance(error, OSError) and error.strerror:
        _log.error("Orchestrator: %s", error)
        return Refusal(500, "disk", f"A file could not be read or written: {error.strerror}.")
    _log.error("Orchestrator: a call of the API failed", exc_info=error)
    return Refusal(500, "internal", "This did not work, and should have: the server's log says more.")


def _invalid(error: ValidationError) -> Refusal:
    """One line for all; ``where`` is the first."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    told = [f"{_place(problem['loc'])}: {problem['msg'].removeprefix('Value error, ')}" for problem in found[:5]]
    more = "; …" if len(found) > len(told) else ""
    return Refusal(422, "invalid", "; ".join(told) + more, _place(found[0]["loc"]))


def _place(loc: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in loc) or "body"
