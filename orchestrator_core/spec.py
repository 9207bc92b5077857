"""A pipeline as data: what a person writes, saves and shares. It is checked here and run by ``pipeline``.

``[{"id": "draw", "type": "generatePrompt"}, {"id": "render", "type": "dispatch"}]``, or the same list under
``stages`` beside a ``schema_version``. docs/pipelines.md says what each field does.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator

from orchestrator_core.conditions import parse_condition
from orchestrator_core.errors import PipelineError

SCHEMA_VERSION = 2
MAX_STAGES = 200
# The types of stages, and what else each may be called: older words for the same, after the folding of ``_folded``.
TYPES = ("generatePrompt", "followStory", "llmEnhance", "selectLoras", "dispatch", "scoreImages")
_ALIASES = {
    "promptgenerator": "generatePrompt",
    "wildcardgen": "generatePrompt",
    "enhanceprompt": "llmEnhance",
    "loraselector": "selectLoras",
    "matchlora": "selectLoras",
    "matchloras": "selectLoras",
    "forgedispatcher": "dispatch",
    "submittoforge": "dispatch",
    "clipscorer": "scoreImages",
}
# What a batch usually varies, by the type of the stage and its option.
USUAL = {
    "seeds": ("generatePrompt", "seed"),
    "templates": ("generatePrompt", "template"),
    "profiles": ("generatePrompt", "profiles"),
    "loras": ("selectLoras", "include"),
}

OnError = Literal["fail", "skip", "fallback", "retry"]
Place = Annotated[float, Field(ge=-1_000_000, le=1_000_000, allow_inf_nan=False)]
AfterTries = Literal["fail", "skip", "fallback"]


class StageSpec(BaseModel):
    """One stage: ``type`` says which, ``options`` are checked by the stage itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(min_length=1, max_length=100, description="A name of its own within the pipeline.")
    type: str = Field(max_length=100, description="What it does.")
    options: dict[str, Any] = Field(default_factory=dict, description="How it does it; what is left out is as usual.")
    enabled: bool = Field(True, description="Switched off, it leaves everything as it is.")
    when: str = Field("", description="Do it only when this is so, as: images and score < 0.8. Empty: always.")
    needs: tuple[str, ...] | None = Field(
        None, description="The ids of the stages that it goes on from. Left out: the one before it in the list."
    )
    on_error: OnError = Field("fail", description="Stop; go on without it; try other options; or try again.")
    tries: int = Field(3, ge=1, le=20, description="How often on_error: retry tries, the first time included.")
    wait_s: float = Field(1.0, ge=0, le=3600, description="Seconds before the second try; twice as long before each.")
    then: AfterTries = Field("fail", description="What on_error: retry does when the last try has failed.")
    fallback: dict[str, Any] = Field(
        default_factory=dict, description="The options that on_error: fallback sets when the stage has failed."
    )

    @field_validator("type")
    @classmethod
    def _by_its_name(cls, given: str) -> str:
        return type_named(given)

    @field_validator("when")
    @classmethod
    def _can_be_read(cls, text: str) -> str:
        if text.strip():
            try:
                parse_condition(text)
            except PipelineError as error:
                raise ValueError(str(error)) from None
        return text.strip()

    @model_validator(mode="after")
    def _has_a_fallback(self) -> StageSpec:
        if "fallback" in (self.on_error, self.then if self.on_error == "retry" else "") and not self.fallback:
            raise ValueError("to fall back, 'fallback' must say which options the stage is then tried with")
        return self


