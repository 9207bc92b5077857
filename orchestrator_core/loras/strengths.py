"""How much of a LoRA: what its records advise, and how several share a budget."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from orchestrator_core.loras.record import LoraRecord

LEAST = 0.05  # less of a LoRA than this changes nothing that is seen


@dataclass(frozen=True, slots=True)
class Strength:
    """Of the model and of the text encoder. ``fixed``: a person said it, and nothing changes it."""

    model: float
    clip: float
    source: str = ""  # "given", "preferred", "learned", "usage tips", "examples", "default"
    fixed: bool = False

    def times(self, factor: float) -> Strength:
        """This, scaled; hundredths, rounded towards 0 so that a sum never exceeds what it was scaled to."""
        return Strength(_towards_zero(self.model * factor), _towards_zero(self.clip * factor), self.source, self.fixed)

    def at_most(self, highest: float) -> Strength:
        return self if self.fixed or abs(self.model) <= highest else self.times(highest / abs(self.model))


def _towards_zero(value: float) -> float:
    return math.trunc(round(value * 100, 6)) / 100


def strength_of(
    record: LoraRecord, default: float, given: float | None = None, learned: float | None = None
) -> Strength:
    """The person's value > what images taught > the file's preferred one > usage tips > examples > the default."""
    if given is not None:
        return Strength(given, given, "given", fixed=True)
    if learned is not None and not is_own(record):
        return Strength(learned, learned, "learned")
    model, source = _advised(record, default)
    clip = record.preferred_clip_strength
    return Strength(model, model if clip is None or not math.isfinite(clip) else clip, source)


def is_own(record: LoraRecord) -> bool:
    """Whether a person wrote its preferred strength into the library, which no learning overrules."""
    return any(fact.field == "preferred_strength" and fact.source == "user" and fact.value for fact in record.facts)


def _advised(record: LoraRecord, default: float) -> tuple[float, str]:
    if record.preferred_strength is not None and math.isfinite(record.preferred_strength):
        return record.preferred_strength, "preferred"
    if record.strength_range is not None and all(math.isfinite(end) for end in record.strength_range):
        low, high = sorted(record.strength_range)
        return min(max(default, low), high), "usage tips"
    used = [example.strength for example in record.examples if example.strength and math.isfinite(example.strength)]
    return (median(used), "examples") if used else (default, "default")


def shared(strengths: Sequence[Strength], budget: float) -> list[Strength]:
    """The strengths scaled down in proportion, so that all together are within the budget; fixed ones stay."""
    fixed = sum(abs(strength.model) for strength in strengths if strength.fixed)
    free = sum(abs(strength.model) for strength in strengths if not strength.fixed)
    factor = min(1.0, max(0.0, budget - fixed) / free) if free else 1.0
    return [strength if strength.fixed or factor == 1 else strength.times(factor) for strength in strengths]
