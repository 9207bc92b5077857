"""Asking Civitai about a LoRA: only when a person clicks, and has agreed to what is sent."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from orchestrator_core.errors import HttpError

from .lora_answers import ID, LoraAnswers
from .lora_cards import details
from .lora_shelf import LoraShelf
from .routes import Refused

if TYPE_CHECKING:
    from orchestrator_core.loras.civitai import Civitai, Fetched

_PATIENCE_S = 10.0  # that a person who clicked is kept waiting, where Civitai wants to be asked later


class _Ask(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=ID)
    consent: bool = False  # to sending the file's hash; this server remembers none
    again: bool = False  # also where the answer is known


class LoraCivitai:
    """Called from one thread only, so that one question is asked at a time, and the pause between two is kept."""

    def __init__(self, shelf: LoraShelf, loras: LoraAnswers, url: str = "") -> None:
        self._shelf = shelf
        self._loras = loras
        self._url = url
        self._civitai: Civitai | None = None

    def ask(self, body: dict[str, Any]) -> dict[str, Any]:
        """What became of it, and the LoRA as it is then. Raises Refused, ConfigError."""
        from orchestrator_core.loras.civitai import fetch

        asked = _Ask.model_validate(body)
        if not asked.consent:
            raise Refused(403, "Civitai gets the hash of the file: it is asked only with your consent.")
        record = self._loras.record(asked.id)
        done = fetch(self._shelf.source.library, [record], self._opened(), again=asked.again)
        self._shelf.source.forget(record.path)
        outcome, problem = _outcome(done)
        return {"outcome": outcome, "problem": problem, "lora": details(self._loras.record(asked.id))}

    def _opened(self) -> Civitai:
        """Raises Refused where its answers could not be kept, ConfigError for a key that is none."""
        from orchestrator_core.loras.civitai import URL, Civitai
        from orchestrator_core.store.civitai import CivitaiAnswers

        store = self._shelf.store
        if store is None:
            raise Refused(503, "What Civitai says could not be kept, so it is not asked.")
        if self._civitai is None:
            self._civitai = Civitai(CivitaiAnswers(store), self._url or URL, wait=_briefly)
        return self._civitai


def _briefly(seconds: float) -> None:
    if seconds > _PATIENCE_S:
        raise HttpError(f"Civitai wants to be asked again in {seconds:.0f} seconds, not sooner. Click again then.")
    time.sleep(seconds)


def _outcome(done: Fetched) -> tuple[str, str]:
    if done.found:
        return "found", ""
    if done.unknown:
        return "unknown", ""
    return "problem", done.stopped or "; ".join(why for _, why in done.problems)
