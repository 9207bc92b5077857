"""Scorer: the port through which the pack asks how far an image shows what its prompt asked for.

A prompt is scored part by part, never as a whole: one number for all of it is nearly noise (GenAI-Bench: 50.8 % of
pairs right, where chance is 50). Each decision of the draw that had alternatives is one ``Wanted``, with its words
as they stand in the prompt, and is compared with those alternatives.

Credit: ``Wanted.key`` is that of the innermost choice with two options or more that led to the words. A choice around
it, as the ``{…}`` that a wildcard stands in, is worth the mean of what its inner ones came to; it gets no ``Wanted`` of
its own unless it wrote words itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from orchestrator_core.llm.port import IsCancelled, never

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]  # (height, width, 3), RGB

# siblings: against the other values of the same choice; free: alone; style: against other styles;
# unmeasurable: of a kind that this sort of scorer cannot see; unscored: nothing that could be seen
Measure = Literal["siblings", "free", "style", "unmeasurable", "unscored"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """One thing that an image should show."""

    component: int  # index into draft.components, of its first words
    text: str  # as it is in the prompt, without weights, <lora:…>, BREAK and embeddings
    measure: Measure
    key: str = ""  # of the Choice that is credited; "" for words that none of a choice stands for
    alternatives: tuple[str, ...] = ()  # texts of all values of that choice, its own among them
    reason: str = ""  # why it is unmeasurable or unscored, or why siblings could not be compared

    @property
    def metric(self) -> str:
        """Of its fulfilment: style is never mixed with the rest."""
        return "style" if self.measure == "style" else "fulfilment"


@dataclass(frozen=True, slots=True)
class Fulfilment:
    """How far one image shows one thing. Where ``probability`` is None, ``reason`` says why."""

    wanted: Wanted
    probability: float | None
    low: float  # 90 % interval of the probability
    high: float
    raw: float | None  # cosine, or whatever number the scorer itself gives
    calibrated: bool  # False: the number orders images, and must not be learned from
    metric: str = "fulfilment"  # or "style"
    reason: str = ""
    scorer: str = ""  # whose number it is, where it is not that of the scorer that was asked

    @classmethod
    def unmeasured(cls, wanted: Wanted, reason: str, raw: float | None = None) -> Fulfilment:
        """Of what is not known how probable it is."""
        return cls(wanted, None, 0.0, 1.0, raw, calibrated=False, metric=wanted.metric, reason=reason)


@dataclass(frozen=True, slots=True)
class Whole:
    """A number for a whole image: information only, never learned from."""

    metric: str  # "aesthetic", "prompt_cosine"
    value: float
    detail: str = ""


class ImageEncoder(Protocol):
    """Makes vectors of images, of length 1."""

    @property
    def identity(self) -> str:
        """Kind, weights with 12 digits of their hash, dtype. Raises ScorerError where there are none."""

    def image_vectors(self, images: Sequence[Pixels], is_cancelled: IsCancelled = never) -> NDArray[np.float32]:
        """(images, dimensions). Raises ScorerError, Cancelled."""


class Scorer(Protocol):
    """Tells of each image how far it shows each wanted thing."""

    @property
    def identity(self) -> str:
        """``<scorer>:<weights and 12 digits of their hash>:<dtype>:<calibration>``; of two, scores are never mixed."""

    def score(
        self, images: Sequence[Pixels], wanted: Sequence[Wanted], is_cancelled: IsCancelled = never
    ) -> list[list[Fulfilment]]:
        """A row for each image, in it one for each wanted. Raises ScorerError, Cancelled."""


class WholeScorer(Protocol):
    """Gives numbers for whole images."""

    @property
    def identity(self) -> str:
        """As a Scorer's."""

    def score_whole(
        self, images: Sequence[Pixels], draft_text: str, is_cancelled: IsCancelled = never
    ) -> list[tuple[Whole, ...]]:
        """Those of each image. Raises ScorerError, Cancelled."""
