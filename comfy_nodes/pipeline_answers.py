"""What ``/orchestrator/pipelines…`` answers: a pipeline as a workflow for the canvas, and what is on it as a pipeline.

As in routes_answers.py, each method takes what was asked, as JSON has it, and is called from several threads at once.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from orchestrator_core.errors import PipelineError

if TYPE_CHECKING:
    from orchestrator_core.formats.pipeline_reader import Imported
    from orchestrator_core.jobs.model import NewJob
    from orchestrator_core.jobs.place import QueuePlace
    from orchestrator_core.spec import PipelineSpec, StageSpec

MOST_JOBS = 10_000  # that are added at once
_LARGEST_SEED = 2**53  # a browser counts no further

NodeInfo = Callable[[Iterable[str]], dict[str, Any]]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Export(_Asked):
    """The name of one that is here, or a pipeline as a file has it."""

    name: str = Field("", max_length=200)
    pipeline: Any = None

    @model_validator(mode="after")
    def _is_one(self) -> _Export:
        if bool(self.name) == (self.pipeline is not None):
            raise ValueError("give either the name of a pipeline, or a pipeline")
        return self


class _Import(_Asked):
    """``workflow``: the canvas; or an API graph."""

    workflow: dict[str, Any]
    name: str = Field("", max_length=200)


class _Save(_Asked):
    name: str = Field(max_length=200)
    pipeline: Any
    replace: bool = False


class _Add(_Import):
    count: int = Field(1, ge=1, le=MOST_JOBS)
    priority: int = Field(0, ge=-1_000_000, le=1_000_000)
    target: str = Field("", max_length=300)


class PipelineAnswers:
    """``folder`` has the person's own; ``node_info`` describes node classes as ``/object_info`` does."""

    def __init__(self, folder: Callable[[], Path], node_info: NodeInfo, queue: QueuePlace | None = None) -> None:
        self._folder, self._node_info, self._queue = folder, node_info, queue

    def all(self, query: dict[str, Any]) -> dict[str, Any]:
        """Bundled ones first; one that cannot be read has a ``problem``."""
        from orchestrator_core.api.saved_pipelines import all_files

        _Asked.model_validate(query)
        return {"pipelines": [_described(name, path) for name, path in all_files(self._folder()).items()]}

    def export(self, body: dict[str, Any]) -> dict[str, Any]:
        """``told``: what the canvas does not do, a sentence each."""
        from orchestrator_core.api.saved_pipelines import read_saved
        from orchestrator_core.formats.pipeline_workflow import workflow_of
        from orchestrator_core.pipeline.registry import checked
        from orchestrator_core.spec import pipeline_from

        asked = _Export.model_validate(body)
        pipeline = read_saved(self._folder(), asked.name) if asked.name else pipeline_from(asked.pipeline)
        pipeline = checked(pipeline.model_copy(update={"name": pipeline.name or asked.name}))
        found = workflow_of(pipeline, checkpoint=self._first_checkpoint())
        return {"name": pipeline.name, "workflow": found.workflow, "told": found.told}

    def take_in(self, body: dict[str, Any]) -> dict[str, Any]:
        """``told``: what of the canvas is not in the pipeline; ``kept``: what is, and the canvas does not show."""
        from orchestrator_core.spec import pipeline_to_json

        found = self._imported(_Import.model_validate(body))
        ids = [stage.id for stage in found.pipeline.stages]
        return {"pipeline": pipeline_to_json(found.pipeline), "stages": ids, "told": found.told, "kept": found.kept}

    def save(self, body: dict[str, Any]) -> dict[str, Any]:
        """Among the person's own. ``is_there``: nothing was written, as that would have replaced one."""
        from orchestrator_core.api.saved_pipelines import all_files, checked_name, save
        from orchestrator_core.pipeline.bundled import bundled_files
        from orchestrator_core.pipeline.registry import checked
        from orchestrator_core.spec import pipeline_from

        asked = _Save.model_validate(body)
        pipeline, name = checked(pipeline_from(asked.pipeline)), checked_name(asked.name.strip())
        if name in bundled_files():
            raise PipelineError(f"{name!r} is a bundled pipeline, which stays as it is. Choose another name.")
        if name in all_files(self._folder()) and not asked.replace:
            return {"name": name, "is_there": True}
        save(self._folder(), name, pipeline)
        return {"name": name, "is_there": False}

    def add(self, body: dict[str, Any]) -> dict[str, Any]:
        """Jobs of what is on the canvas: ``count`` times each item of its batch, each with a seed of its own."""
        asked = _Add.model_validate(body)
        if self._queue is None:
            raise PipelineError("There is no queue here.")
        found = self._imported(asked)
        jobs = _jobs(found.pipeline, asked)
        added = self._queue.open().add_all(jobs)
        self._queue.ensure_worker()
        return {"count": len(added), "first": added[0].job.number, "told": found.told}

    def _imported(self, asked: _Import) -> Imported:
        from orchestrator_core.formats.comfy_links import is_workflow
        from orchestrator_core.formats.pipeline_reader import pipeline_of
        from orchestrator_core.formats.sharing_clean import node_types_in
        from orchestrator_core.pipeline.registry import checked

        kinds = node_types_in(asked.workflow) if is_workflow(asked.workflow) else ()
        found = pipeline_of(asked.workflow, self._node_info(kinds), asked.name)
        checked(found.pipeline)
        return found

    def _first_checkpoint(self) -> str:
        """What is loaded where a pipeline names none; "" where there is none at all."""
        described = self._node_info(["CheckpointLoaderSimple"]).get("CheckpointLoaderSimple") or {}
        required = described.get("input", {}).get("required", {})
        choices = (required.get("ckpt_name") or [[]])[0]
        return str(choices[0]) if isinstance(choices, list | tuple) and choices else ""


