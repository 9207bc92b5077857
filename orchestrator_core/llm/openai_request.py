"""What an OpenAI-compatible server is asked, and what is left out for one that does not know it.

Servers differ in what they refuse: a JSON Schema, a seed, a temperature, the name of ``max_tokens``. Each refusal is
learned from, so that it is met once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from orchestrator_core.llm.port import Ask

# What may be left out, and the words by which a refusal names it.
_OPTIONAL = (
    ("max_tokens", ("max_completion_tokens",)),
    ("response_format", ("response_format", "json_schema", "json schema", "grammar", "structured output", "guided")),
    ("seed", ("seed",)),
    ("temperature", ("temperature",)),
    ("reasoning_effort", ("reasoning",)),
    ("chat_template_kwargs", ("chat_template_kwargs",)),
)
# A model that thinks first would spend all of ``max_tokens`` on it. Ollama and OpenAI know the one, llama.cpp and vLLM
# the other, and most pass over what they do not know.
_WITHOUT_THINKING: Mapping[str, Any] = {
    "reasoning_effort": "none",
    "chat_template_kwargs": {"enable_thinking": False},
}
_FORMATS = ("json_schema", "json_object", "none")


@dataclass(frozen=True, slots=True)
class Dialect:
    """What one server is known to understand."""

    left_out: frozenset[str] = frozenset()
    answer_format: str = _FORMATS[0]
    most_tokens: str = "max_tokens"

    def body(self, model: str, ask: Ask) -> bytes:
        """The call as JSON."""
        return json.dumps(self.values(model, ask)).encode()

    def values(self, model: str, ask: Ask) -> dict[str, Any]:
        """The call before it is JSON."""
        values: dict[str, Any] = {
            "model": model,
            "messages": [{"role": message.role, "content": message.content} for message in ask.messages],
            self.most_tokens: ask.max_tokens,
            "temperature": ask.temperature,
            "seed": ask.seed % 2**31,  # what all of them can hold
            "stream": True,
            **_WITHOUT_THINKING,
        }
        if ask.schema is not None and self.answer_format != "none":
            values["response_format"] = _response_format(self.answer_format, ask.schema)
        return {key: value for key, value in values.items() if key not in self.left_out}

    def after_refusal(self, words: str, has_schema: bool) -> Dialect | None:
        """What to try instead, after a server refused a call with these words; None where nothing is left to try."""
        words = words.lower()
        for name, signs in _OPTIONAL:
            is_named = any(sign in words for sign in signs)
            if is_named and (changed := self._without(name, has_schema)) is not None:
                return changed
        # Some say only "bad request" to what they do not know, and the schema is what most of them do not know.
        return self._without("response_format", has_schema)

    def _without(self, name: str, has_schema: bool) -> Dialect | None:
        if name == "response_format":
            at = _FORMATS.index(self.answer_format) + 1
            return replace(self, answer_format=_FORMATS[at]) if has_schema and at < len(_FORMATS) else None
        if name == "max_tokens":
            new = "max_completion_tokens"
            return replace(self, most_tokens=new) if self.most_tokens != new else None
        return replace(self, left_out=self.left_out | {name}) if name not in self.left_out else None


def _response_format(kind: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    if kind == "json_object":
        return {"type": kind}
    return {"type": kind, "json_schema": {"name": "answer", "schema": dict(schema), "strict": True}}
