"""Runs a pipeline: a loop over its stages. The run is kept after each one, so that any can be done again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from orchestrator_core.conditions import parse_condition
from orchestrator_core.context import StageContext
from orchestrator_core.errors import PipelineError
from orchestrator_core.pipeline.caching import StageCache, found_in, is_settled, key_of
from orchestrator_core.pipeline.facts import facts_of
from orchestrator_core.pipeline.failing import Ways, done
from orchestrator_core.pipeline.registry import STAGES, checked, fallback_of, options_of
from orchestrator_core.prompt import PromptDraft
from orchestrator_core.request import Progress
from orchestrator_core.run import Run, new_run_id
from orchestrator_core.spec import PipelineSpec, StageSpec

OFF, SKIPPED, DONE, CACHED, FAILED = "off", "skipped", "done", "cached", "failed"  # what becomes of a stage
LEFT = (OFF, SKIPPED, DONE, CACHED, FAILED)


@dataclass(frozen=True, slots=True)
class PipelineResult:
    """The last run; by stage id the run as it was after each stage, and what became of it.

    A state is "done", "cached", "failed" (and gone on without), "skipped" (by its ``when``) or "off". ``first`` is the
    run that it all began with.
    """

    run: Run
    snapshots: Mapping[str, Run]
    states: Mapping[str, str] = field(default_factory=dict)
    first: Run | None = None


@dataclass(frozen=True, slots=True)
class StageEvent:
    """``state``: "begun", "working" (with ``progress``), "retrying", "fell back", or what became of the stage."""

    stage: StageSpec
    number: int  # from 1
    stages: int
    state: str
    run: Run
    detail: str = ""
    progress: Progress | None = None
    item: int = 1  # of a batch
    items: int = 1


Watch = Callable[[StageEvent], None]


@dataclass(frozen=True, slots=True)
class Left:
    """What a stage left: the run, what became of the stage, and why."""

    run: Run
    state: str
    detail: str = ""


def new_run() -> Run:
    return Run(new_run_id(), PromptDraft(()))


def run_pipeline(
    pipeline: PipelineSpec,
    context: StageContext,
    run: Run | None = None,
    *,
    start: str | Collection[str] | None = None,
    before: Mapping[str, Run] | PipelineResult | None = None,
    watch: Watch | None = None,
    cache: StageCache | None = None,
) -> PipelineResult:
    """Runs the enabled stages in order, or again those from ``start`` on with ``before``, what an earlier run left.

    All options are checked before the first stage runs. ``watch`` is told of each step, and has the run after each
    stage even where a later one fails. Raises PipelineError for a pipeline that cannot run, and what a stage raises.
    """
    checked(pipeline)
    first = run or new_run()
    left_before = before if isinstance(before, PipelineResult) else PipelineResult(first, before or {})
    todo, snapshots = _todo(pipeline, start, left_before.snapshots)
    states = {stage_id: left_before.states.get(stage_id, DONE) for stage_id in snapshots}
    ordered, needs = pipeline.ordered, pipeline.needs
    for number, spec in enumerate(ordered, 1):
        if spec.id not in todo:
            continue
        given = merged([_after(need, needs, snapshots, first) for need in needs[spec.id]]) or first
        tell = _telling(watch, spec, number, len(ordered))
        left = run_stage(spec, given, context, states=states, cache=cache, tell=tell)
        states[spec.id] = left.state
        if left.state != OFF:
            snapshots[spec.id] = left.run
    return PipelineResult(_last(pipeline, snapshots, first), snapshots, states, first)


Tell = Callable[[str, str, Run, Progress | None], None]  # a state of StageEvent, why, the run, and how far it is


def run_stage(
    spec: StageSpec,
    run: Run,
    context: StageContext,
    *,
    states: Mapping[str, str] | None = None,
    cache: StageCache | None = None,
    tell: Tell | None = None,
) -> Left:
    """One stage of a pipeline: whether it is to be done, from the cache or by itself, and what if it fails.

    ``states``: what became of the stages before it. Raises what the stage raises where its ``on_error`` says so, and
    Interrupted where the context was cancelled.
    """
    say = tell or _quietly
    if (why := why_not(spec, run, context, states or {})) is not None:
        left = Left(run, *why)
    else:
        context.cancellation.check(f"stage {spec.id!r}")
        say("begun", "", run, None)
        left = _done(spec, run, context, cache, say)
    say(left.state, left.detail, left.run, None)
    return left


def why_not(spec: StageSpec, run: Run, context: StageContext, states: Mapping[str, str]) -> tuple[str, str] | None:
    """ "off" or "skipped", and why; None where the stage is to be done."""
    if not spec.enabled:
        return OFF, "switched off"
    if spec.when and not parse_condition(spec.when).holds(facts_of(run, context, states)):
        return SKIPPED, f"not so: {spec.when}"
    return None


def _done(spec: StageSpec, run: Run, context: StageContext, cache: StageCache | None, say: Tell) -> Left:
    options = options_of(spec)
    key = key_of(spec, options, run, context) if cache is not None else None
    if (known := found_in(cache, key, run)) is not None:
        return Left(known, CACHED, "as it was done before")

    def report(progress: Progress) -> None:
        context.progress(progress)
        say("working", "", run, progress)

    def told(state: str, detail: str) -> None:
        say(state, detail, run, None)

    function, given = STAGES[spec.type].run, replace(context, progress=report)
    ways = Ways(options, fallback_of(spec))

    def pause(seconds: float) -> None:
        context.cancellation.wait(seconds, f"another try of stage {spec.id!r}")

    left = Left(*done(spec, run, lambda how: function(run, given, how), ways, told, pause))
    if cache is not None and key is not None and (left.state, left.detail) == (DONE, "") and is_settled(left.run):
        cache.put(key, left.run)
    return left


def merged(runs: Iterable[Run]) -> Run | None:
    """Several runs as one: the first one's draft, and the images and scores of all. None of none."""
    merging: Run | None = None
    for run in runs:
        if merging is None or merging is run:
            merging = run
            continue
        images = (*merging.images, *(image for image in run.images if image not in merging.images))
        scores = (*merging.scores, *(score for score in run.scores if score not in merging.scores))
        merging = merging.replacing(images=images, scores=scores)
    return merging


