"""A job that runs again as another pipeline: which of its stages are done again, and which keep what they left."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from orchestrator_core.errors import JobError
from orchestrator_core.pipeline import checked, options_of
from orchestrator_core.pipeline.running import following
from orchestrator_core.pipeline.seeding import seed_for, seeded
from orchestrator_core.spec import PipelineSpec, StageSpec

if TYPE_CHECKING:
    from orchestrator_core.jobs.model import Job

_DRAWS = "generatePrompt"


def begun_again(job: Job, stage: str | None, pipeline: PipelineSpec | None) -> tuple[PipelineSpec, list[str]]:
    """The pipeline that the job then has, and the stages with which it begins, the one that is asked for first.

    ``stage``: None for the first. ``pipeline``: in place of its own; what is not as it was is done again too.
    Raises JobError where there is no such stage, and PipelineError.
    """
    assert job.pipeline is not None
    now = job.pipeline if pipeline is None else rewired(job.pipeline, pipeline)
    ids = [spec.id for spec in now.ordered]
    start = stage or next(iter(ids), "")
    if start not in ids:
        raise JobError(f"Job {job.number} has no stage {start!r}. It has: {', '.join(ids)}.")
    waiting = [one for one in starts_of(job.start) if one in ids]  # of another time that has not begun yet
    changed = [] if pipeline is None else changed_stages(job.pipeline, now)
    covered = following(now, start)
    return now, [start, *(one for one in dict.fromkeys([*waiting, *changed]) if one not in covered)]


def rewired(before: PipelineSpec, now: PipelineSpec) -> PipelineSpec:
    """The other pipeline, with the seeds of the one before where it names none. Raises PipelineError."""
    seeds = {spec.id: spec.options["seed"] for spec in before.stages if spec.type == _DRAWS and "seed" in spec.options}
    stages = tuple(
        spec.model_copy(update={"options": {"seed": seeds[spec.id], **spec.options}})
        if spec.type == _DRAWS and spec.id in seeds
        else spec
        for spec in now.stages
    )
    found = checked(now.model_copy(update={"stages": stages}))
    return seeded(found, next(iter(seeds.values()), seed_for(None)))


def changed_stages(before: PipelineSpec, now: PipelineSpec) -> list[str]:
    """Those that are new, do something else, or go on from another stage; in their order."""
    was = {spec.id: _does(spec, before) for spec in before.stages}
    return [spec.id for spec in now.ordered if was.get(spec.id) != _does(spec, now)]


def _does(spec: StageSpec, pipeline: PipelineSpec) -> dict[str, Any]:
    """An option that is left out is as one that says the usual."""
    return {
        **spec.model_dump(mode="json"),
        "options": options_of(spec).model_dump(mode="json"),
        "needs": list(pipeline.needs[spec.id]),
    }


def starts_text(starts: Sequence[str]) -> str:
    """As a job's row has it: the id alone where it is one."""
    is_plain = len(starts) == 1 and not starts[0].startswith("[")
    return starts[0] if is_plain else json.dumps(list(starts), ensure_ascii=False) if starts else ""


def starts_of(text: str) -> list[str]:
    return [str(one) for one in json.loads(text)] if text.startswith("[") else [text] if text else []
