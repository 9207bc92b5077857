"""A pipeline as data: what a person writes, saves and shares. It is checked here and run by pipeline.py.

``[{"id": "draw", "type": "generatePrompt"}, {"id": "render", "type": "dispatch"}]``, or the same list under
``stages`` beside a ``schema_version``.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from orchestrator_core.errors import PipelineError

SCHEMA_VERSION = 1


class StageSpec(BaseModel):
    """One stage: ``type`` says which, ``options`` are checked by the stage itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(min_length=1, max_length=100)
    type: str
    options: dict[str, Any] = Field(default_factory=dict)
    enabled: bool = True


class PipelineSpec(BaseModel):
    """Stages in the order in which they run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: int = SCHEMA_VERSION
    stages: tuple[StageSpec, ...]

    @field_validator("stages")
    @classmethod
    def _ids_are_unique(cls, stages: tuple[StageSpec, ...]) -> tuple[StageSpec, ...]:
        ids = [stage.id for stage in stages]
        if twice := sorted({stage_id for stage_id in ids if ids.count(stage_id) > 1}):
            raise ValueError(f"each stage needs an id of its own; used twice: {', '.join(twice)}")
        return stages


def pipeline_from(data: Any) -> PipelineSpec:
    """A pipeline from parsed JSON or YAML. Raises PipelineError, which names the place that is wrong."""
    if isinstance(data, list):
        data = {"stages": data}
    version = data.get("schema_version", SCHEMA_VERSION) if isinstance(data, dict) else None
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise PipelineError(
            f"This pipeline is of version {version}, and this Orchestrator knows versions up to {SCHEMA_VERSION}. "
            "Update Orchestrator."
        )
    try:
        return PipelineSpec.model_validate(data)
    except ValidationError as error:
        raise PipelineError(f"This is no pipeline: {problems_of(error)}") from None


def problems_of(error: ValidationError) -> str:
    """What pydantic found, for a person: ``stages.0.type: Field required (…)``."""
    found = []
    for problem in error.errors(include_url=False)[:5]:
        where = ".".join(str(part) for part in problem["loc"]) or "the whole"
        found.append(f"{where}: {problem['msg']}")
    more = error.error_count() - len(found)
    return "; ".join(found) + (f"; and {more} more" if more > 0 else "")
