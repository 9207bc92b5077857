"""Pipelines: run, plan, batch, cache and run again what ``spec`` describes. Start at ``run_pipeline``."""

from orchestrator_core.pipeline.registry import STAGES, Stage, checked, options_of
from orchestrator_core.pipeline.running import PipelineResult, StageEvent, new_run, run_pipeline, run_stage

__all__ = [
    "PipelineResult",
    "STAGES",
    "Stage",
    "StageEvent",
    "checked",
    "new_run",
    "options_of",
    "run_pipeline",
    "run_stage",
]
