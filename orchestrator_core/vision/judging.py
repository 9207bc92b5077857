"""JudgeScorer: a scorer from a judge, which tells of one image and one text at a time how probable it is.

BLIP's matching head and the yes of a vision-language model are such judges. A text that is one of several that exclude
one another (a wildcard's values) is judged together with the others. With oᵢ = pᵢ / (1 − pᵢ) and at most one of them
in the image, which it is follows from Bayes:

    P(i) = oᵢ / (1 + Σⱼ oⱼ)

The 1 stands for none of them: an image that shows no value says so, and does not shift its share to one of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from orchestrator_core.errors import Cancelled, ScorerError
from orchestrator_core.llm.port import IsCancelled, never
from orchestrator_core.vision.calibration import Z90
from orchestrator_core.vision.port import Fulfilment, Wanted
from orchestrator_core.vision.readable import NEGATION
from orchestrator_core.vision.vlm import Verdict

if TYPE_CHECKING:
    from orchestrator_core.vision.port import Pixels

VERSION = "at-most-one:1"
_MOST_LOGIT = 12.0
_SPREAD = 1.0  # of a judge's log-odds, as one standard deviation


class Judge(Protocol):
    @property
    def identity(self) -> str:
        """Kind, weights and dtype."""

    @property
    def most_alternatives(self) -> int:
        """How many texts are worth their time for one value of a wildcard, its own among them."""

    @property
    def measures_all(self) -> bool:
        """Whether counts and bindings can be asked for as well; what should not be there, no judge is asked for."""

    def judge(self, image: Pixels, texts: Sequence[str], is_cancelled: IsCancelled = never) -> list[Verdict]:
        """For each text whether the image shows it. Raises ScorerError, Cancelled."""

    def release(self) -> None:
        """Let go of its weights, where it has any here; the next use loads them again."""


class JudgeScorer:
    """A ``Scorer``. Where a wildcard has more values than the judge finds worth their time, a text is judged alone,
    uncalibrated."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge

    @property
    def identity(self) -> str:
        return f"{self._judge.identity}:{VERSION}"

    def score(
        self, images: Sequence[Pixels], wanted: Sequence[Wanted], is_cancelled: IsCancelled = never
    ) -> list[list[Fulfilment]]:
        """A row for each image. What fails after the first image leaves its reason in the rest, and loses nothing.

        Raises ScorerError where already the first image cannot be judged; Cancelled.
        """
        asked = [self._texts(each) for each in wanted]
        texts = list(dict.fromkeys(text for each in asked for text in each))
        rows: list[list[Fulfilment]] = []
        failure = ""
        for image in images:
            try:
                verdicts = {} if failure else self._verdicts(image, texts, is_cancelled)
            except Cancelled:
                raise
            except ScorerError as error:
                if not rows:
                    raise
                verdicts, failure = {}, str(error)
            rows.append([fulfilment_of(each, of, verdicts, failure) for each, of in zip(wanted, asked, strict=True)])
        return rows

    def release(self) -> None:
        """Let go of the judge's weights."""
        self._judge.release()

    def _texts(self, wanted: Wanted) -> tuple[str, ...]:
        """What must be judged for it, its own text first; () where nothing can be."""
        is_beyond = wanted.measure == "unmeasurable" and not (self._judge.measures_all and wanted.reason != NEGATION)
        if wanted.measure == "unscored" or is_beyond:
            return ()
        others = tuple(each for each in dict.fromkeys(wanted.alternatives) if each != wanted.text)
        are_compared = wanted.measure != "free" and len(others) < self._judge.most_alternatives
        return (wanted.text, *others) if are_compared else (wanted.text,)

    def _verdicts(self, image: Pixels, texts: Sequence[str], is_cancelled: IsCancelled) -> dict[str, Verdict]:
        return dict(zip(texts, self._judge.judge(image, texts, is_cancelled), strict=True)) if texts else {}


def fulfilment_of(
    wanted: Wanted, texts: Sequence[str], verdicts: Mapping[str, Verdict], failure: str = ""
) -> Fulfilment:
    """From what was said of its own text, the first of ``texts``, and of those that exclude it."""
    said = [verdicts[text] for text in texts if text in verdicts]
    if not said or said[0].probability is None:
        return Fulfilment.unmeasured(wanted, _why_not(wanted, texts, failure, said))
    odds = [_odds(each.probability) for each in said if each.probability is not None]
    probability = odds[0] / (1 + sum(odds))
    is_calibrated = len(odds) == len(texts) > 1 and all(each.has_odds for each in said)
    low, high = _interval(probability) if is_calibrated else (0.0, 1.0)
    reason = "" if is_calibrated else _why_uncalibrated(wanted, texts, said)
    return Fulfilment(wanted, probability, low, high, said[0].probability, is_calibrated, wanted.metric, reason)


def _why_not(wanted: Wanted, texts: Sequence[str], failure: str, said: Sequence[Verdict]) -> str:
    if not texts:
        return wanted.reason or "not measurable by this scorer"
    if said:
        return said[0].reason or f"the model said neither yes nor no: {' '.join(said[0].text.split())[:60]!r}"
    return failure


def _why_uncalibrated(wanted: Wanted, texts: Sequence[str], said: Sequence[Verdict]) -> str:
    if not all(each.has_odds for each in said):
        return "the model tells yes or no, and not how sure it is"
    if len(texts) > 1:
        return "the model did not answer for every value"
    if len(wanted.alternatives) > 1:
        return f"judged alone, as {len(wanted.alternatives)} values are too many to compare"
    return "judged alone: the model's own probability"


def _odds(probability: float) -> float:
    least = math.exp(-_MOST_LOGIT)
    kept = min(max(probability, least), 1 - least)
    return kept / (1 - kept)


def _interval(probability: float) -> tuple[float, float]:
    logit = math.log(_odds(probability))
    low, high = (1 / (1 + math.exp(-(logit + sign * Z90 * _SPREAD))) for sign in (-1, 1))
    return min(low, probability), max(high, probability)  # a certain answer is beyond the log-odds that are kept
