"""A generator that finds LoRAs by their contents: one that its host knows under another name is sent by that one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from orchestrator_core.prompt import LoraUse
from orchestrator_core.request import GeneratedImage, GenerationRequest, ImageNotes, OnProgress

NameOf = Callable[[str], str]  # the name at the host of the LoRA with this SHA-256; "" where it has none


class ByHash:
    """Around a generator that says what its host ``lacks``. Nobody is asked for hashes while it lacks nothing."""

    def __init__(self, generator: Any, name_of: NameOf) -> None:
        self.generator, self._name_of = generator, name_of

    def generate(
        self, request: GenerationRequest, notes: ImageNotes, on_progress: OnProgress
    ) -> tuple[GeneratedImage, ...]:
        made: tuple[GeneratedImage, ...] = self.generator.generate(self._named(request), notes, on_progress)
        return made

    def adopted(
        self, request: GenerationRequest, notes: ImageNotes, on_progress: OnProgress
    ) -> tuple[GeneratedImage, ...]:
        """What the host has finished of it already; none where it cannot say so."""
        find = getattr(self.generator, "adopted", None)
        found: tuple[GeneratedImage, ...] = () if find is None else find(self._named(request), notes, on_progress)
        return found

    def cancel(self) -> None:
        self.generator.cancel()

    def refresh(self) -> None:
        self.generator.refresh()

    def others(self) -> int:
        return int(self.generator.others())

    def lacks(self, request: GenerationRequest) -> Sequence[str]:
        lines: Sequence[str] = self.generator.lacks(self._named(request))
        return lines

    def _named(self, request: GenerationRequest) -> GenerationRequest:
        if not any(lora.sha256 for lora in request.loras):
            return request
        return request.replacing(loras=tuple(self._there(lora) for lora in request.loras))

    def _there(self, lora: LoraUse) -> LoraUse:
        """The same where the host has its name, or nothing of its contents."""
        if not lora.sha256 or not self.generator.lacks(GenerationRequest("", loras=(lora,))):
            return lora
        return replace(lora, name=self._name_of(lora.sha256) or lora.name)
