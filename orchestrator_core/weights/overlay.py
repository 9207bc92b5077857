"""What a draw is given of the ledger: multipliers, and the number of the moment that they are of.

They go to ``generate(…, weights=…, odds=…)``, beside those of profiles; wildcard files are never rewritten. The number
is kept with the run and under the image, so that the same seed by the same moment draws the same prompt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from orchestrator_core.errors import LearningError, StoreError
from orchestrator_core.profiles.inheritance import multiplied
from orchestrator_core.weights.ledger import Ledger
from orchestrator_core.weights.lora_learning import with_lora_factors


@dataclass(frozen=True, slots=True)
class Overlay:
    """``number`` 0: nothing learned is in the weights; ``problem`` says why, where something is amiss."""

    weights: Mapping[str, float] = field(default_factory=dict)
    number: int = 0
    problem: str = ""


def overlay(
    ledger: Ledger,
    profiles: str = "",
    genre: str = "",
    family: str = "",
    *,
    number: int | None = None,
    weights: Mapping[str, float] | None = None,
) -> Overlay:
    """For prompts with these profiles. ``number``: of an earlier moment. ``weights``: a person's own, which multiply.

    Never raises: a prompt is drawn without learned odds too.
    """
    given = dict(weights or {})
    try:
        found = ledger.odds(ledger.context_for(profiles, genre, family), number)
    except (StoreError, LearningError) as problem:
        return Overlay(given, 0, str(problem))
    if not found.multipliers:
        return Overlay(given)
    return Overlay(multiplied((given, with_lora_factors(found.multipliers))), found.number)
