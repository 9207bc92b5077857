"""From what was asked for on the command line to jobs: one for each prompt, drawn by whoever runs it."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestrator_core.jobs.model import NewJob
    from orchestrator_core.run import Run
    from orchestrator_core.spec import PipelineSpec

COUNT = 1


def jobs_of(arguments: Namespace) -> list[NewJob]:
    """Raises FormatError, TemplateError, PipelineError, ConfigError, WebhookError for what cannot be."""
    from orchestrator_core.jobs.model import NewJob
    from orchestrator_core.webhooks.address import destination

    if arguments.callback:
        destination(arguments.callback)
    title = arguments.title or _name_of(arguments.template)
    jobs = []
    for number, (pipeline, run, target) in enumerate(_pipelines(arguments), 1):
        jobs.append(
            NewJob(
                pipeline=pipeline,
                run=_saved(run) if run is not None and run.draft.components else None,
                target=arguments.target or target,
                priority=arguments.priority,
                title=f"{title} {number}",
                tags=tuple(arguments.tag),
                key=f"{arguments.key}/{number}" if arguments.key else None,
                callback_url=arguments.callback,
            )
        )
    return jobs


def _name_of(given: str) -> str:
    return Path(given).stem if Path(given).is_file() else given.removeprefix("@")[:80]


def _saved(run: Run) -> dict[str, Any]:
    from orchestrator_core.formats.run_json import run_to_json

    return run_to_json(run)


def _pipelines(arguments: Namespace) -> Iterator[tuple[PipelineSpec, Run | None, str]]:
    from orchestrator_app.drawing import drawing_of
    from orchestrator_app.enhancing import enhancing_of
    from orchestrator_app.folders import open_wildcards
    from orchestrator_app.planning import parse_settings, pipelines_of
    from orchestrator_app.selecting import selecting_of
    from orchestrator_app.sources import read_source
    from orchestrator_app.storytelling import storytelling_of

    own = _pipeline_file(arguments.template)
    own, pairs = _with_options(own, arguments.set)
    settings: dict[str, Any] = parse_settings(pairs)
    if arguments.checkpoint is not None:
        settings["checkpoint"] = arguments.checkpoint
    if own is not None and (own.batch or any(stage.needs is not None for stage in own.stages)):
        for item in _items(_with_seed(own, arguments.seed, arguments.key), settings):
            yield item, None, ""
        return
    source = read_source(arguments.template)
    if own is not None:
        source = replace(source, pipeline=own)
    additions = (storytelling_of(arguments), enhancing_of(arguments), selecting_of(arguments))
    found = pipelines_of(source, drawing_of(arguments), settings, open_wildcards(arguments.wildcards), COUNT)
    for pipeline, run, target in found:
        for addition in additions:
            pipeline = addition.added_to(pipeline)
        yield pipeline, run, target


def _pipeline_file(given: str) -> PipelineSpec | None:
    from orchestrator_app.sources import is_pipeline, parsed_file
    from orchestrator_core.spec import pipeline_from

    path = Path(given)
    if path.suffix.lower() not in (".json", ".yaml", ".yml") or not path.is_file():
        return None
    data = parsed_file(path)
    return pipeline_from(data) if is_pipeline(data) else None


def _with_options(pipeline: PipelineSpec | None, pairs: Sequence[str]) -> tuple[PipelineSpec | None, list[str]]:
    """The pipeline with the options that name a stage of it, as ``draw.seed=5``; and the other pairs."""
    from orchestrator_app.pipeline_asking import stage_settings

    ids = {stage.id for stage in pipeline.stages} if pipeline is not None else set()
    named = [pair for pair in pairs if pair.partition("=")[0].strip().rpartition(".")[0] in ids]
    if pipeline is None or not named:
        return pipeline, list(pairs)
    given = stage_settings(named)
    stages = [
        stage.model_copy(update={"options": {**stage.options, **given.get(stage.id, {})}}) for stage in pipeline.stages
    ]
    return pipeline.model_copy(update={"stages": tuple(stages)}), [pair for pair in pairs if pair not in named]


def _with_seed(pipeline: PipelineSpec, seed: int | None, key: str | None) -> PipelineSpec:
    """One for all of its items: the one that is asked for, else the file's, else one by chance."""
    from orchestrator_core.pipeline.seeding import seed_for, seeded

    if seed is None:
        return seeded(pipeline, seed_for(key))
    given = [f"{stage.id}.seed={seed}" for stage in pipeline.stages if stage.type == "generatePrompt"]
    return _with_options(pipeline, given)[0] or pipeline


def _items(pipeline: PipelineSpec, settings: Mapping[str, Any]) -> Iterator[PipelineSpec]:
    """The items of a batch, with what the command line sets."""
    from orchestrator_core.jobs.model import RENDERS
    from orchestrator_core.pipeline.batches import Items

    stages = [
        stage.model_copy(update={"options": {**stage.options, **settings}}) if stage.type == RENDERS else stage
        for stage in pipeline.stages
    ]
    for item in Items(pipeline.model_copy(update={"stages": tuple(stages)})):
        yield item.pipeline


def stage_options(pairs: Sequence[str]) -> dict[str, Any]:
    """``max_loras=2`` as an option of a stage: a number, true, false, null or a list in JSON, else a text.

    Raises ConfigError for what sets nothing.
    """
    from orchestrator_app.planning import pair_of, value_of

    return {name: value_of(value) for name, value in (pair_of(pair, "--set", "steps=8") for pair in pairs)}
