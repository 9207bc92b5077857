"""What CLIP Scorer hands on: a prompt, and of each image how far it shows each part of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator_core.prompt import PromptDraft

if TYPE_CHECKING:
    from orchestrator_core.vision.observing import Observation
    from orchestrator_core.vision.port import Fulfilment, Whole


@dataclass(frozen=True, slots=True)
class ScoredImage:
    """``digest`` tells images apart that are not saved. ``value``: 0–1; None where nothing could be measured."""

    digest: str
    fulfilments: tuple[Fulfilment, ...]
    value: float | None
    whole: tuple[Whole, ...] = ()
    observation: Observation | None = None  # what is there, missing and unasked


@dataclass(frozen=True, slots=True)
class Scored:
    """``scorer`` is an identity: scores of two are never mixed. ``until``: from which value on an image passes.

    ``problems``: of what was asked for and could not be said, a sentence each. ``learns``: a recorder may learn of it.
    """

    draft: PromptDraft
    scorer: str
    until: float
    images: tuple[ScoredImage, ...]
    problems: tuple[str, ...] = ()
    learns: bool = True

    @property
    def values(self) -> tuple[float | None, ...]:
        return tuple(image.value for image in self.images)

    @property
    def order(self) -> tuple[int, ...]:
        """The numbers of the images, the best first; those without a value last, and equal ones as they stand."""
        values = self.values
        return tuple(sorted(range(len(values)), key=lambda number: (values[number] is None, -(values[number] or 0.0))))

    def passes(self, number: int) -> bool:
        value = self.images[number].value
        return value is not None and value >= self.until