class Axis(BaseModel):
    """An option that is another in each item of a batch: ``values``, or ``count`` whole numbers from ``first`` on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    vary: str = Field(description="STAGE.OPTION, as draw.seed; or one of: seeds, templates, profiles, loras.")
    values: tuple[Any, ...] | None = Field(None, description="The values, in their order.")
    first: int = Field(0, description="The first of whole numbers that follow one another.")
    count: int = Field(0, ge=0, description="How many whole numbers.")

    @model_validator(mode="after")
    def _has_values(self) -> Axis:
        if (self.values is None) == (self.count == 0):
            raise ValueError("either 'values' or a 'count' of whole numbers is needed")
        return self

    @property
    def size(self) -> int:
        return self.count if self.values is None else len(self.values)

    def value(self, number: int) -> Any:
        """The number-th, from 0."""
        return self.first + number if self.values is None else self.values[number]


class PipelineSpec(BaseModel):
    """Stages in the order in which they are written; ``ordered`` is that in which they run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: int = SCHEMA_VERSION
    name: str = Field("", max_length=200, description="What it is called.")
    description: str = Field("", max_length=2000, description="What it is for.")
    stages: tuple[StageSpec, ...] = Field(max_length=MAX_STAGES)
    batch: tuple[tuple[Axis, ...], ...] = Field(
        (), description="Groups of axes: those of one group go on together, and the groups are multiplied."
    )
    layout: dict[str, tuple[Place, Place]] = Field(
        default_factory=dict,
        max_length=MAX_STAGES,
        description="Where a page draws each stage, by its id: [x, y]. It changes nothing of what is done.",
    )

    @field_validator("stages")
    @classmethod
    def _can_follow_one_another(cls, stages: tuple[StageSpec, ...]) -> tuple[StageSpec, ...]:
        ids = [stage.id for stage in stages]
        if twice := sorted({stage_id for stage_id in ids if ids.count(stage_id) > 1}):
            raise ValueError(f"each stage needs an id of its own; used twice: {', '.join(twice)}")
        for stage in stages:
            for need in stage.needs or ():
                if need not in ids:
                    raise ValueError(f"stage {stage.id!r} needs {need!r}, and there is no such stage{near(need, ids)}")
        _ordered(stages)
        return stages

    @field_validator("batch", mode="before")
    @classmethod
    def _groups(cls, given: Any) -> Any:
        return [[group] if isinstance(group, Mapping | Axis) else group for group in given or ()]

    @field_validator("batch")
    @classmethod
    def _are_of_one_length(cls, groups: tuple[tuple[Axis, ...], ...], info: ValidationInfo) -> Any:
        for group in groups:
            if len({axis.size for axis in group}) > 1:
                told = ", ".join(f"{axis.vary} has {axis.size:,}" for axis in group)
                raise ValueError(f"what goes on together must be equally many: {told}")
            for axis in group:
                place_of(axis, info.data.get("stages", ()))
        return tuple(group for group in groups if group)

    @property
    def needs(self) -> dict[str, tuple[str, ...]]:
        """What each stage goes on from, by its id; of the first of a list that says nothing: nothing."""
        return _needs(self.stages)

    @property
    def ordered(self) -> tuple[StageSpec, ...]:
        """As written, but for stages that wait for a later one."""
        return _ordered(self.stages)


def type_named(given: str) -> str:
    """The type that is meant by ``select_loras`` or ``selectLORAs``; another word as it is."""
    folded = re.sub(r"[\s_-]", "", given).casefold()
    return next((name for name in TYPES if name.casefold() == folded), _ALIASES.get(folded, given))


def near(name: str, names: Iterable[str]) -> str:
    """The end of a sentence about a name that is not there: the nearest one, or all."""
    known = list(names)
    by_case = {one.casefold(): one for one in known}
    close = difflib.get_close_matches(name.casefold(), list(by_case), 1, 0.5)
    return f". Did you mean {by_case[close[0]]!r}?" if close else f". There are: {', '.join(known[:20])}."


def place_of(axis: Axis, stages: Sequence[StageSpec]) -> tuple[str, str]:
    """The stage's id and the option that an axis varies. Raises ValueError where no stage is meant."""
    if axis.vary in USUAL:
        kind, option = USUAL[axis.vary]
        for stage in stages:
            if stage.type == kind:
                return stage.id, option
        raise ValueError(f"to vary {axis.vary}, a stage {kind} is needed")
    stage_id, _, option = axis.vary.rpartition(".")
    if stage_id not in (stage.id for stage in stages) or not option:
        raise ValueError(f"{axis.vary!r} names no option of a stage{near(stage_id, [s.id for s in stages])}")
    return stage_id, option


