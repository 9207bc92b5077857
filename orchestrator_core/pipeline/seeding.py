"""The seed of a pipeline that names none: by chance or by the key of its job, and the same for a whole batch."""

from __future__ import annotations

import hashlib
import secrets

from orchestrator_core.spec import PipelineSpec

_SEEDS = 2**32  # a seed that nobody chose is short enough to be typed


def seeded(pipeline: PipelineSpec, seed: int) -> PipelineSpec:
    """With this seed for the prompts of a pipeline that names none: the same for all of its items."""
    stages = [
        stage.model_copy(update={"options": {**stage.options, "seed": seed}})
        if stage.type == "generatePrompt" and "seed" not in stage.options
        else stage
        for stage in pipeline.stages
    ]
    return pipeline.model_copy(update={"stages": tuple(stages)})


def seed_for(key: str | None) -> int:
    """Another one each time; under a key always the same, so that the same job that is sent twice is one job."""
    if not key:
        return secrets.randbelow(_SEEDS)
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big")
