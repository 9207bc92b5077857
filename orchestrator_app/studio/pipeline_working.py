"""The work of the page Pipeline: runs, reruns, plans and jobs for the queue, without a page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator_app.studio.environment import Target
from orchestrator_app.studio.pipeline_job import Finished, PipelineJob, Work
from orchestrator_app.studio.pipeline_place import place_for
from orchestrator_app.studio.queue_adding import add
from orchestrator_core.config import data_folder
from orchestrator_core.context import StageContext
from orchestrator_core.pipeline.batches import Item, Items, run_batch
from orchestrator_core.pipeline.caching import FolderOfStages
from orchestrator_core.pipeline.planning import ItemPlan, plan_of
from orchestrator_core.pipeline.rerunning import PipelineRecord, rerun
from orchestrator_core.run import Run
from orchestrator_core.spec import PipelineSpec

if TYPE_CHECKING:
    from orchestrator_app.studio.live import LiveEnvironment
    from orchestrator_core.jobs.place import QueuePlace


def stage_cache() -> FolderOfStages:
    """The stages of all runs before, here and on the command line."""
    return FolderOfStages(data_folder() / "cache" / "stages")


def run_work(live: LiveEnvironment, pipeline: PipelineSpec, items: Items, target: Target) -> Work:
    """Each item after the other; one that fails costs no other."""

    def work(job: PipelineJob) -> Iterator[Finished]:
        place = place_for(live, pipeline, target, job.cancellation)

        def of(item: Item) -> StageContext:
            return place(item.pipeline)

        for left in run_batch(items, of, job.watch, stage_cache()):
            record = PipelineRecord(left.item.pipeline, left.result)
            yield Finished(left.item.number, record, left.error, values=values_of(left.item))

    return work


def again_work(
    live: LiveEnvironment, record: PipelineRecord, before: Finished, stage: str, target: Target, *, only: bool
) -> Work:
    """A stage of the record again, and what follows from it. ``before``: the item as it was shown."""

    def work(job: PipelineJob) -> Iterator[Finished]:
        place = place_for(live, record.pipeline, target, job.cancellation)
        context = replace(place(record.pipeline), is_last=True)
        done = rerun(record, stage, context, only=only, watch=job.watch, cache=stage_cache())
        known = {one: stand for one, stand in before.stands.items() if one in done.record.result.states}
        yield Finished(before.number, done.record, "", known, before.record, done.changes, before.values)

    return work


def planned(item: Item, context: StageContext) -> ItemPlan:
    """A dry run of an item; where it tells a story, the next one goes on from it."""
    from orchestrator_core.memory.source import Rehearsal

    plan = plan_of(item, context)
    if isinstance(context.stories, Rehearsal):
        context.stories.told(Run("", plan.draft))
    return plan


def queued(place: QueuePlace, items: Items, target: Target, title: str) -> str:
    """One job an item, all or none; what a person is told. Raises OrchestratorError."""
    from orchestrator_core.jobs.model import NewJob

    named = target.name.lower()
    jobs = [NewJob(pipeline=item.pipeline, target=named, title=_title(item, title)) for item in items]
    return add(place, jobs)


def _title(item: Item, title: str) -> str:
    values = values_of(item)
    return f"{title}: {values}"[:500] if values else title[:500]


def values_of(item: Item) -> str:
    """``draw.seed=2``: what is an item's own of its batch."""
    return ", ".join(f"{name}={value}" for name, value in item.values.items())
