"""``pipelines``: the bundled ones and the person's own, whether one can run, and what it would do."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from orchestrator_core.api.job_models import PipelineGiven
from orchestrator_core.api.models import Asked, Shown, plain
from orchestrator_core.api.refusing import Refusal
from orchestrator_core.api.routing import Call, Created
from orchestrator_core.api.saved_pipelines import all_files, checked_name, own_files, read_file, read_saved, save
from orchestrator_core.errors import PipelineError
from orchestrator_core.pipeline.batches import Items, count_of
from orchestrator_core.pipeline.bundled import bundled_files
from orchestrator_core.spec import PipelineSpec, StageSpec, pipeline_to_json

if TYPE_CHECKING:
    from orchestrator_core.api.place import ApiPlace
    from orchestrator_core.pipeline.planning import ItemPlan, StagePlan

From = Literal["bundled", "own"]
MOST_PLANNED = 20


class PipelineListed(Shown):
    """``problem``: why the file cannot be used."""

    name: str
    origin: From
    description: str
    stages: list[str] = Field(description="The types of its stages, as they are written.")
    items: int = Field(description="How many jobs it makes: those of its batch.")
    problem: str


class PipelineList(Shown):
    pipelines: list[PipelineListed]


class PipelineShown(Shown):
    name: str
    origin: From
    pipeline: dict[str, Any] = Field(description="As a file has it.")


class PipelineAsked(Asked):
    pipeline: PipelineGiven


class Checked(Shown):
    """``pipeline``: as it is understood."""

    ok: bool
    message: str
    items: int
    pipeline: dict[str, Any] | None


class PlanAsked(Asked):
    pipeline: PipelineGiven
    items: int = Field(MOST_PLANNED, ge=1, le=MOST_PLANNED, description="Of a batch, how many of the first.")


class StagePlanned(Shown):
    """``state``: as when it runs, or asks, renders, scores where that takes a model or a host."""

    id: str
    type: str
    state: str
    detail: str
    positive: str
    negative: str
    seed: int
    loras: list[str]
    request: dict[str, Any] | None


class ItemPlanned(Shown):
    number: int
    values: dict[str, Any] = Field(description="What the batch sets in this item.")
    stages: list[StagePlanned]


class Plan(Shown):
    count: int = Field(description="How many items there are; the first are planned.")
    items: list[ItemPlanned]


def pipeline_given(place: ApiPlace, given: PipelineSpec | Sequence[StageSpec] | str) -> PipelineSpec:
    """Raises PipelineError for a name that is not there."""
    if isinstance(given, str):
        return read_saved(place.pipelines(), given)
    return given if isinstance(given, PipelineSpec) else PipelineSpec(stages=tuple(given))


def listed(call: Call) -> PipelineList:
    return PipelineList(pipelines=[_listed(name, path) for name, path in all_files(call.place.pipelines()).items()])


def _listed(name: str, path: Any) -> PipelineListed:
    kind = _origin(name)
    try:
        found = read_file(path)
    except PipelineError as error:
        return PipelineListed(name=name, origin=kind, description="", stages=[], items=0, problem=str(error))
    types = [stage.type for stage in found.stages]
    told = found.description
    return PipelineListed(name=name, origin=kind, description=told, stages=types, items=count_of(found), problem="")


def one(call: Call) -> PipelineShown:
    name = call.names["pipeline"]
    if name not in all_files(call.place.pipelines()):
        raise _missing(call, name)
    found = read_saved(call.place.pipelines(), name)
    return PipelineShown(name=name, origin=_origin(name), pipeline=pipeline_to_json(found))


def put(call: Call) -> PipelineShown | Created:
    """201 for a new one. The pipeline may be one that cannot run yet; ``pipelines:check`` says so."""
    name = checked_name(call.names["pipeline"])
    if name in bundled_files():
        raise Refusal(409, "bundled", f"{name!r} is a bundled pipeline, which stays as it is. Choose another name.")
    pipeline = pipeline_given(call.place, call.body.pipeline)
    is_new = save(call.place.pipelines(), name, pipeline)
    call.place.changed("pipelines")
    shown = PipelineShown(name=name, origin="own", pipeline=pipeline_to_json(pipeline))
    return Created(shown, f"/pipelines/{name.replace(' ', '%20')}") if is_new else shown


def delete(call: Call) -> PipelineList:
    """Answers with what is left."""
    name = call.names["pipeline"]
    if name in bundled_files():
        raise Refusal(409, "bundled", f"{name!r} is a bundled pipeline, and cannot be taken away.")
    files = own_files(call.place.pipelines())
    if name not in files:
        raise _missing(call, name)
    files[name].unlink(missing_ok=True)
    call.place.changed("pipelines")
    return listed(call)


def check(call: Call) -> Checked:
    """Whether it can run, of a batch each value."""
    try:
        pipeline = pipeline_given(call.place, call.body.pipeline)
        count = len(Items(pipeline))
        return Checked(ok=True, message="", items=count, pipeline=pipeline_to_json(pipeline))
    except PipelineError as error:
        return Checked(ok=False, message=str(error), items=0, pipeline=None)


def plan(call: Call) -> Plan:
    """The prompts, seeds, LoRAs and requests; no model is asked, nothing is rendered or kept."""
    from orchestrator_core.pipeline.planning import plan_of

    items = Items(pipeline_given(call.place, call.body.pipeline))
    context = call.place.context()
    planned = [_item(plan_of(item, context)) for item in islice(items, call.body.items)]
    return Plan(count=len(items), items=planned)


def _item(plan: ItemPlan) -> ItemPlanned:
    return ItemPlanned(number=plan.number, values=dict(plan.values), stages=[_stage(stage) for stage in plan.stages])


def _stage(plan: StagePlan) -> StagePlanned:
    return StagePlanned(
        id=plan.id,
        type=plan.type,
        state=plan.state,
        detail=plan.detail,
        positive=plan.draft.positive,
        negative=plan.draft.negative_prompt,
        seed=plan.draft.seed,
        loras=[lora.name for lora in plan.draft.loras],
        request=plain(plan.request) if plan.request is not None else None,
    )


def _origin(name: str) -> From:
    return "bundled" if name in bundled_files() else "own"


def _missing(call: Call, name: str) -> Refusal:
    names = ", ".join(list(all_files(call.place.pipelines()))[:20])
    return Refusal(404, "no_such_pipeline", f"There is no pipeline {name[:100]!r}. There are: {names}.")
