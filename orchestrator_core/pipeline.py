"""Runs a pipeline: a dict of stages and a short loop. The run is kept after each stage, so any can be run again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from orchestrator_core.context import StageContext
from orchestrator_core.errors import PipelineError
from orchestrator_core.prompt import PromptDraft
from orchestrator_core.run import Run, new_run_id
from orchestrator_core.spec import PipelineSpec, StageSpec, problems_of
from orchestrator_core.stages import dispatch, follow_story, generate_prompt, llm_enhance, score_images, select_loras


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage's options model and its function."""

    options: type[BaseModel]
    run: Callable[[Run, StageContext, Any], Run]


STAGES: Mapping[str, Stage] = {
    "generatePrompt": Stage(generate_prompt.Options, generate_prompt.stage),
    "followStory": Stage(follow_story.Options, follow_story.stage),
    "llmEnhance": Stage(llm_enhance.Options, llm_enhance.stage),
    "selectLoras": Stage(select_loras.Options, select_loras.stage),
    "dispatch": Stage(dispatch.Options, dispatch.stage),
    "scoreImages": Stage(score_images.Options, score_images.stage),
}


@dataclass(frozen=True, slots=True)
class PipelineResult:
    """The last run, and the run as it was after each stage, by stage id."""

    run: Run
    snapshots: Mapping[str, Run]


def options_of(spec: StageSpec) -> BaseModel:
    """A stage's checked options. Raises PipelineError, which names the stage and the option."""
    stage = STAGES.get(spec.type)
    if stage is None:
        raise PipelineError(f"Stage {spec.id!r}: there is no type {spec.type!r}. Use one of: {', '.join(STAGES)}.")
    try:
        return stage.options.model_validate(spec.options)
    except ValidationError as error:
        raise PipelineError(f"Stage {spec.id!r} ({spec.type}): {problems_of(error)}") from None


def new_run() -> Run:
    return Run(new_run_id(), PromptDraft(()))


def run_pipeline(
    pipeline: PipelineSpec,
    context: StageContext,
    run: Run | None = None,
    *,
    start: str | None = None,
    before: Mapping[str, Run] | None = None,
) -> PipelineResult:
    """Runs the enabled stages in order, or again from the stage ``start`` with ``before``, an earlier run's snapshots.

    All options are checked before the first stage runs. Raises PipelineError for a pipeline that cannot run, and
    whatever a stage raises.
    """
    enabled = [spec for spec in pipeline.stages if spec.enabled]
    checked = {spec.id: options_of(spec) for spec in pipeline.stages}
    run = run or new_run()
    snapshots: dict[str, Run] = {}
    if start is not None:
        ids = [spec.id for spec in enabled]
        if start not in ids:
            raise PipelineError(f"There is no enabled stage {start!r} to start from. Use one of: {', '.join(ids)}.")
        first = ids.index(start)
        run, snapshots = _snapshot_before(ids[:first], run, before or {})
        enabled = enabled[first:]
    for spec in enabled:
        run = STAGES[spec.type].run(run, context, checked[spec.id])
        snapshots[spec.id] = run
    return PipelineResult(run, snapshots)


def _snapshot_before(earlier: list[str], run: Run, before: Mapping[str, Run]) -> tuple[Run, dict[str, Run]]:
    if missing := [stage_id for stage_id in earlier if stage_id not in before]:
        raise PipelineError(f"To start there, what stage {missing[0]!r} left behind is needed, and it is not there.")
    return (before[earlier[-1]] if earlier else run), {stage_id: before[stage_id] for stage_id in earlier}
