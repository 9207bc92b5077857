"""LanguageModel: the port through which the pack asks for text. What comes back is never trusted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

OnText = Callable[[str], None]  # each piece of the answer as it arrives
IsCancelled = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Message:
    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Ask:
    """One question. ``schema``: the JSON Schema that the answer should follow, where the model can be held to it."""

    messages: tuple[Message, ...]
    schema: Mapping[str, Any] | None = None
    max_tokens: int = 256  # of the answer
    temperature: float = 0.7
    seed: int = 0
    is_last: bool = False  # of a batch: the model's memory may be given back after it


class LanguageModel(Protocol):
    """Something that answers in text."""

    @property
    def identity(self) -> str:
        """What the answer depends on beside the question, as ``openai:qwen3-8b``: a part of the cache's key."""

    def generate(self, ask: Ask, on_text: OnText | None = None, is_cancelled: IsCancelled | None = None) -> str:
        """The whole answer, as it was given. Raises LanguageModelError, Cancelled among them."""


def never() -> bool:
    """For what cannot be cancelled."""
    return False
