"""A generator for a stage that is done again: what its host has finished of it meanwhile is taken as it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from orchestrator_core.request import GeneratedImage, GenerationRequest, ImageNotes, OnProgress


@dataclass(frozen=True, slots=True)
class Adopting:
    """``generator`` has ``adopted``; ``tell`` is called where there was something to take."""

    generator: Any
    tell: Callable[[], None]

    def generate(
        self, request: GenerationRequest, notes: ImageNotes, on_progress: OnProgress
    ) -> tuple[GeneratedImage, ...]:
        found: tuple[GeneratedImage, ...] = self.generator.adopted(request, notes, on_progress)
        if found:
            self.tell()
            return found
        made: tuple[GeneratedImage, ...] = self.generator.generate(request, notes, on_progress)
        return made

    def cancel(self) -> None:
        self.generator.cancel()


def adopting(generator: Any, tell: Callable[[], None]) -> Any:
    """The same generator where it cannot say what was finished."""
    return Adopting(generator, tell) if hasattr(generator, "adopted") else generator
