"""What is asked of jobs, and how they are shown."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, RootModel, TypeAdapter, ValidationError, field_validator, model_validator

from orchestrator_core.api.image_models import ImageShown, LoraShown
from orchestrator_core.api.models import Asked, Query, Shown, fields_of, time_of
from orchestrator_core.errors import FormatError, PipelineError
from orchestrator_core.jobs.model import STATES, Attempt, Event, Job, State, Step
from orchestrator_core.spec import MAX_STAGES, Axis, PipelineSpec, StageSpec, pipeline_from, problems_of

MOST_JOBS = 10_000  # in one request, items of batches counted
MOST_SHOWN = 100  # of jobs that were added at once
_SOME = "|".join(STATES)
_state = TypeAdapter[State](State)
_stages = TypeAdapter(tuple[StageSpec, ...])
_axes = TypeAdapter(tuple[Axis, ...])


def _pipeline(given: Any) -> Any:
    """As a file has it, of any version; a text is a name, and looked up later."""
    if isinstance(given, str | PipelineSpec):
        return given
    try:
        found = pipeline_from(given)
        _check_types(given)
    except PipelineError as error:
        raise ValueError(str(error)) from None
    return found


def _check_types(given: Any) -> None:
    """What a person may write in a file, as "yes" for true, a program does not send. Raises PipelineError."""
    data = given if isinstance(given, dict) else {"stages": given}
    batch = data.get("batch", [])
    if not isinstance(batch, list):
        raise PipelineError("This is no pipeline: batch: it is a list of axes, or of groups of them.")
    axes = [axis for group in batch for axis in (group if isinstance(group, list) else [group])]
    try:
        _stages.validate_json(json.dumps(data["stages"]), strict=True)
        _axes.validate_json(json.dumps(axes), strict=True)
    except ValidationError as error:
        raise PipelineError(f"This is no pipeline: {problems_of(error)}") from None


Stages = Annotated[list[StageSpec], Field(max_length=MAX_STAGES)]
Named = Annotated[str, Field(min_length=1, max_length=100)]
PipelineGiven = Annotated[
    PipelineSpec | Stages | Named,
    BeforeValidator(_pipeline),
    Field(description="As a pipeline file has it, a list of stages, or the name of a saved one."),
]


class JobAsked(Asked):
    """A job; of a pipeline with a batch, one for each of its items."""

    pipeline: PipelineGiven
    run: dict[str, Any] | None = Field(
        None, description="A saved run without images, as prompts:draw gives it, for a prompt that is drawn already."
    )
    target: str = Field("", max_length=300, description="comfyui, forge, embedded or an address. Empty: whichever.")
    priority: int = Field(0, ge=-1_000_000, le=1_000_000, description="Higher is sooner.")
    title: str = Field("", max_length=500)
    tags: list[Annotated[str, Field(max_length=200)]] = Field([], max_length=100)
    key: str | None = Field(None, min_length=1, max_length=200, description="As Idempotency-Key, for this job.")
    callback_url: str = Field(
        "", max_length=2000, description="Told of the job's end; it must be allowed by: orchestrator webhooks allow."
    )

    @field_validator("run")
    @classmethod
    def _can_be_read(cls, run: dict[str, Any] | None) -> dict[str, Any] | None:
        from orchestrator_core.formats.run_json import run_from_json

        if run is not None:
            try:
                images = run_from_json(run).images
            except FormatError as error:
                raise ValueError(str(error)) from None
            if images:  # they would name any file of this machine, which could then be looked at
                raise ValueError("a run that is given here has no images yet; leave them out")
        return run


class JobsAsked(Asked):
    """One job, or a list of them under ``jobs``: all are added or, on an error, none."""

    jobs: Annotated[list[JobAsked], Field(min_length=1, max_length=MOST_JOBS)]

    @model_validator(mode="before")
    @classmethod
    def _one_is_a_list_of_one(cls, given: Any) -> Any:
        if isinstance(given, dict) and "jobs" not in given and given:
            return {"jobs": [given]}
        return given


class JobShown(Shown):
    """``number`` is what people call it by; ``id`` is the same on all machines for ever. Both may be asked for."""

    id: str
    number: int
    state: State
    title: str
    target: str
    priority: int
    attempt: int = Field(description="0: none has begun.")
    run_id: str
    reason: str = Field(description="Of a held job: memory, interrupted, crashed, by hand.")
    error: str
    stage: str = Field(description="The one that is under way.")
    progress: dict[str, Any]
    tags: tuple[str, ...]
    key: str | None
    callback_url: str
    checkpoint: str
    needs_gpu: bool
    crashes: int
    is_stopping: bool
    created: str | None = Field(description="These three as RFC 3339, in UTC.")
    started: str | None
    ended: str | None


class AttemptShown(Shown):
    """``repeats``: the stage that an earlier attempt had begun and not finished."""

    number: int
    state: str
    worker: str
    run_id: str
    error: str
    repeats: str
    started: str | None
    ended: str | None


class StepShown(Shown):
    position: int
    stage: str
    type: str
    state: str = Field(description="started, done, or kept: done by an earlier attempt.")
    outcome: str
    note: str
    seconds: float
    positive: str | None = Field(None, description="The prompt as the stage left it; null while it is under way.")
    negative: str | None = None
    loras: tuple[LoraShown, ...] = ()
    image_count: int = Field(0, description="How many images there are after it.")


class JobWhole(JobShown):
    """With its pipeline, what became of it, and the images of its run."""

    detail: str
    pipeline: dict[str, Any]
    attempts: list[AttemptShown]
    steps: list[StepShown]
    images: list[ImageShown]


class JobsAdded(Shown):
    count: int = Field(description="How many were asked for, items of batches counted.")
    new: int = Field(description="How many of them were not there already under their keys.")
    jobs: list[JobShown] = Field(description=f"The first {MOST_SHOWN} of them.")


class JobList(Shown):
    """``next``: the offset of what comes after; null at the end."""

    jobs: list[JobShown]
    counts: dict[str, int] = Field(description="Of the whole queue, by state.")
    next: int | None


class JobsWanted(Query):
    state: str = Field(
        "",
        max_length=100,
        pattern=f"^(({_SOME})(,({_SOME}))*)?$",
        description=f"Some of {', '.join(STATES)}, between commas. Empty: all.",
    )
    text: str = Field("", max_length=500, description="In titles, tags, targets or checkpoints.")
    limit: int = Field(50, ge=1, le=500)
    offset: int = Field(0, ge=0, le=10**9)

    @property
    def states(self) -> tuple[State, ...]:
        return tuple(_state.validate_python(name) for name in self.state.split(",") if name) or STATES


class RerunAsked(Asked):
    stage: str = Field(min_length=1, max_length=100, description="The id of the stage to begin with.")
    options: dict[str, Any] = Field(default_factory=dict, description="Those of that stage that are to be others.")
    others: dict[str, dict[str, Any]] = Field(
        default_factory=dict, max_length=MAX_STAGES, description="The same of stages that go on from it, by their ids."
    )
    pipeline: PipelineGiven | None = Field(
        None,
        description="In place of the job's own, without a batch. Stages that are new or not as they were are done "
        "again too, the others keep what they left; a prompt's seed that is not named stays.",
    )


class PriorityAsked(Asked):
    priority: int = Field(ge=-1_000_000, le=1_000_000, description="Higher is sooner.")


class MoveTo(Asked):
    to: Literal["top", "end"]


class MoveBefore(Asked):
    before: Annotated[str, Field(min_length=1, max_length=100)] | Annotated[int, Field(ge=0, le=10**15)] = Field(
        description="The number or id of the job that is to come after it."
    )


class MoveAsked(RootModel[MoveTo | MoveBefore]):
    """To the top, to the end, or just before another."""


class EventShown(Shown):
    """Something that happened; ``job`` is "" for what concerns the whole queue."""

    number: int
    job: str
    kind: str
    text: str
    at: str | None


def job_fields(job: Job) -> dict[str, Any]:
    times = {name: time_of(getattr(job, f"{name}_ms")) for name in ("created", "started", "ended")}
    kept = fields_of(job, "pipeline", "run", "owner", "start", "detail", "created_ms", "started_ms", "ended_ms")
    return {**kept, "progress": dict(job.progress), **times}


def job_shown(job: Job) -> JobShown:
    return JobShown.model_validate(job_fields(job))


def attempt_shown(attempt: Attempt) -> AttemptShown:
    times = {"started": time_of(attempt.started_ms), "ended": time_of(attempt.ended_ms)}
    return AttemptShown.model_validate({**fields_of(attempt, "started_ms", "ended_ms"), **times})


def step_shown(step: Step) -> StepShown:
    """What a stage left is told without its run, which is long; one that cannot be read is told as none."""
    from orchestrator_core.formats.run_json import run_from_json

    shown = fields_of(step, "run")
    with suppress(FormatError):
        if step.run is not None:
            run = run_from_json(step.run)
            loras = [LoraShown.model_validate(fields_of(lora)) for lora in run.draft.loras]
            shown |= {"positive": run.draft.positive, "negative": run.draft.negative_prompt}
            shown |= {"loras": loras, "image_count": len(run.images)}
    return StepShown.model_validate(shown)


def event_shown(event: Event) -> EventShown:
    return EventShown.model_validate({**fields_of(event, "at_ms"), "at": time_of(event.at_ms)})
