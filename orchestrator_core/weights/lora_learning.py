"""LoRAs learned as values are: which fit what is asked for, and at what strength.

All LoRAs are values of one slot, ``lora``; the strengths of one LoRA, in steps of a fifth, are those of a slot of its
own. Each gets the mean of the image's scores that may be learned from. As every slot, they move nothing before a person
has them prefer what works. The selection knows a LoRA as ``lora:<sha256>``, and takes the multiplier as a factor of its
score.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import fmean

from orchestrator_core.prompt import LoraUse, PromptDraft
from orchestrator_core.weights.learner import State
from orchestrator_core.weights.observation import Observation, slot_of, value_of
from orchestrator_core.weights.odds import FEW, slot_odds

SLOT = "lora"
STRENGTHS = "lora strength of "
STEP = 0.2
_SURE = 0.8  # of being the best, before a strength is taken


def identity_of(use: LoraUse) -> str:
    """As the selection names it: by the file's hash, or by its name while that is not known."""
    return (use.sha256 or use.name).replace("#", "%23")


def lora_observations(draft: PromptDraft, seen: Iterable[Observation]) -> tuple[Observation, ...]:
    """Of the LoRAs in a draft, from what was seen of the values in each of its images."""
    images: dict[tuple[str, str, str, str], list[float]] = {}
    if not draft.loras:
        return ()
    for one in seen:
        if one.kind == "score":
            images.setdefault((one.run_id, one.image, one.context, one.scorer), []).append(one.value)
    return tuple(
        Observation(run_id, image, context, slot_of(key), key, fmean(values), "score", scorer)
        for (run_id, image, context, scorer), values in images.items()
        for use in draft.loras
        for key in _keys(use)
    )


def _keys(use: LoraUse) -> tuple[str, str]:
    name = identity_of(use)
    return f"{SLOT}#{name}", f"{STRENGTHS}{name}#{round(round(use.strength_model / STEP) * STEP, 1):g}"


def with_lora_factors(multipliers: Mapping[str, float]) -> dict[str, float]:
    """The multipliers of odds, those of LoRAs by the key that the selection asks for."""
    return {(f"lora:{value_of(key)}" if slot_of(key) == SLOT else key): times for key, times in multipliers.items()}


def learned_strength(state: State, context: str, use: LoraUse) -> float | None:
    """The strength at which a LoRA surely did best; None while none did, or nothing may be preferred."""
    found = slot_odds(state, context, STRENGTHS + identity_of(use))
    best = max(found.values, key=lambda value: value.best, default=None)
    if not (state.settings.on and found.moves) or best is None or best.best < _SURE or best.n < FEW:
        return None
    return float(value_of(best.key))
