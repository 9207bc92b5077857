"""VisionLanguageModel: the port to a model that looks at an image and answers a question about it in text.

Its yes and no are read as odds where the model tells how probable its first token was, and as the bare word where it
does not: then the answer is 0 or 1, and says nothing of how sure it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from orchestrator_core.llm.port import IsCancelled, never

if TYPE_CHECKING:
    from orchestrator_core.vision.port import Pixels

_YES, _NO = frozenset({"yes", "y", "true"}), frozenset({"no", "n", "false"})
_AROUND = " \t\r\n\"'`*_.,:;!()[]▁Ġ<>|"  # of a token: blanks as tokenizers write them, quotes, Markdown, full stops
_ENOUGH = 0.05  # probability of yes and no together: below it the model was about to say something else
_LEAST = 1e-6  # probability of a side that no listed token speaks for, where the list leaves it less


@dataclass(frozen=True, slots=True)
class Verdict:
    """``probability`` of yes; None where the answer is neither. ``has_odds``: it was read from probabilities."""

    probability: float | None
    has_odds: bool
    text: str = ""  # what was answered, or its beginning
    reason: str = ""  # why there is no probability, where it is not the answer's fault


class VisionLanguageModel(Protocol):
    """Something that sees and answers. Both calls block and raise LanguageModelError, Cancelled among them."""

    @property
    def identity(self) -> str:
        """What the answer depends on beside image and question."""

    def judge(self, image: Pixels, question: str, is_cancelled: IsCancelled = never) -> Verdict:
        """The answer to a question of yes or no."""

    def say(self, image: Pixels, question: str, max_tokens: int = 80, is_cancelled: IsCancelled = never) -> str:
        """The answer in words."""

    def release(self) -> None:
        """Let go of its weights, where it has any here; the next question loads them again."""


def verdict_of_tokens(tokens: Iterable[tuple[str, float]], text: str = "") -> Verdict:
    """From the most probable first tokens and their log-probabilities, as far down as they are known.

    p = P(yes) / (P(yes) + P(no)), over all spellings (VQAScore, Lin et al. 2024, asks for the same two words).
    """
    listed = [(token.strip(_AROUND).lower(), math.exp(min(log, 0.0))) for token, log in tokens if not math.isnan(log)]
    yes = sum(probability for word, probability in listed if word in _YES)
    no = sum(probability for word, probability in listed if word in _NO)
    if yes + no < _ENOUGH:
        return Verdict(None, has_odds=True, text=text)
    probabilities = [probability for _, probability in listed]
    unlisted = min([1.0 - sum(probabilities), *probabilities])  # at most
    yes, no = yes or max(unlisted, _LEAST), no or max(unlisted, _LEAST)
    return Verdict(yes / (yes + no), has_odds=True, text=text)


def verdict_of_text(text: str) -> Verdict:
    """From the first word of an answer, where no probabilities are told."""
    first = next(iter(text.strip(_AROUND).replace(",", " ").split()), "").strip(_AROUND).lower()
    probability = 1.0 if first in _YES else 0.0 if first in _NO else None
    return Verdict(probability, has_odds=False, text=text)