def given_to(stage_id: str, pipeline: PipelineSpec, result: PipelineResult) -> Run:
    """The run that a stage began with, its stored input. Only of a stage that has left something."""
    first, needs = result.first or new_run(), pipeline.needs
    return merged([_after(need, needs, result.snapshots, first) for need in needs[stage_id]]) or first


def following(pipeline: PipelineSpec, *starts: str) -> frozenset[str]:
    """The stages and all that go on from them, directly or not."""
    found, needs = set(starts), pipeline.needs
    for spec in pipeline.ordered:
        if found.intersection(needs[spec.id]):
            found.add(spec.id)
    return frozenset(found)


def _todo(
    pipeline: PipelineSpec, start: str | Collection[str] | None, before: Mapping[str, Run]
) -> tuple[Collection[str], dict[str, Run]]:
    """The ids of the stages to run, and the snapshots of the others."""
    if start is None:
        return [spec.id for spec in pipeline.stages], {}
    enabled = [spec.id for spec in pipeline.stages if spec.enabled]
    starts = [start] if isinstance(start, str) else list(start)
    if unknown := [stage_id for stage_id in starts if stage_id not in enabled]:
        raise PipelineError(
            f"There is no enabled stage {unknown[0]!r} to start from. Use one of: {', '.join(enabled)}."
        )
    todo = following(pipeline, *starts)
    kept = [stage_id for stage_id in enabled if stage_id not in todo]
    if missing := [stage_id for stage_id in kept if stage_id not in before]:
        raise PipelineError(f"To start there, what stage {missing[0]!r} left behind is needed, and it is not there.")
    return todo, {stage_id: before[stage_id] for stage_id in kept}


def _after(stage_id: str, needs: Mapping[str, tuple[str, ...]], snapshots: Mapping[str, Run], first: Run) -> Run:
    """The run behind a stage; one that was off left it as it came."""
    if stage_id in snapshots:
        return snapshots[stage_id]
    return merged([_after(need, needs, snapshots, first) for need in needs[stage_id]]) or first


def _last(pipeline: PipelineSpec, snapshots: Mapping[str, Run], first: Run) -> Run:
    """What the pipeline leaves: of its ends the last one's draft, and the images and scores of all."""
    needs = pipeline.needs
    needed = {need for found in needs.values() for need in found}
    ends = [_after(spec.id, needs, snapshots, first) for spec in pipeline.ordered if spec.id not in needed]
    whole = merged(ends)
    return whole.replacing(draft=ends[-1].draft) if whole is not None else first


def _telling(watch: Watch | None, spec: StageSpec, number: int, stages: int) -> Tell:
    if watch is None:
        return _quietly

    def tell(state: str, detail: str, run: Run, progress: Progress | None) -> None:
        watch(StageEvent(spec, number, stages, state, run, detail, progress))

    return tell


def _quietly(state: str, detail: str, run: Run, progress: Progress | None) -> None:
    """For who is not told."""
