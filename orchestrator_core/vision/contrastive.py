"""ContrastiveScorer: a scorer from an encoder, by cosines of an image with the words of each decision and its siblings.

scorer = ContrastiveScorer(encoder, cache=Embeddings(store))
rows = scorer.score(pixels_of(images), wanted_in(draft, wildcards))
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from orchestrator_core.llm.port import IsCancelled, never
from orchestrator_core.vision import calibration, readable
from orchestrator_core.vision.bank import Bank
from orchestrator_core.vision.calibration import Measured
from orchestrator_core.vision.encoders import Encoder
from orchestrator_core.vision.port import Fulfilment, Wanted, Whole
from orchestrator_core.vision.vector_cache import ImageVectors, SeenImages, TextVectors, VectorCache, image_hash

if TYPE_CHECKING:
    from orchestrator_core.vision.encoders import Vectors
    from orchestrator_core.vision.port import Pixels

TEMPLATES = ("{}", "a picture of {}")
_NO_BANK = f"uncalibrated: a text of its own needs {calibration.LEAST_BANK} scored images to be held against"
_ALL_SAME = "uncalibrated: all other values say the same"
_NOT_FINITE = "the model gave no number for this image, as one in too short a dtype does"


class _Seen(NamedTuple):
    """Of a call: vectors of images, of texts (templates, texts, dimensions), and where each text stands."""

    images: Vectors
    texts: Any
    places: dict[str, int]
    bank: Vectors


class ContrastiveScorer:
    """A ``Scorer`` and a ``WholeScorer``.

    ``measures_counts``: the model was trained to count and bind, as that of the tiny world; others are not asked.
    """

    def __init__(
        self,
        encoder: Encoder,
        *,
        cache: VectorCache | None = None,
        bank: Bank | None = None,
        measures_counts: bool = False,
    ) -> None:
        self.encoder = encoder
        self._bank, self._counts = bank, measures_counts
        self._texts, self._images = TextVectors(encoder, cache), ImageVectors(encoder)

    @property
    def identity(self) -> str:
        """Raises ScorerError where the weights are not there."""
        return f"{self.encoder.identity}:{calibration.VERSION}-{len(TEMPLATES)}"

    @property
    def images(self) -> SeenImages:
        """Vectors of images, for what else is asked of them: those that were scored are there already."""
        return SeenImages(self.encoder, self._images)

    @property
    def own_images(self) -> Vectors | None:
        """Vectors of the person's own images; None where no bank is. Raises ScorerError."""
        return None if self._bank is None else self._bank.vectors(self.encoder.identity)

    def score(
        self, images: Sequence[Pixels], wanted: Sequence[Wanted], is_cancelled: IsCancelled = never
    ) -> list[list[Fulfilment]]:
        """A row for each image. Raises ScorerError, Cancelled."""
        asked = [self._asked(each) for each in wanted]
        texts = list(dict.fromkeys(text for each in asked for text in each))
        if not texts or not images:
            return [[unmeasured(each) for each in wanted] for _ in images]
        seen = self._seen(images, texts, is_cancelled)
        columns = [self._column(each, of, seen) for each, of in zip(wanted, asked, strict=True)]
        return [list(row) for row in zip(*columns, strict=True)]

    def score_whole(
        self, images: Sequence[Pixels], draft_text: str, is_cancelled: IsCancelled = never
    ) -> list[tuple[Whole, ...]]:
        """The cosine with the prompt as a whole. Raises ScorerError, Cancelled."""
        identity, text = self.encoder.identity, readable.readable(draft_text)
        if not text or not images:
            return [()] * len(images)
        vector = self._texts.of(identity, [text], is_cancelled)[0]
        cosines = self._images.of(identity, images, is_cancelled) @ vector
        detail = "nearly noise against what people see: information only"
        return [(Whole("prompt_cosine", float(each), detail),) if each == each else () for each in cosines]

    def release(self) -> None:
        """Let go of the weights."""
        self.encoder.release()

    def _asked(self, wanted: Wanted) -> tuple[str, ...]:
        """The texts that are needed for it, its own first."""
        counts = self._counts and wanted.reason in (readable.COUNT, readable.BINDING)
        if wanted.measure == "unscored" or (wanted.measure == "unmeasurable" and not counts):
            return ()
        if wanted.measure == "free":
            return (wanted.text,)
        return (wanted.text, *(each for each in dict.fromkeys(wanted.alternatives) if each != wanted.text))

    def _seen(self, images: Sequence[Pixels], texts: Sequence[str], is_cancelled: IsCancelled) -> _Seen:
        import numpy as np

        identity = self.encoder.identity
        worded = [template.format(text) for template in TEMPLATES for text in texts]
        vectors = self._texts.of(identity, worded, is_cancelled)
        shaped = vectors.reshape(len(TEMPLATES), len(texts), -1)
        found = self._images.of(identity, images, is_cancelled)
        bank = np.zeros((0, 1), np.float32)
        if self._bank is not None:
            bank = self._bank.vectors(identity)
            pairs = zip(images, found, strict=True)
            rows = {image_hash(image): row for image, row in pairs if np.isfinite(row).all()}
            self._bank.add(identity, rows)
        return _Seen(found, shaped, {text: place for place, text in enumerate(texts)}, bank)

    def _column(self, wanted: Wanted, texts: Sequence[str], seen: _Seen) -> list[Fulfilment]:
        if not texts:
            return [unmeasured(wanted)] * len(seen.images)
        vectors = seen.texts[:, [seen.places[text] for text in texts]]
        cosines = seen.images @ vectors.transpose(0, 2, 1)
        cosines = cosines.transpose(1, 0, 2)
        measured, reason = self._measured(cosines, vectors, seen.bank, wanted)
        raw = cosines[:, :, 0].mean(axis=1)
        return [_fulfilment(wanted, *each, reason) for each in zip(measured, map(float, raw), strict=True)]

    def _measured(
        self, cosines: Any, vectors: Any, bank: Vectors, wanted: Wanted
    ) -> tuple[Sequence[Measured | None], str]:
        """How probable, and why it is uncalibrated."""
        if vectors.shape[1] > 1:
            likeness = (vectors[0] @ vectors[0, 0]).copy()
            found = calibration.by_siblings(cosines, likeness, self.encoder.scale)
            if any(each is not None for each in found):
                return found, ""
        alone, bias = cosines[:, :, 0], self.encoder.bias
        why = wanted.reason if wanted.measure == "free" else _ALL_SAME
        if bias is not None:
            return calibration.by_sigmoid(alone, self.encoder.scale, bias), why
        if len(bank) >= calibration.LEAST_BANK and bank.shape[1] == vectors.shape[2]:
            return calibration.by_bank(alone, bank @ vectors[:, 0].T), why
        return [None] * len(cosines), _NO_BANK


def unmeasured(wanted: Wanted) -> Fulfilment:
    """What this scorer says of a thing that it cannot see."""
    return Fulfilment.unmeasured(wanted, wanted.reason or readable.EMPTY)


def _fulfilment(wanted: Wanted, measured: Measured | None, raw: float, reason: str) -> Fulfilment:
    if raw != raw:
        return Fulfilment.unmeasured(wanted, _NOT_FINITE)
    if measured is None:
        return Fulfilment.unmeasured(wanted, reason or _NOT_FINITE, raw)
    probability, low, high, calibrated = measured
    return Fulfilment(wanted, probability, low, high, raw, calibrated, wanted.metric, reason)
