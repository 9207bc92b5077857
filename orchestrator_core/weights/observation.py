"""Observation: what one image said of one value, in log-odds. And which images may be learned from together.

A value is what a learned weight attaches to: the key of a ``Choice``, as ``colors/warm#crimson``. Its slot is the list
that it was drawn from, the part of the key before ``#``: only values of one slot are compared with one another.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["score", "mark", "global"]
INLINE = "inline:"  # begins the slots of {a|b}, which no file has
_NAMED = 4  # values that stand for such a slot
MOST = 4.0  # a probability below 2 % or above 98 % says no more than that: one image is one image


@dataclass(frozen=True, slots=True)
class Observation:
    """``value``: a clipped logit. ``options``: how many values the slot had to choose from. ``steered``: the prompt was
    drawn by learned odds."""

    run_id: str
    image: str
    context: str
    slot: str
    key: str
    value: float
    kind: Kind = "score"
    scorer: str = ""
    weight: float = 1.0
    options: int = 0
    steered: bool = False

    def __deepcopy__(self, memo: object) -> Observation:
        return self  # frozen: a copy of all that was learned shares them

    @property
    def identity(self) -> str:
        """An image counts once for each value and scorer; what is said later replaces what was said before."""
        return "\t".join((self.run_id, self.image, self.kind, self.scorer, self.key))


def slot_of(key: str) -> str:
    """``colors/warm`` of ``colors/warm#crimson``. In a key, a # of the name itself is written %23."""
    return key.partition("#")[0]


def value_of(key: str) -> str:
    """``crimson`` of ``colors/warm#crimson``."""
    return key.partition("#")[2]


def context_of(profiles: str, genre: str, family: str) -> str:
    """Images of one context are learned from together: the same profiles and genre, the same family of models."""
    names = ",".join(sorted({name.strip().casefold() for name in profiles.split(",") if name.strip()}))
    return "|".join((names, genre.strip().casefold(), family.casefold()))


def context_words(context: str) -> str:
    """A context for a person: ``mira, sdxl`` or ``all prompts without a profile``."""
    names, genre, family = [*context.split("|"), "", "", ""][:3]
    told = [*(name for name in names.split(",") if name), *([genre] if genre else [])]
    return ", ".join([*(told or ["no profile"]), family or "unknown model"])


def variant_words(keys: Iterable[str]) -> str:
    """A slot of {a|b} for a person, by its values: its own name is a number, which tells nobody anything."""
    texts = sorted(map(value_of, keys))
    return "{" + "|".join([*texts[:_NAMED], *(["…"] if texts[_NAMED:] else [])]) + "}"


def scorer_words(identity: str) -> str:
    """A scorer for a person: its kind and its model, without hash and dtype."""
    return ":".join(identity.split(":")[:2])


def logit(probability: float) -> float:
    """Clipped at ±``MOST``; NaN stays NaN, and is never learned from."""
    if math.isnan(probability):
        return math.nan
    edge = 1 / (1 + math.exp(MOST))
    inside = min(max(probability, edge), 1 - edge)
    return min(max(math.log(inside / (1 - inside)), -MOST), MOST)  # of the edge it is 4.000000000000001


def probability(value: float) -> float:
    """Back from log-odds."""
    return 1 / (1 + math.exp(-value))
