"""Whether a LoRA can be used at all: by its file, its owner's wish, and the checkpoint's base model."""

from __future__ import annotations

from orchestrator_core.base_models import BaseModel, compatible
from orchestrator_core.loras.reasons import Reason
from orchestrator_core.loras.record import LoraRecord

_FILES = {
    "incomplete": "its file is still being copied",
    "truncated": "its file is cut short",
    "unreadable": "its file cannot be read",
    "missing": "its file is gone",
    "offline": "its folder is not connected",
}


def barred(record: LoraRecord, checkpoint: BaseModel, *, pinned: bool = False) -> Reason | None:
    """Why a LoRA cannot be used with this checkpoint; None if it can. A pin overrules the person's own exclusion."""
    if record.state in _FILES:
        return Reason("file", _FILES[record.state])
    if record.excluded and not pinned:
        return Reason("excluded", "you excluded it in the library")
    verdict, why = compatible(checkpoint, BaseModel(record.base_model, record.sub_family))
    return Reason("incompatible", why) if verdict == "no" else None


def base_model_reason(record: LoraRecord, checkpoint: BaseModel) -> Reason:
    """How a LoRA that is not barred goes with the checkpoint; ``number`` is 1 where it is sure, else 0."""
    verdict, why = compatible(checkpoint, BaseModel(record.base_model, record.sub_family))
    return Reason("base model", why, number=float(verdict == "yes"))
