"""STAGES: which stages there are, by the ``type`` that a pipeline names them by, and the check of their options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from orchestrator_core.conditions import STAGE, parse_condition
from orchestrator_core.context import StageContext
from orchestrator_core.errors import PipelineError
from orchestrator_core.pipeline.dependencies import Depends, of_enhancing
from orchestrator_core.run import Run
from orchestrator_core.spec import PipelineSpec, StageSpec, near, problems_of
from orchestrator_core.stages import dispatch, follow_story, generate_prompt, llm_enhance, score_images, select_loras


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage's options model and its function.

    ``depends``: all that its result depends on beside its options and the run, for the cache; None: it is never cached.
    ``version`` goes up when the same would give another result than before, which makes what was cached useless.
    """

    options: type[BaseModel]
    run: Callable[[Run, StageContext, Any], Run]
    depends: Depends | None = None
    version: int = 1


STAGES: Mapping[str, Stage] = {
    "generatePrompt": Stage(generate_prompt.Options, generate_prompt.stage),
    "followStory": Stage(follow_story.Options, follow_story.stage),
    "llmEnhance": Stage(llm_enhance.Options, llm_enhance.stage, of_enhancing),
    "selectLoras": Stage(select_loras.Options, select_loras.stage),
    "dispatch": Stage(dispatch.Options, dispatch.stage),
    "scoreImages": Stage(score_images.Options, score_images.stage),
}


def options_of(spec: StageSpec) -> BaseModel:
    """A stage's checked options. Raises PipelineError, which names the stage and the option."""
    return _options(spec, spec.options)


def fallback_of(spec: StageSpec) -> BaseModel | None:
    """Its options with those that it falls back to; None where it never does."""
    falls_back = "fallback" in (spec.on_error, spec.then if spec.on_error == "retry" else "")
    return _options(spec, {**spec.options, **spec.fallback}) if falls_back else None


def checked(pipeline: PipelineSpec) -> PipelineSpec:
    """The pipeline itself, once all types, options and conditions are found good. Raises PipelineError."""
    ids = [spec.id for spec in pipeline.stages]
    for spec in pipeline.stages:
        options_of(spec)
        fallback_of(spec)
        for name in parse_condition(spec.when).names if spec.when else ():
            asked = name.removeprefix(STAGE)
            if name.startswith(STAGE) and asked not in ids:
                raise PipelineError(f"Stage {spec.id!r}, when: there is no stage {asked!r}{near(asked, ids)}")
    return pipeline


def _options(spec: StageSpec, options: Mapping[str, Any]) -> BaseModel:
    stage = STAGES.get(spec.type)
    if stage is None:
        raise PipelineError(f"Stage {spec.id!r}: there is no type {spec.type!r}{near(spec.type, STAGES)}")
    try:
        return stage.options.model_validate(options)
    except ValidationError as error:
        unknown = [str(found["loc"][-1]) for found in error.errors() if found["type"] == "extra_forbidden"]
        cure = near(unknown[0], stage.options.model_fields) if unknown else ""
        raise PipelineError(f"Stage {spec.id!r} ({spec.type}): {problems_of(error)}{cure}") from None
