"""What a person's mark of an image is worth as evidence: the same log-odds scale that models' scores are on.

Stars are spread evenly over probability, five for the best: 1 star is a tenth, 3 stars are even, 5 stars nine tenths. A
favourite and a reject say it more strongly than any number of stars. Log-odds are probability's logit, ln(p / (1 − p)).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from orchestrator_core.errors import FormatError

MOST_STARS = 5
MARKS = "marks:1"  # the scorer's identity of this mapping: with another one, earlier marks would be worth another thing
MARK_WEIGHT = 4.0  # how many scores of a model a mark counts for: the person's word is what models only guess
_FAVOURITE, _REJECT = 0.95, 0.05


@dataclass(frozen=True, slots=True)
class Marks:
    """What a person said of one image. ``stars`` 0: none were given."""

    favourite: bool = False
    stars: int = 0
    reject: bool = False

    def __post_init__(self) -> None:
        if type(self.stars) is not int or not 0 <= self.stars <= MOST_STARS:  # True would be one star
            raise FormatError(f"{self.stars!r} stars cannot be given: an image has 1 to {MOST_STARS}, or 0 for none.")
        if self.favourite and self.reject:
            raise FormatError("An image cannot be a favourite and rejected at once: take one of the marks away.")

    def __bool__(self) -> bool:
        return self.favourite or self.reject or self.stars > 0


@dataclass(frozen=True, slots=True)
class MarkEvidence:
    """``value``: log-odds; ``weight``: of how many scores."""

    value: float
    weight: float


def evidence_of(marks: Marks) -> MarkEvidence | None:
    """What the marks say of the whole image; None where there are none, which says nothing.

    A reject outweighs any stars. A favourite is never worth less than its stars.
    """
    if not marks:
        return None
    probability = _probability(marks)
    return MarkEvidence(math.log(probability / (1 - probability)), MARK_WEIGHT)


def _probability(marks: Marks) -> float:
    if marks.reject:
        return _REJECT
    if marks.favourite:
        return _FAVOURITE
    return (marks.stars - 0.5) / MOST_STARS


def words_of(marks: Marks) -> str:
    """As "favourite, 4 stars"; "" for none."""
    told = ["favourite"] * marks.favourite + ["rejected"] * marks.reject
    if marks.stars:
        told.append(f"{marks.stars} star{'s' * (marks.stars != 1)}")
    return ", ".join(told)
