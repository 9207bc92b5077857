"""Batches: zip inside, product outside. Each item is a pipeline of its own; their count is known before any runs.

``"batch": [[{"vary": "seeds", "first": 1, "count": 3}], [{"vary": "profiles", "values": ["mira", "tom"]}]]`` is six:
the last group changes fastest. Items are made when they are asked for, so that counting costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import log10, prod
from typing import Any

from orchestrator_core.context import StageContext
from orchestrator_core.errors import Cancelled, GeneratorError, Interrupted, OrchestratorError, PipelineError
from orchestrator_core.pipeline.caching import StageCache
from orchestrator_core.pipeline.registry import checked, options_of
from orchestrator_core.pipeline.running import LEFT, OFF, PipelineResult, StageEvent, Watch, new_run, run_pipeline
from orchestrator_core.run import Run
from orchestrator_core.spec import Axis, PipelineSpec, place_of

MAX_ITEMS = 100_000
_WRITTEN_OUT = 10**30  # larger counts are told by their size: of one of thousands of digits, Python writes none
STOPPED = "stopped by hand"


@dataclass(frozen=True, slots=True)
class Item:
    """One of a batch: ``values`` by what was varied, as ``{"draw.seed": 2}``; its pipeline has no batch."""

    number: int  # from 1
    values: Mapping[str, Any]
    pipeline: PipelineSpec


@dataclass(frozen=True, slots=True)
class ItemResult:
    """``result``: what it left; where there is an ``error``, what was done before it."""

    item: Item
    result: PipelineResult
    error: str = ""


def count_of(pipeline: PipelineSpec) -> int:
    """How many items it has; 1 where it has no batch."""
    return prod(group[0].size for group in pipeline.batch)


def counted(count: int) -> str:
    """For a person, however large it is: ``1,000,000``."""
    return f"{count:,}" if count <= _WRITTEN_OUT else f"about 10^{log10(count):.0f}"


def product_of(pipeline: PipelineSpec) -> str:
    """The count and how it comes about: ``6 = 3 × 2 (draw.seed × draw.profiles)``."""
    sizes = " × ".join(counted(group[0].size) for group in pipeline.batch)
    names = " × ".join(" + ".join(axis.vary for axis in group) for group in pipeline.batch)
    total = counted(count_of(pipeline))
    if not pipeline.batch:
        return total
    return f"{total} = {sizes} ({names})" if len(pipeline.batch) > 1 else f"{total} ({names})"


class Items(Sequence[Item]):
    """All items of a pipeline, each made when it is asked for.

    Raises PipelineError for more than ``MAX_ITEMS``, for none, and for a pipeline that cannot run.
    """

    def __init__(self, pipeline: PipelineSpec) -> None:
        self._count = count_of(pipeline)
        if self._count > MAX_ITEMS:
            raise PipelineError(
                f"This batch has {product_of(pipeline)} items, and {MAX_ITEMS:,} are the most at once. Vary less."
            )
        if not self._count:
            empty = next(axis.vary for group in pipeline.batch for axis in group if not axis.size)
            raise PipelineError(f"This batch has no items: {empty} has no values.")
        self._pipeline = pipeline.model_copy(update={"batch": ()})
        self._groups = [[(axis, place_of(axis, pipeline.stages)) for axis in group] for group in pipeline.batch]
        checked(self._pipeline)
        for axes in self._groups:
            _check(self._pipeline, axes)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number: Any) -> Any:
        if isinstance(number, slice):
            return [self[one] for one in range(*number.indices(self._count))]
        if not -self._count <= number < self._count:
            raise IndexError(number)
        return self._item(number % self._count)

    def _item(self, number: int) -> Item:
        rest, values = number, dict[tuple[str, str], Any]()
        for group in reversed(self._groups):
            rest, place = divmod(rest, group[0][0].size)
            values.update({where: axis.value(place) for axis, where in group})
        named = {f"{stage_id}.{option}": value for (stage_id, option), value in reversed(values.items())}
        return Item(number + 1, named, _with(self._pipeline, values))


def _check(pipeline: PipelineSpec, axes: Sequence[tuple[Axis, tuple[str, str]]]) -> None:
    """Each value by itself, so that no batch stops in its middle; of many numbers the ends."""
    for axis, where in axes:
        stage = next(stage for stage in pipeline.stages if stage.id == where[0])
        numbers = range(axis.size) if axis.values is not None else (0, axis.size - 1)
        for number in numbers:
            try:
                options_of(stage.model_copy(update={"options": {**stage.options, where[1]: axis.value(number)}}))
            except PipelineError as error:
                raise PipelineError(f"Value {number + 1} of {axis.vary}: {error}") from None


def _with(pipeline: PipelineSpec, values: Mapping[tuple[str, str], Any]) -> PipelineSpec:
    stages = []
    for stage in pipeline.stages:
        own = {option: value for (stage_id, option), value in values.items() if stage_id == stage.id}
        stages.append(stage.model_copy(update={"options": {**stage.options, **own}}) if own else stage)
    return pipeline.model_copy(update={"stages": tuple(stages)})


def run_batch(
    items: Sequence[Item],
    context: StageContext | Callable[[Item], StageContext],
    watch: Watch | None = None,
    cache: StageCache | None = None,
) -> Iterator[ItemResult]:
    """Runs one after another, and gives each when it is done. One that fails costs no other.

    ``context`` may be made anew for each item, as where an item learns from those before it.

    Where somebody stops it, what the item under way left is given too, and then Interrupted, Cancelled or
    KeyboardInterrupt is raised.
    """
    for number, item in enumerate(items, 1):
        place = context if isinstance(context, StageContext) else context(item)
        given = replace(place, is_last=number == len(items))
        left = _Left(watch, number, len(items))
        try:
            result = run_pipeline(item.pipeline, given, left.first, watch=left, cache=cache)
        except (Interrupted, Cancelled, KeyboardInterrupt) as stop:
            yield ItemResult(item, left.result(stop), str(stop) or STOPPED)
            raise
        except (OrchestratorError, OSError) as error:  # a full disk too, which says which file it has no room for
            yield ItemResult(item, left.result(error), str(error))
            continue
        yield ItemResult(item, result)


class _Left:
    """What the stages of an item left so far; hands on what it is told."""

    def __init__(self, watch: Watch | None, number: int, count: int) -> None:
        self.watch, self.number, self.count = watch, number, count
        self.first = self.last = new_run()
        self.snapshots: dict[str, Run] = {}
        self.states: dict[str, str] = {}

    def __call__(self, event: StageEvent) -> None:
        if event.state in LEFT:
            self.states[event.stage.id] = event.state
            if event.state != OFF:
                self.snapshots[event.stage.id] = self.last = event.run
        if self.watch is not None:
            self.watch(replace(event, item=self.number, items=self.count))

    def result(self, error: BaseException) -> PipelineResult:
        """With the images that were finished when it failed."""
        finished = error.images if isinstance(error, GeneratorError) else ()
        run = self.last.replacing(images=self.last.images + finished)
        return PipelineResult(run, self.snapshots, self.states, self.first)
