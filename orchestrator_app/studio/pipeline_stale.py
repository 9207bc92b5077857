"""Which stages of a finished run no longer are what the pipeline says now, and the run with the pipeline as it is."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from orchestrator_core.errors import PipelineError
from orchestrator_core.pipeline import options_of
from orchestrator_core.pipeline.rerunning import PipelineRecord
from orchestrator_core.pipeline.running import following
from orchestrator_core.spec import PipelineSpec, StageSpec, place_of

Place = tuple[str, str]  # of a stage and its option


@dataclass(frozen=True, slots=True)
class Stale:
    """``changed``: ids of stages that are other ones now; ``stale``: all whose result does not hold any more."""

    pipeline: PipelineSpec
    changed: frozenset[str]
    stale: frozenset[str]


def varied_in(pipeline: PipelineSpec) -> frozenset[Place]:
    """The options that its batch varies."""
    return frozenset(place_of(axis, pipeline.stages) for group in pipeline.batch for axis in group)


def stale_in(record: PipelineRecord, pipeline: PipelineSpec, varied: Collection[Place] = ()) -> Stale:
    """``pipeline`` is the one that is written now."""
    now = _for_item(record, pipeline, varied)
    before = {stage.id: stage for stage in record.pipeline.stages}
    needed, needs = record.pipeline.needs, now.needs
    changed = frozenset(
        stage.id
        for stage in now.stages
        if stage.id not in before
        or needs[stage.id] != needed[stage.id]
        or not _same(stage, before[stage.id])
        or (stage.enabled and stage.id not in record.result.snapshots)
    )
    known = {stage.id for stage in now.stages}
    return Stale(now, changed, following(now, *changed, *(one for one in record.stale if one in known)))


def with_stale(record: PipelineRecord, found: Stale) -> PipelineRecord:
    """The record as if it had been made by the pipeline of now, with what that makes stale."""
    ids = {stage.id for stage in found.pipeline.stages}
    result = record.result
    kept = replace(
        result,
        snapshots={stage_id: run for stage_id, run in result.snapshots.items() if stage_id in ids},
        states={stage_id: state for stage_id, state in result.states.items() if stage_id in ids},
    )
    enabled = {stage.id for stage in found.pipeline.stages if stage.enabled}
    stale = tuple(stage_id for stage_id in found.pipeline.needs if stage_id in found.stale & enabled)
    return replace(record, pipeline=found.pipeline, result=kept, stale=stale)


def _for_item(record: PipelineRecord, pipeline: PipelineSpec, varied: Collection[Place]) -> PipelineSpec:
    """With the values that the item of the record had of its batch, and the seed that was given to it."""
    before = {stage.id: stage.options for stage in record.pipeline.stages}
    stages = []
    for stage in pipeline.stages:
        known = before.get(stage.id, {})
        own = {option: known[option] for stage_id, option in varied if stage_id == stage.id and option in known}
        if stage.type == "generatePrompt" and "seed" not in stage.options and "seed" in known:
            own["seed"] = known["seed"]
        stages.append(stage.model_copy(update={"options": {**stage.options, **own}}) if own else stage)
    return pipeline.model_copy(update={"stages": tuple(stages), "batch": ()})


def _same(one: StageSpec, other: StageSpec) -> bool:
    """Whether both do the same, however they say it."""
    if one.model_copy(update={"options": {}, "needs": None}) != other.model_copy(update={"options": {}, "needs": None}):
        return False
    try:
        return options_of(one) == options_of(other)
    except PipelineError:
        return False
