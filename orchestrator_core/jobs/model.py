"""What the queue is made of: jobs, their attempts, the history, the workers. Frozen, as the store has them.

waiting ──▶ running ──▶ done
   ▲           ├──────▶ failed, cancelled
   └── held ◀──┘        a person decides: out of memory, interrupted in a rendering, too many crashes
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator

from orchestrator_core.errors import WebhookError
from orchestrator_core.spec import PipelineSpec, StageSpec, pipeline_from
from orchestrator_core.webhooks.address import destination

State = Literal["waiting", "running", "held", "done", "failed", "cancelled"]
STATES: tuple[State, ...] = get_args(State)
ENDED: tuple[State, ...] = ("done", "failed", "cancelled")
OPEN: tuple[State, ...] = ("running", "waiting", "held")
# Why a job is held: words for programs; ``Job.error`` has those for a person.
MEMORY, INTERRUPTED, CRASHED, BY_HAND, MISSING = "memory", "interrupted", "crashed", "by hand", "missing"
MOST_CRASHES = 2  # attempts that end with their worker's process or with their host, and a job is held
# Stages whose repetition costs a graphics card's time; of these a job that lost its worker is offered, not given.
GPU_STAGES = frozenset({"dispatch", "scoreImages", "llmEnhance"})
RENDERS = "dispatch"
KINDS = ("comfyui", "forge", "embedded")  # of targets; any other is an address
SCHEMA_VERSION = 1


class NewJob(BaseModel):
    """What is asked for. ``run`` is a saved run that the first stage is given, for a prompt that is drawn already."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pipeline: PipelineSpec
    run: dict[str, Any] | None = None
    target: str = Field("", max_length=300, description="comfyui, forge, embedded or an address. Empty: whichever.")
    priority: int = Field(0, ge=-1_000_000, le=1_000_000, description="Higher is sooner.")
    title: str = Field("", max_length=500)
    tags: tuple[str, ...] = Field((), max_length=100)
    key: str | None = Field(None, min_length=1, max_length=300, description="Added again under it, nothing is added.")
    callback_url: str = Field(
        "", max_length=2000, description="Told when the job has ended. It must be among the addresses that are allowed."
    )

    @field_validator("pipeline", mode="before")
    @classmethod
    def _as_a_file_has_it(cls, given: Any) -> Any:
        return given if isinstance(given, PipelineSpec) else pipeline_from(given)

    @field_validator("target")
    @classmethod
    def _as_workers_say(cls, target: str) -> str:
        name = target.strip().rstrip("/")
        return {"comfy": "comfyui"}.get(name.lower(), name.lower() if name.lower() in KINDS else name)

    @field_validator("callback_url")
    @classmethod
    def _that_may_be(cls, url: str) -> str:
        try:
            return destination(url).url if url else ""
        except WebhookError as error:
            raise ValueError(str(error)) from None

    @property
    def request_hash(self) -> str:
        """Of what is asked for; two that differ in priority, title, callback_url or layout ask the same."""
        pipeline = self.pipeline.model_dump(mode="json", exclude={"layout"})
        asked = {"pipeline": pipeline, "run": self.run, "target": self.target}
        return hashlib.sha256(json.dumps(asked, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it stands. ``pipeline`` and ``run`` are empty in lists, where they would only take time."""

    id: str
    number: int
    state: State
    title: str
    target: str
    priority: int
    attempt: int
    run_id: str
    reason: str = ""
    error: str = ""
    detail: str = ""
    stage: str = ""
    progress: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    key: str | None = None
    checkpoint: str = ""
    needs_gpu: bool = False
    crashes: int = 0
    owner: str = ""
    is_stopping: bool = False
    start: str = ""
    callback_url: str = ""
    created_ms: int = 0
    started_ms: int = 0
    ended_ms: int = 0
    pipeline: PipelineSpec | None = None
    run: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """``repeats`` is the stage that an earlier attempt had begun and not finished: what it made is not counted."""

    number: int
    state: str
    worker: str
    run_id: str
    error: str
    repeats: str
    started_ms: int
    ended_ms: int


@dataclass(frozen=True, slots=True)
class Step:
    """A stage of an attempt: ``run`` is what it left, as JSON; None while it is under way."""

    position: int
    stage: str
    type: str
    state: str  # "started", "done", "kept" (done by an earlier attempt)
    outcome: str  # what became of the stage, in the pipeline's words
    note: str  # and why
    seconds: float
    run: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Event:
    """``job`` is "" for what concerns the whole queue."""

    number: int
    job: str
    kind: str
    text: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    id: str
    host: str
    pid: int
    serves: tuple[str, ...]
    state: str
    beats: int
    lock: str
    seen_ms: int


@dataclass(frozen=True, slots=True)
class QueueState:
    is_paused: bool
    reason: str
    counts: Mapping[str, int]


def job_of(row: Mapping[str, Any]) -> Job:
    """A row of the store, whole or brief. Raises PipelineError for the pipeline of a newer pack."""
    same = ("id", "number", "state", "title", "target", "priority", "attempt", "run_id", "reason", "error", "stage")
    more = ("key", "checkpoint", "crashes", "owner", "start", "created_ms", "started_ms", "ended_ms")
    return Job(
        **{name: row[name] for name in (*same, *more)},
        detail=row.get("detail", ""),
        callback_url=row.get("callback_url", ""),
        progress=json.loads(row["progress"]),
        tags=tuple(json.loads(row["tags"])),
        needs_gpu=bool(row["needs_gpu"]),
        is_stopping=bool(row["stop"]),
        pipeline=pipeline_from(json.loads(row["pipeline"])) if "pipeline" in row else None,
        run=json.loads(row["run"]) if row.get("run") else None,
    )


def serves_in(text: str) -> tuple[str, ...]:
    """The targets that a worker's row names; one of an older pack is a list of them."""
    told = json.loads(text)
    named = (target for lane in told["lanes"] for target in lane["serves"]) if isinstance(told, dict) else told
    return tuple(dict.fromkeys(target for target in named if target))


def renderings(pipeline: PipelineSpec) -> list[StageSpec]:
    """The stages that send to a host."""
    return [stage for stage in pipeline.ordered if stage.enabled and stage.type == RENDERS]
