"""Does a LoRA of one base model work in a checkpoint of another? A verdict with its reason, never string equality."""

from __future__ import annotations

from typing import Literal, NamedTuple

from orchestrator_core.base_models.names import BaseModel

Verdict = Literal["yes", "warn", "no"]

# Families that share most tensors, so that a LoRA loads and does something; how well is not sure.
_RELATED = (frozenset({"Flux.1", "Chroma"}), frozenset({"SDXL", "Kolors"}), frozenset({"Anima", "Cosmos"}))


class Compatibility(NamedTuple):
    """``warn`` means: it loads, or may; the person should know why it might not work well."""

    verdict: Verdict
    reason: str


def compatible(checkpoint: BaseModel, lora: BaseModel) -> Compatibility:
    """Whether a LoRA of ``lora`` works in a checkpoint of ``checkpoint``."""
    if not lora.family:
        return Compatibility("warn", "the base model of the LoRA is not known")
    if not checkpoint.family:
        return Compatibility("warn", f"the LoRA is for {lora}, and the family of the checkpoint is not known")
    if checkpoint.family == lora.family:
        return _same_family(checkpoint, lora)
    if _one_says_more(checkpoint.family, lora.family):
        return Compatibility("warn", f"the LoRA is for {lora}, the checkpoint is {checkpoint}: the size is not known")
    if any({checkpoint.family, lora.family} <= related for related in _RELATED):
        return Compatibility("warn", f"{lora} is related to {checkpoint}, but not the same")
    return Compatibility("no", f"the LoRA is for {lora}, the checkpoint is {checkpoint}")


def _same_family(checkpoint: BaseModel, lora: BaseModel) -> Compatibility:
    if checkpoint.sub_family == lora.sub_family:
        return Compatibility("yes", f"both are {lora}")
    if not lora.sub_family:
        return Compatibility("warn", f"the LoRA is for {lora.family}, the checkpoint is {checkpoint}, of that family")
    return Compatibility("warn", f"{lora} loads into {checkpoint}, but it was trained for another {lora.family} model")


def _one_says_more(first: str, second: str) -> bool:
    """ "Wan" and "Wan 14B": the same family, of which one name leaves the size open."""
    return first.startswith(f"{second} ") or second.startswith(f"{first} ")


def contradict(first: BaseModel, second: BaseModel) -> bool:
    """Whether two names cannot both be right for one file. What is not known contradicts nothing."""
    if not first.family or not second.family:
        return False
    if first.family == second.family:
        subs = {first.sub_family, second.sub_family} - {""}
        return len(subs) > 1 and "Pony" in subs  # NoobAI grew out of Illustrious, and both names are given to its LoRAs
    if first.family.startswith("SD 3") and second.family.startswith("SD 3"):
        return False  # tensors do not tell which of them
    related = any({first.family, second.family} <= group for group in _RELATED)
    return not related and not _one_says_more(first.family, second.family)