def _described(name: str, path: Path) -> dict[str, Any]:
    from orchestrator_core.api.saved_pipelines import read_file
    from orchestrator_core.pipeline.bundled import bundled_files

    said = {"name": name, "is_own": name not in bundled_files(), "description": "", "stages": (), "problem": ""}
    try:
        found = read_file(path)
    except PipelineError as error:
        return {**said, "problem": str(error)}
    return {**said, "description": found.description, "stages": [stage.id for stage in found.stages]}


def _jobs(pipeline: PipelineSpec, asked: _Add) -> list[NewJob]:
    from orchestrator_core.jobs.model import NewJob
    from orchestrator_core.pipeline.batches import count_of, counted, product_of

    total = asked.count * count_of(pipeline)
    if total > MOST_JOBS:
        told = f"That is {counted(total)} jobs ({asked.count:,} times {product_of(pipeline)})"
        raise PipelineError(f"{told}, and {MOST_JOBS:,} are the most at once. Add it less often.")
    items = list(_items(pipeline, asked.count))
    named = pipeline.name or "canvas"
    titles = [named] if len(items) == 1 else [f"{named} {number}" for number in range(1, len(items) + 1)]
    return [
        NewJob(pipeline=item, title=title, target=asked.target, priority=asked.priority)
        for item, title in zip(items, titles, strict=True)
    ]


def _items(pipeline: PipelineSpec, count: int) -> Iterator[PipelineSpec]:
    """A seed that is not said is another one each time; one that is said counts on."""
    from orchestrator_core.pipeline.batches import Items

    chance = random.SystemRandom()
    for number in range(count):
        stages = tuple(_seeded(stage, number, chance) for stage in pipeline.stages)
        yield from (item.pipeline for item in Items(pipeline.model_copy(update={"stages": stages})))


def _seeded(stage: StageSpec, number: int, chance: random.Random) -> StageSpec:
    if stage.type != "generatePrompt":
        return stage
    options: Mapping[str, Any] = stage.options
    given = options.get("seed")
    seed = given + number if isinstance(given, int) else chance.randrange(_LARGEST_SEED)
    return stage.model_copy(update={"options": {**options, "seed": seed}})
