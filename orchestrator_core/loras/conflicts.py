"""Which LoRAs do not belong together, and which belong together always."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from orchestrator_core.base_models import BaseModel, compatible
from orchestrator_core.loras.guesses import noise_half
from orchestrator_core.loras.record import LoraRecord
from orchestrator_core.loras.words import Key, is_generic, key_of, phrases_of

Pairs = frozenset[frozenset[str]]


def conflict(one: LoraRecord, other: LoraRecord, declared: Pairs = frozenset()) -> str:
    """Why the two are not used together; "" if they may be."""
    if frozenset((one.name, other.name)) in declared:
        return "you declared that the two do not go together"
    if _same(one.sha256, other.sha256) or _same(one.tensor_sha256, other.tensor_sha256):
        return "the two files are the same"
    if are_pair(one, other):
        return ""
    if _same(one.model_id, other.model_id):
        return "the two are versions of one model"
    if why := _never_in_one_checkpoint(one, other):
        return why
    if one.trigger_words and other.trigger_words and (same := main_trigger(one)) and same == main_trigger(other):
        return f"both are called by '{' '.join(same)}'"
    return ""


def _never_in_one_checkpoint(one: LoraRecord, other: LoraRecord) -> str:
    """Why no checkpoint takes both. What the gate lets through where nobody knows the checkpoint's base model."""
    bases = BaseModel(one.base_model, one.sub_family), BaseModel(other.base_model, other.sub_family)
    if bases[0].family == bases[1].family or "no" not in (compatible(*bases)[0], compatible(*bases[::-1])[0]):
        return ""
    return f"no checkpoint takes both, of {bases[0]} and of {bases[1]}"


def _same(one: str, other: str) -> bool:
    return bool(one) and one == other


def main_trigger(record: LoraRecord) -> Key:
    """What calls a LoRA: of the first group the first part, unless it fits any picture; () where there is none.

    Groups behind it are often what else is in the pictures, as the clothes of a character: others have those too.
    """
    keys = (key_of(next(iter(phrases_of(group)), "")) for group in record.trigger_words)
    return next((key for key in keys if key and not all(is_generic(word) for word in key)), ())


def are_pair(one: LoraRecord, other: LoraRecord) -> bool:
    """Whether the two are the high-noise and the low-noise half of one Wan LoRA."""
    half, other_half = _half(one), _half(other)
    return half is not None and other_half is not None and half[0] == other_half[0] and half[1] != other_half[1]


def partner_of(record: LoraRecord, records: Callable[[], Iterable[LoraRecord]]) -> LoraRecord | None:
    """The other half of a Wan LoRA, if it is there."""
    if _half(record) is None:
        return None
    return next((other for other in records() if other.state == "complete" and are_pair(record, other)), None)


def _half(record: LoraRecord) -> tuple[str, str] | None:
    if "wan" not in (record.base_model or record.name).casefold():  # "high" and "low" are words of other names too
        return None
    return noise_half(record.name)
