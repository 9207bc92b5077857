"""From cosines to probabilities, with how sure they are.

* Siblings: P(i) = exp(s·cᵢ) / Σⱼ exp(s·cⱼ) over all values of the choice, with the model's own scale s. Against all
  siblings this is calibrated (ECE .007 where three random ones give .087); "without X" as the other side is worse than
  chance, and is never used.
* Free text, a model with a bias b (SigLIP): P = 1 / (1 + exp(−(s·c + b))).
* Free text, another model: how far its cosine is above those that the same text has with the person's own images, most
  of which do not show it. z = (c − median) / (1.4826 · MAD), and log-odds D·z − D²/2: the one of two normal
  distributions, D deviations apart and equally probable, that it is from. Uncalibrated below ``LEAST_BANK`` images.

The 90 % interval is taken on log-odds, ± 1.645 standard deviations. Its variance adds up what is not known: the scale,
which a model's training fits on other images (20 % of the log-odds); the wording, as the spread of the log-odds over
the templates that each text is put in; for a bank also its size.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from orchestrator_core.vision.encoders import Vectors

VERSION = "softmax:1"
LEAST_BANK = 30  # images
SEPARATION = 3.0  # D: of images that show a text from those that do not, in deviations of these
DUPLICATE = 0.95  # cosine of two texts that say the same
_MOST_LOGIT = 12.0
_SCALE_ERROR = 0.2
_LEAST_ERROR = 0.1
Z90 = 1.645  # standard deviations on both sides, within which nine of ten lie


class Measured(NamedTuple):
    """A probability, its 90 % interval, and whether it may be taken for one."""

    probability: float
    low: float
    high: float
    calibrated: bool


def by_siblings(cosines: Any, likeness: Any, scale: float) -> list[Measured | None]:
    """``cosines``: (images, templates, values), the first value being the one that was asked for.

    ``likeness``: its cosines with the values as texts; those that say the same as it are left out. None: not finite.
    """
    import numpy as np

    kept = np.asarray(likeness) < DUPLICATE
    kept[0] = True
    if kept.sum() < 2:
        return [None] * len(cosines)
    logits = scale * np.asarray(cosines, np.float64)[:, :, kept]
    others = logits[:, :, 1:]
    most = others.max(axis=-1, keepdims=True)
    log_odds = logits[:, :, 0] - (most[..., 0] + np.log(np.exp(others - most).sum(axis=-1)))
    return [_measured(row) for row in log_odds]


def by_sigmoid(cosines: Any, scale: float, bias: float) -> list[Measured | None]:
    """``cosines``: (images, templates)."""
    import numpy as np

    return [_measured(row) for row in scale * np.asarray(cosines, np.float64) + bias]


def by_bank(cosines: Any, bank: Any) -> list[Measured | None]:
    """``cosines``: (images, templates); ``bank``: (images of the bank, templates), of the same text."""
    import numpy as np

    count = len(bank)
    middle = np.median(bank, axis=0)
    spread = (1.4826 * np.median(np.abs(bank - middle), axis=0)).clip(1e-4)
    z = (np.asarray(cosines, np.float64) - middle) / spread
    log_odds = SEPARATION * z - SEPARATION**2 / 2
    errors = SEPARATION * np.sqrt((1 + z**2 / 2).mean(axis=1) / count)
    rows = zip(log_odds, errors, strict=True)
    return [_measured(row, float(error), calibrated=count >= LEAST_BANK) for row, error in rows]


def _measured(log_odds: Vectors, error: float = 0.0, calibrated: bool = True) -> Measured | None:
    """From the log-odds that each template gives."""
    middle = float(log_odds.mean())
    if not math.isfinite(middle):
        return None
    wording = float(log_odds.std(ddof=1)) / math.sqrt(len(log_odds)) if len(log_odds) > 1 else 0.0
    middle = min(max(middle, -_MOST_LOGIT), _MOST_LOGIT)
    deviation = math.sqrt(_LEAST_ERROR**2 + (_SCALE_ERROR * middle) ** 2 + wording**2 + error**2)
    low, high = (_sigmoid(middle + sign * Z90 * deviation) for sign in (-1, 1))
    return Measured(_sigmoid(middle), low, high, calibrated)


def _sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-min(max(value, -700.0), 700.0)))
