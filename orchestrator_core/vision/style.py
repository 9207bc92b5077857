"""Style accuracy: is an image in the style that was asked for? A metric of its own, never mixed with fulfilment.

By words: the style against others of a list, with any scorer (``style_wanted``). By example: how near an image is to
the mean of reference images, of a LoRA or a profile, in deviations of the person's own images (``ReferenceStyle``).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING

from orchestrator_core.errors import ScorerError
from orchestrator_core.llm.port import IsCancelled, never
from orchestrator_core.vision.calibration import LEAST_BANK, Z90
from orchestrator_core.vision.port import Fulfilment, Wanted
from orchestrator_core.vision.tag_names import content_words

if TYPE_CHECKING:
    from orchestrator_core.vision.encoders import Vectors
    from orchestrator_core.vision.port import ImageEncoder, Pixels

STYLES = (
    *("photograph", "oil painting", "watercolor", "anime", "comic", "3d render", "pencil sketch", "ink drawing"),
    *("pixel art", "flat vector illustration", "digital painting", "claymation"),
)
MOST_STYLES = 64
_TOO_FEW = "there are too few images of your own to compare with: score some first"
_SAME = 0.9999  # cosine of an image with itself, in the short numbers that vectors are kept in


def styles_in(text: str) -> tuple[str, ...]:
    """A list as people write it: a style on each line, or separated by commas; what is written twice counts once."""
    found = (" ".join(part.split()) for part in re.split(r"[,\n]", text))
    return tuple(dict.fromkeys(part for part in found if part))[:MOST_STYLES]


def style_of(prompt: str, styles: Iterable[str] = STYLES) -> str:
    """The style of the list that a prompt asks for, the one with the most words; "" where it asks for none."""
    words = content_words(prompt.replace(",", " "))
    asked = [style for style in styles if content_words(style) and content_words(style) <= words]
    return max(asked, key=lambda style: len(content_words(style)), default="")


def style_wanted(style: str, styles: Sequence[str] = STYLES, component: int = 0) -> Wanted:
    """To be scored with the rest: the style against the others of the list."""
    style = " ".join(style.split())
    if not style:
        return Wanted(component, "", "unscored", reason="no style is named")
    others = tuple(each for each in dict.fromkeys(styles) if each.lower() != style.lower())
    if not others:
        return Wanted(component, style, "unscored", reason="there is no other style to compare it with")
    return Wanted(component, style, "style", alternatives=(style, *others[: MOST_STYLES - 1]))


class ReferenceStyle:
    """Likeness to reference images. ``bank``: vectors of the person's own images; references among them do not count.

    z = (cos(image, mean of the references) - mean of the bank's) / deviation of the bank's. Its probability is the
    share of such images that are less like the references, Φ(z).
    """

    def __init__(
        self, encoder: ImageEncoder, name: str, references: Sequence[Pixels], bank: Vectors | None = None
    ) -> None:
        if not references:
            raise ScorerError(f"{name}: there is no reference image to compare with.")
        self._encoder, self._name, self._references, self._bank = encoder, name, references, bank
        self._mean: Vectors | None = None

    @property
    def identity(self) -> str:
        """Encoder, and a hash of what is compared with. Raises ScorerError."""
        digest = sha256(self._references_mean().tobytes())
        digest.update(b"" if self._bank is None else self._bank.tobytes())
        return f"{self._encoder.identity}:reference-{digest.hexdigest()[:12]}:1"

    def score(self, images: Sequence[Pixels], is_cancelled: IsCancelled = never) -> list[Fulfilment]:
        """One of each image, with the metric "style"; ``raw`` is the cosine. Raises ScorerError, Cancelled."""
        if not images:
            return []
        mean = self._references_mean()
        cosines = self._encoder.image_vectors(images, is_cancelled) @ mean
        usual = self._usual(mean)
        wanted, identity = Wanted(0, self._name, "style"), self.identity
        return [replace(_fulfilment(wanted, float(cosine), usual), scorer=identity) for cosine in cosines]

    def _usual(self, mean: Vectors) -> list[float]:
        """The cosines of the person's own images."""
        bank = self._bank
        if bank is None or not len(bank) or bank.shape[1] != len(mean):
            return []
        is_reference = (bank @ self._encoder.image_vectors(self._references).T).max(axis=1) > _SAME
        return [float(each) for each in bank[~is_reference] @ mean]

    def _references_mean(self) -> Vectors:
        import numpy as np

        if self._mean is None:
            mean = self._encoder.image_vectors(self._references).mean(axis=0)
            length = float(np.linalg.norm(mean))
            if not math.isfinite(length) or length < 1e-6:
                raise ScorerError(f"{self._name}: the reference images have nothing in common that could be measured.")
            self._mean = mean / length
        return self._mean


def _fulfilment(wanted: Wanted, cosine: float, usual: Sequence[float]) -> Fulfilment:
    """``usual``: the cosines of the bank."""
    number = len(usual)
    mean = sum(usual) / number if number else 0.0
    deviation = math.sqrt(sum((each - mean) ** 2 for each in usual) / (number - 1)) if number > 1 else 0.0
    if not math.isfinite(cosine) or not deviation > 1e-6:
        raw, reason = (cosine, _TOO_FEW) if math.isfinite(cosine) else (None, "no number came out")
        return Fulfilment.unmeasured(wanted, reason, raw)
    z = (cosine - mean) / deviation
    unsure = Z90 * math.sqrt(1 / number + z * z / (2 * number))
    is_calibrated = number >= LEAST_BANK
    reason = f"{z:+.1f}σ" if is_calibrated else f"{z:+.1f}σ, by {number} of your images; {LEAST_BANK} are needed"
    return Fulfilment(
        wanted, _share(z), _share(z - unsure), _share(z + unsure), cosine, is_calibrated, metric="style", reason=reason
    )


def _share(z: float) -> float:
    """Φ: of a normal distribution below z."""
    return 0.5 * math.erfc(-z / math.sqrt(2))
