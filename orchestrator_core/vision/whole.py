"""Scores of whole images: information for a person, never learned from.

How near an image is to its whole prompt says almost nothing of its quality (GenAI-Bench: it agrees with people in
50.8 % of pairs, where chance is 50), but people know the number and ask for it. Long prompts are read in pieces.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator_core.errors import ScorerError
from orchestrator_core.llm.port import IsCancelled, never
from orchestrator_core.vision.aesthetic import AestheticHead, read_head
from orchestrator_core.vision.port import Whole
from orchestrator_core.vision.readable import readable

if TYPE_CHECKING:
    from orchestrator_core.vision.encoders import Encoder
    from orchestrator_core.vision.port import Pixels


class PromptCosine:
    """A ``WholeScorer``: the cosine of image and whole prompt, as torchmetrics' CLIPScore has it, without × 100."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    @property
    def identity(self) -> str:
        return f"{self._encoder.identity}:cosine"

    def score_whole(
        self, images: Sequence[Pixels], draft_text: str, is_cancelled: IsCancelled = never
    ) -> list[tuple[Whole, ...]]:
        """Nothing of an image whose prompt has no words. Raises ScorerError, Cancelled."""
        text = readable(draft_text)
        if not text or not images:
            return [() for _ in images]
        prompt = self._encoder.text_vectors([text], is_cancelled)[0]
        cosines = [float(each) for each in self._encoder.image_vectors(images, is_cancelled) @ prompt]
        if not all(map(math.isfinite, cosines)):
            raise ScorerError(f"{self._encoder.identity}: a score is no number: the weights are damaged.")
        return [(Whole("prompt_cosine", each, "of the whole prompt; for information"),) for each in cosines]


class Aesthetic:
    """A ``WholeScorer``: what people might rate an image, by a head on an encoder's vectors."""

    def __init__(self, encoder: Encoder, head: str | Path | AestheticHead) -> None:
        self._encoder, self._given = encoder, head
        self._head: AestheticHead | None = head if isinstance(head, AestheticHead) else None

    @property
    def identity(self) -> str:
        """Raises ScorerError where the head is not there."""
        return f"{self._encoder.identity}:aesthetic-{self._read().name}"

    def score_whole(
        self, images: Sequence[Pixels], draft_text: str = "", is_cancelled: IsCancelled = never
    ) -> list[tuple[Whole, ...]]:
        """The prompt does not matter. Raises ScorerError, Cancelled."""
        head = self._read()
        if not images:
            return []
        values = head.values(self._encoder.image_vectors(images, is_cancelled))
        return [(Whole("aesthetic", each, head.name),) for each in values]

    def _read(self) -> AestheticHead:
        if self._head is None:
            assert not isinstance(self._given, AestheticHead)
            self._head = read_head(self._given)
        return self._head
