"""What the phrases that a prompt has something of give each LoRA: BM25, word by word.

How often a LoRA has a word of the prompt is the sum of the weights of its phrases with this word, each times the share
of the phrase that is in the prompt: "red hat" has less of "red" than "red". Words add up like lengths at right angles
would, nearly: ten phrases that share one are not ten proofs.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from orchestrator_core.loras.documents import STRONG
from orchestrator_core.loras.phrase_table import PhraseTable
from orchestrator_core.loras.tuning import Tuning


class Evidence(NamedTuple):
    """A phrase that a prompt has something of. A phrase that it says in other words is a term of its own."""

    at: int  # its place in the table
    value: float  # what it says, in natural units
    share: float  # the part of it that is there
    most: float  # the most weight that it may have
    terms: Sequence[str | int]  # its words that are there


def sums_of(
    found: Sequence[Evidence],
    worth: Mapping[str | int, float],
    table: PhraseTable,
    norms: array[float],
    tuning: Tuning,
    common: float,
) -> dict[int, float]:
    """The score of each LoRA to the power of ``tuning.adding``. ``worth`` is what each term says, in natural units.

    What more LoRAs than ``common`` have tells something of those alone whose trigger words or notes it is.
    """
    sums: dict[int, float] = defaultdict(float)
    power = tuning.adding
    for term, amounts in _amounts(found, table, common).items():
        gained = worth[term] * (tuning.k1 + 1)
        for number, amount in amounts.items():
            sums[number] += (gained * amount / (amount + norms[number])) ** power
    return sums


def _amounts(found: Sequence[Evidence], table: PhraseTable, common: float) -> Mapping[str | int, dict[int, float]]:
    """How much of each term the LoRAs have, by their numbers."""
    told: dict[str | int, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    heaviest = table.heaviest
    for at, _, share, most, terms in found:
        entries = table.several.get(at)
        if entries is None:
            number, amount = table.first[at], share * min(heaviest[at], most)
            for term in terms:
                told[term][number] += amount
            continue
        least = STRONG if len(entries[0]) > common else 0.0
        if heaviest[at] < least:
            continue
        if least or heaviest[at] > most:
            pairs = [(number, min(weight, most)) for number, weight in zip(*entries, strict=True) if weight >= least]
        else:
            pairs = list(zip(*entries, strict=True))
        for term in terms:
            amounts = told[term]
            for number, weight in pairs:
                amounts[number] += share * weight
    return told
