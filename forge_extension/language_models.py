"""The language model in Forge: one for the tab and the script, as it may hold weights in this process."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from orchestrator_app.studio.environment import Settings
from orchestrator_app.studio.language_models import KeyFile, StudioModels
from orchestrator_core.llm.port import Ask, IsCancelled, LanguageModel, OnText, never
from orchestrator_core.llm.residence import Residence
from orchestrator_core.llm.transformers_model import TransformersModel


class Host(Protocol):
    """What is needed of the host; ``host.forge`` has it."""

    def residence(self) -> Residence: ...

    def queue(self, is_cancelled: IsCancelled, /) -> AbstractContextManager[None]: ...


@dataclass(frozen=True, slots=True)
class Queued:
    """A language model of this process for who is in no job of the host's: it writes while the host renders nothing.

    The queue is taken before the model's own lock: a job that has the queue may be asking the same model.
    """

    model: LanguageModel
    host: Host

    @property
    def identity(self) -> str:
        return self.model.identity

    def generate(self, ask: Ask, on_text: OnText | None = None, is_cancelled: IsCancelled | None = None) -> str:
        with self.host.queue(is_cancelled or never):
            return self.model.generate(ask, on_text, is_cancelled)


class ForgeModels(StudioModels):
    """``get`` is for the tab's threads, ``in_job`` for the script, which the host calls in a job of its own."""

    def __init__(self, key: KeyFile, host: Host) -> None:
        super().__init__(key, host.residence)
        self._host = host
        self._last: LanguageModel | None = None

    def get(self, settings: Settings) -> LanguageModel | None:
        model = self.in_job(settings)
        return Queued(model, self._host) if isinstance(model, TransformersModel) else model

    def in_job(self, settings: Settings) -> LanguageModel | None:
        """The same model, for who has the host's queue already. Raises ConfigError."""
        model = super().get(settings)
        before, self._last = self._last, model
        if before is not model and isinstance(before, TransformersModel):
            threading.Thread(target=self._let_go, args=(before,), daemon=True, name="orchestrator lets go").start()
        return model

    def _let_go(self, model: TransformersModel) -> None:
        """The host's list would keep the weights of a model that is not set any more."""
        with self._host.queue(never):
            model.release()
