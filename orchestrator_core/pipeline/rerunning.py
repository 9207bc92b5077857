"""PipelineRecord: a finished run of a pipeline with what each stage left, so that any stage can be done again.

Done again from its stored input, a stage leaves the stages behind it stale: they are done again too, or marked so.
The new run has an id of its own, since the one before and its images stay what they were.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from orchestrator_core.context import StageContext
from orchestrator_core.errors import FormatError, PipelineError
from orchestrator_core.formats.run_json import run_from_json, run_to_json
from orchestrator_core.pipeline.caching import StageCache
from orchestrator_core.pipeline.differences import Change, changes_between
from orchestrator_core.pipeline.running import PipelineResult, Watch, following, run_pipeline
from orchestrator_core.prompt import PromptDraft
from orchestrator_core.run import Run, new_run_id
from orchestrator_core.spec import PipelineSpec, near, pipeline_from, pipeline_to_json

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class PipelineRecord:
    """``stale``: ids of stages whose snapshot comes of an input that has since become another."""

    pipeline: PipelineSpec
    result: PipelineResult
    stale: tuple[str, ...] = ()
    rerun_of: str = ""  # the id of the run that this one was made from


@dataclass(frozen=True, slots=True)
class Rerun:
    """``changes``: between the run before and this one."""

    record: PipelineRecord
    changes: tuple[Change, ...]


def rerun(
    record: PipelineRecord,
    stage: str,
    context: StageContext,
    options: Mapping[str, Any] | None = None,
    *,
    only: bool = False,
    watch: Watch | None = None,
    cache: StageCache | None = None,
) -> Rerun:
    """Does a stage again, with these options over its own, and then all that go on from it.

    ``only``: those are left as they are and marked stale. Stale stages before this one are done again first.

    Raises PipelineError where there is no such stage, or its input is not there, and what a stage raises.
    """
    pipeline = _with_options(record.pipeline, stage, options or {})
    before = _preceding(pipeline, stage)
    starts = [stage, *(stage_id for stage_id in record.stale if stage_id in before)]
    behind = following(pipeline, *starts) - {stage, *before} if only else frozenset[str]()
    known = _of_new_run(record.result, new_run_id())
    done = run_pipeline(
        _without(pipeline, behind), context, known.first, start=starts, before=known, watch=watch, cache=cache
    )
    kept = {stage_id: run for stage_id, run in known.snapshots.items() if stage_id in behind}
    states = {stage_id: known.states[stage_id] for stage_id in behind if stage_id in known.states}
    result = replace(done, snapshots={**done.snapshots, **kept}, states={**done.states, **states})
    redone = following(pipeline, *starts) - behind
    stale = tuple(stage_id for stage_id in pipeline.needs if stage_id in kept or stage_id in {*record.stale} - redone)
    changes = changes_between(record.result.run, done.run)
    return Rerun(PipelineRecord(pipeline, result, stale, record.result.run.id), changes)


def _with_options(pipeline: PipelineSpec, stage: str, options: Mapping[str, Any]) -> PipelineSpec:
    ids = [spec.id for spec in pipeline.stages]
    if stage not in ids:
        raise PipelineError(f"There is no stage {stage!r} to do again{near(stage, ids)}")
    changed = (
        spec.model_copy(update={"options": {**spec.options, **options}}) if spec.id == stage else spec
        for spec in pipeline.stages
    )
    return pipeline.model_copy(update={"stages": tuple(changed)})


def _without(pipeline: PipelineSpec, ids: frozenset[str]) -> PipelineSpec:
    """Nothing that stays needs any of these."""
    needs = pipeline.needs
    stages = (spec.model_copy(update={"needs": needs[spec.id]}) for spec in pipeline.stages if spec.id not in ids)
    return pipeline.model_copy(update={"stages": tuple(stages)}) if ids else pipeline


def _preceding(pipeline: PipelineSpec, stage: str) -> frozenset[str]:
    """All that the stage goes on from, directly or not."""
    needs, found, waiting = pipeline.needs, set[str](), [stage]
    while waiting:
        new = [need for need in needs[waiting.pop()] if need not in found]
        found.update(new)
        waiting += new
    return frozenset(found)


def _of_new_run(result: PipelineResult, run_id: str) -> PipelineResult:
    first = result.first or Run(run_id, PromptDraft(()))
    snapshots = {stage_id: run.replacing(id=run_id) for stage_id, run in result.snapshots.items()}
    return replace(result, snapshots=snapshots, first=first.replacing(id=run_id))


def record_to_json(record: PipelineRecord) -> dict[str, Any]:
    """As ``json.dumps`` takes it. Raises FormatError where a request holds what JSON cannot."""
    result = record.result
    return {
        "schema_version": SCHEMA_VERSION,
        "pipeline": pipeline_to_json(record.pipeline),
        "first": run_to_json(result.first) if result.first else None,
        "run": run_to_json(result.run),
        "snapshots": {stage_id: run_to_json(run) for stage_id, run in result.snapshots.items()},
        "states": dict(result.states),
        "stale": list(record.stale),
        "rerun_of": record.rerun_of,
    }


def record_from_json(data: Any) -> PipelineRecord:
    """Raises FormatError, and PipelineError for its pipeline, which say what is wrong."""
    if not isinstance(data, Mapping) or not {"pipeline", "run", "snapshots"} <= data.keys():
        raise FormatError("This is no record of a pipeline's run: it has no 'pipeline', 'run' and 'snapshots'.")
    if data.get("schema_version") != SCHEMA_VERSION:
        raise FormatError(
            f"This record is of version {data.get('schema_version')!r}, and this Orchestrator knows version "
            f"{SCHEMA_VERSION}. Update Orchestrator."
        )
    snapshots, states, stale = data["snapshots"], data.get("states", {}), data.get("stale", [])
    if not isinstance(snapshots, Mapping) or not isinstance(states, Mapping) or not isinstance(stale, list):
        raise FormatError("This is no record of a pipeline's run: 'snapshots', 'states' or 'stale' is damaged.")
    result = PipelineResult(
        run_from_json(data["run"]),
        {str(stage_id): run_from_json(run) for stage_id, run in snapshots.items()},
        {str(stage_id): str(state) for stage_id, state in states.items()},
        run_from_json(data["first"]) if data.get("first") is not None else None,
    )
    stages = tuple(str(stage_id) for stage_id in stale)
    return PipelineRecord(pipeline_from(data["pipeline"]), result, stages, str(data.get("rerun_of", "")))
