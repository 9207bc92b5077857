"""From what is asked for to a job's row in the store."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from orchestrator_core.errors import PipelineError
from orchestrator_core.jobs.model import NewJob, renderings
from orchestrator_core.pipeline import checked
from orchestrator_core.pipeline.running import following
from orchestrator_core.run import new_run_id
from orchestrator_core.spec import PipelineSpec

if TYPE_CHECKING:
    from orchestrator_core.store.rows import Row


def with_options(pipeline: PipelineSpec, start: str, options: Mapping[str, Mapping[str, Any]]) -> PipelineSpec:
    """With others by the stage's id. Raises PipelineError for a stage that is not done again from ``start`` on."""
    again = following(pipeline, start)
    if kept := [stage_id for stage_id in options if stage_id not in again]:
        raise PipelineError(
            f"From {start!r} on, {', '.join(map(repr, kept))} is not done again, so its options stay as they are. "
            f"Done again: {', '.join(stage.id for stage in pipeline.ordered if stage.id in again)}."
        )
    stages = [
        stage.model_copy(update={"options": {**stage.options, **options.get(stage.id, {})}})
        for stage in pipeline.stages
    ]
    return pipeline.model_copy(update={"stages": tuple(stages)})


def pipeline_columns(pipeline: PipelineSpec) -> Row:
    """Raises PipelineError for a pipeline that cannot run, or is many."""
    if not pipeline.stages:
        raise PipelineError("A job needs a stage, and this pipeline has none.")
    if pipeline.batch:
        raise PipelineError("A job is one item of a batch. Expand the pipeline, and add a job for each item.")
    rendering = renderings(checked(pipeline))
    return {
        "pipeline": json.dumps(pipeline.model_dump(mode="json"), ensure_ascii=False),
        "needs_gpu": int(bool(rendering)),
        "checkpoint": str(rendering[0].options.get("checkpoint") or "") if rendering else "",
    }


def row_of(new: NewJob, now: int) -> Row:
    job_id = new_run_id()
    words: Row = dict.fromkeys(("reason", "error", "detail", "owner", "resource", "start", "stage"), "")
    numbers: Row = dict.fromkeys(("number", "position", "passed", "attempt", "crashes", "stop"), 0)
    times: Row = {"created_ms": now, "updated_ms": now, "started_ms": 0, "ended_ms": 0}
    same = ("key", "request_hash", "title", "target", "priority", "callback_url")
    given: Row = {name: getattr(new, name) for name in same}
    run = json.dumps(new.run, ensure_ascii=False) if new.run is not None else ""
    run_id = str((new.run or {}).get("id") or job_id)
    return {
        "id": job_id,
        "run_id": run_id,
        "run": run,
        "state": "waiting",
        "progress": "{}",
        "tags": json.dumps(list(new.tags), ensure_ascii=False),
        **words,
        **numbers,
        **times,
        **given,
        **pipeline_columns(new.pipeline),
    }