def _needs(stages: Sequence[StageSpec]) -> dict[str, tuple[str, ...]]:
    before: tuple[str, ...] = ()
    found = {}
    for stage in stages:
        found[stage.id] = before if stage.needs is None else stage.needs
        before = (stage.id,)
    return found


def _ordered(stages: Sequence[StageSpec]) -> tuple[StageSpec, ...]:
    """Raises ValueError for stages that wait for one another, with the way round."""
    needs, done = _needs(stages), dict[str, StageSpec]()
    waiting = {stage.id: stage for stage in stages}
    while waiting:
        ready = next((stage for stage in waiting.values() if all(need in done for need in needs[stage.id])), None)
        if ready is None:
            raise ValueError(f"these stages wait for one another: {' → '.join(_way_round(waiting, needs))}")
        done[ready.id] = waiting.pop(ready.id)
    return tuple(done.values())


def _way_round(waiting: Iterable[str], needs: Mapping[str, Sequence[str]]) -> list[str]:
    """Each needs the next, and the last is the first again."""
    stuck = set(waiting)
    way = [next(iter(waiting))]
    while way[-1] not in way[:-1]:
        way.append(next(need for need in needs[way[-1]] if need in stuck))
    return way[way.index(way[-1]) :]


def _from_1(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Version 2 added ``when``, ``needs``, ``on_error``, ``batch`` and ``layout``; what there was has stayed."""
    return {**data, "schema_version": 2}


UPGRADES: Mapping[int, Callable[[Mapping[str, Any]], Mapping[str, Any]]] = {1: _from_1}


def pipeline_from(data: Any) -> PipelineSpec:
    """A pipeline from parsed JSON or YAML, of any version. Raises PipelineError, which names the place."""
    if isinstance(data, list):
        data = {"stages": data}
    if isinstance(data, Mapping):
        data = _upgraded({name: value for name, value in data.items() if name != "$schema"})
    try:
        return PipelineSpec.model_validate(data)
    except ValidationError as error:
        raise PipelineError(f"This is no pipeline: {problems_of(error)}") from None


def pipeline_to_json(pipeline: PipelineSpec) -> dict[str, Any]:
    """As a file holds it: what is as usual is left out. Raises PipelineError for options that JSON cannot hold."""
    try:
        data = pipeline.model_dump(mode="json", exclude_defaults=True)
    except ValueError as error:  # pydantic's PydanticSerializationError
        raise PipelineError(f"This pipeline cannot be saved: {error}.") from None
    return {"schema_version": pipeline.schema_version, **data}


def _upgraded(data: Mapping[str, Any]) -> Mapping[str, Any]:
    version = data.get("schema_version", SCHEMA_VERSION)
    if type(version) is not int or version < 1:
        raise PipelineError(f"This is no pipeline: its schema_version is {version!r}, and not a number from 1 on.")
    if version > SCHEMA_VERSION:
        raise PipelineError(
            f"This pipeline is of version {version}, and this Orchestrator knows versions up to {SCHEMA_VERSION}. "
            "Update Orchestrator."
        )
    while version < SCHEMA_VERSION:
        data = UPGRADES[version](data)
        version += 1
    return data


def problems_of(error: ValidationError) -> str:
    """What pydantic found, for a person: ``stages.0.type: Field required (…)``."""
    found = []
    for problem in error.errors(include_url=False)[:5]:
        where = ".".join(str(part) for part in problem["loc"]) or "the whole"
        found.append(f"{where}: {problem['msg'].removeprefix('Value error, ')}")
    more = error.error_count() - len(found)
    return "; ".join(found) + (f"; and {more} more" if more > 0 else "")
