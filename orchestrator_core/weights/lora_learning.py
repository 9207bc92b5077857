"""LoRAs learned as values are: which fit what is asked for, and at what strength.

All LoRAs are values of one slot, ``lora``; the strengths of one LoRA, in steps of a fifth, are those of a slot of its
own. Each gets the mean of the image's scores that may be learned from. As every slot, they move nothing before a person
has ``lora`` prefer what works, which the strengths follow. The selection knows a LoRA as ``lora:<sha256>``, takes the
multiplier as a factor of its score, and the strength that surely did best in place of what files say.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from statistics import fmean

from orchestrator_core.prompt import LoraUse, PromptDraft
from orchestrator_core.weights.observation import Observation, slot_of, value_of
from orchestrator_core.weights.settings import LORA_STRENGTHS as STRENGTHS
from orchestrator_core.weights.settings import LORAS as SLOT

STEP = 0.2
_MOST_STRENGTH = 5.0  # of any that a LoRA's file may be asked for by what was learned
_SURE = 0.8  # the chance of being the best, before a strength is taken


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
        if math.isfinite(use.strength_model)
        for key in _keys(use)
    )


def _keys(use: LoraUse) -> tuple[str, str]:
    name = identity_of(use)
    return f"{SLOT}#{name}", f"{STRENGTHS}{name}#{round(round(use.strength_model / STEP) * STEP, 1):g}"


def with_lora_factors(multipliers: Mapping[str, float]) -> dict[str, float]:
    """The multipliers of odds, those of LoRAs by the key that the selection asks for."""
    return {(f"lora:{value_of(key)}" if slot_of(key) == SLOT else key): times for key, times in multipliers.items()}


def learned_strengths(multipliers: Mapping[str, float]) -> dict[str, float]:
    """At which strength each LoRA surely did best, by its identity; none while none did, or nothing may be preferred.

    Multipliers are as the chances of being the best, and there are none of a slot that stands still. So what holds is
    of the same moment as all learned odds, and goes with them when they are undone or switched off.
    """
    slots: dict[str, dict[str, float]] = {}
    for key, times in multipliers.items():
        if key.startswith(STRENGTHS) and _is_strength(value_of(key)):
            slots.setdefault(slot_of(key).removeprefix(STRENGTHS), {})[value_of(key)] = times
    found = {name: _surely_best(shares) for name, shares in slots.items()}
    return {name.replace("%23", "#"): best for name, best in found.items() if best is not None}


def _surely_best(shares: Mapping[str, float]) -> float | None:
    value, most = max(shares.items(), key=lambda item: item[1])
    return float(value) if len(shares) > 1 and most >= _SURE * sum(shares.values()) else None


def _is_strength(text: str) -> bool:
    """What was taken in from elsewhere, or pinned, may be called anything."""
    try:
        return abs(float(text)) <= _MOST_STRENGTH  # NaN is not
    except ValueError:
        return False
