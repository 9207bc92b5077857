"""``orchestrator pipeline run``: each item of the batch, with a record of what every stage left."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from orchestrator_app.console import problem, remark, say

if TYPE_CHECKING:
    from orchestrator_app.output_folder import OutputFolder
    from orchestrator_app.progress import Lines
    from orchestrator_app.rendering import Memory
    from orchestrator_core.cancelling import Cancellation
    from orchestrator_core.context import StageContext
    from orchestrator_core.pipeline.batches import Item, ItemResult, Items
    from orchestrator_core.pipeline.caching import StageCache
    from orchestrator_core.pipeline.rerunning import PipelineRecord
    from orchestrator_core.pipeline.running import StageEvent

Result = TypeVar("Result")
STOPPED = 130
RECORDS = "pipeline"  # the folder of records, below that of the run
_WORTH_TELLING = ("cached", "skipped", "failed", "retrying", "fell back")


def run(arguments: argparse.Namespace) -> int:
    """Exit status 1 if an item could not be finished, 130 after Ctrl-C; what it left is kept, to go on from there."""
    from orchestrator_app.pipeline_asking import asked_pipeline
    from orchestrator_app.pipeline_place import place_for, with_odds
    from orchestrator_core.pipeline.batches import Items, product_of

    pipeline = asked_pipeline(arguments.pipeline, arguments.set, arguments.vary, arguments.seed)
    items = Items(pipeline)
    remark(f"Items: {product_of(pipeline)}.")
    with place_for(arguments, pipeline) as context:
        folder, context = in_folder(arguments, pipeline.name or Path(arguments.pipeline).stem, context, items)

        def place(item: Item) -> StageContext:
            return with_odds(arguments, context, item.pipeline)

        done = _run_all(items, place, folder, cache_of(arguments), context.cancellation)
    say(f"{done:,} of {len(items):,} done: {folder.path}")
    remark(f"One stage again: orchestrator pipeline rerun {folder.path / RECORDS / '0001.json'} STAGE")
    if context.cancellation.is_cancelled():
        return STOPPED
    return 0 if done == len(items) else 1


def in_folder(
    arguments: argparse.Namespace, title: str, context: StageContext, items: Items
) -> tuple[OutputFolder, StageContext]:
    """A new folder, and the context with who renders into it; nobody is asked where nothing is rendered."""
    from dataclasses import replace
    from datetime import datetime

    from orchestrator_app.output_folder import OutputFolder
    from orchestrator_app.pipeline_place import generator_for

    renders = any(stage.enabled and stage.type == "dispatch" for item in items[:1] for stage in item.pipeline.stages)
    generator = generator_for(arguments, Path(arguments.output)) if renders else None
    folder = OutputFolder.make(Path(arguments.output), title, datetime.now().astimezone())
    if generator is not None:
        generator.output_folder = folder.path
    return folder, replace(context, generator=generator)


def cache_of(arguments: argparse.Namespace) -> StageCache | None:
    """The stages of all runs before, in the data folder."""
    from orchestrator_core.config import data_folder
    from orchestrator_core.pipeline.caching import FolderOfStages

    return None if arguments.no_cache else FolderOfStages(data_folder() / "cache" / "stages")


def _run_all(
    items: Items,
    place: Callable[[Item], StageContext],
    folder: OutputFolder,
    cache: StageCache | None,
    cancellation: Cancellation,
) -> int:
    """How many were done."""
    from orchestrator_app.progress import progress_for
    from orchestrator_app.rendering import Memory
    from orchestrator_core.pipeline.batches import run_batch

    memory, done = Memory(lambda text: problem("warning", text)), 0
    try:
        with progress_for(len(items)) as progress:
            results = run_batch(items, place, lambda event: tell(event, progress), cache)
            while (result := waited(lambda: next(results, None), cancellation)) is not None:
                done += not result.error
                keep(result, folder, memory)
                told = f"{result.error} (kept: what was done before)" if result.error else _images(result)
                progress.done(result.item.number, told)
    finally:
        memory.close()
    return done


def waited(work: Callable[[], Result], cancellation: Cancellation) -> Result | None:
    """What the work gives; None where it was stopped.

    It is done in a thread, as a key that is pressed while a server answers would lose that answer, and the job. The
    first Ctrl-C stops the work and the server's job, the second goes through.
    """
    from orchestrator_core.errors import Cancelled, Interrupted
    from orchestrator_core.generators.background import Call

    call = Call(work)
    while not call.done.is_set():
        try:
            call.done.wait(0.2)  # without a limit, Windows would not notice the key
        except KeyboardInterrupt:
            if cancellation.is_cancelled():
                raise
            cancellation.cancel()
    try:
        return call.result()
    except (Interrupted, Cancelled):
        return None


def keep(result: ItemResult, folder: OutputFolder, memory: Memory) -> None:
    """The run in the store, and the record in the folder."""
    from orchestrator_app.rendering import untold
    from orchestrator_core.pipeline.rerunning import PipelineRecord

    if result.result.run.draft.components:
        memory.save(untold(result.result.run) if result.error else result.result.run)
    write_record(PipelineRecord(result.item.pipeline, result.result), folder, f"{result.item.number:04}.json")


def write_record(record: PipelineRecord, folder: OutputFolder, name: str) -> str:
    from orchestrator_core.pipeline.rerunning import record_to_json

    return folder.write_json(f"{RECORDS}/{name}", record_to_json(record))


def tell(event: StageEvent, progress: Lines | None = None) -> None:
    """How far a stage is, and in a line of its own what a person would not expect."""
    if progress is not None and event.state == "begun":
        progress.begin(event.item, f"{event.stage.id} ({event.number}/{event.stages})")
    elif progress is not None and event.progress is not None:
        progress.report(event.progress)
    if event.state in _WORTH_TELLING:
        mark = f"[{event.item}/{event.items}] " if event.items > 1 else ""
        remark(f"{mark}{event.stage.id}: {event.state}" + (f", {event.detail}" if event.detail else ""))


def _images(result: ItemResult) -> str:
    run = result.result.run
    names = ", ".join(image.path.name for image in run.images)
    return names or run.draft.positive
