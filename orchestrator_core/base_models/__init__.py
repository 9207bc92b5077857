"""Base models: the families that LoRAs and checkpoints belong to, told from names and tensors, and what fits what.

``names`` reads what people and writers call a family, ``tensors`` tells it from a file's tensor names, ``checkpoints``
from a whole checkpoint, and ``compatibility`` says whether a LoRA can work in it.
"""

from orchestrator_core.base_models.checkpoints import family_of_checkpoint
from orchestrator_core.base_models.compatibility import Compatibility, compatible
from orchestrator_core.base_models.names import FAMILIES, SUB_FAMILIES, BaseModel, base_model_in, base_model_named

__all__ = [
    "FAMILIES",
    "SUB_FAMILIES",
    "BaseModel",
    "Compatibility",
    "base_model_in",
    "base_model_named",
    "compatible",
    "family_of_checkpoint",
]
