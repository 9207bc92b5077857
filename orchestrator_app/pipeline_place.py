"""What the stages of a pipeline may touch on the command line: only what one of them needs is opened."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator_core.errors import ConfigError

if TYPE_CHECKING:
    from orchestrator_app.selecting import Library
    from orchestrator_app.servers import ServerGenerator
    from orchestrator_core.base_models import BaseModel
    from orchestrator_core.context import StageContext
    from orchestrator_core.spec import PipelineSpec
    from orchestrator_core.vision.port import Scorer


@contextmanager
def place_for(arguments: Namespace, pipeline: PipelineSpec, *, dry: bool = False) -> Iterator[StageContext]:
    """``dry``: for a plan, which asks no model. Raises ConfigError for what was named and is not there."""
    from orchestrator_app.enhancing import Enhancing, answers_for, model_for
    from orchestrator_app.folders import open_profiles, open_wildcards
    from orchestrator_app.learning import open_ledger
    from orchestrator_app.storytelling import open_books, open_stories
    from orchestrator_core.context import StageContext
    from orchestrator_core.vision.extras import ExtraModels

    kinds = {stage.type for stage in pipeline.stages if stage.enabled}
    model = model_for(Enhancing(None, _llm_settings(arguments))) if "llmEnhance" in kinds else None
    if dry:
        arguments = Namespace(**{**vars(arguments), "embedder": None})
    with _library(arguments, "selectLoras" in kinds) as library:
        yield StageContext(
            open_wildcards(arguments.wildcards),
            loras=library.loras,
            meanings=library.meanings,
            profiles=open_profiles(arguments.profile_folder),
            stories=open_stories() if "followStory" in kinds else None,
            books=open_books(arguments.lore_folder),
            checkpoint=checkpoint_of(arguments, pipeline),
            llm=model,
            answers=None if dry else answers_for(model),
            scorer=scorer_of(arguments) if "scoreImages" in kinds else None,
            extras=ExtraModels(),
            learner=open_ledger() if arguments.learn and not dry else None,
        )


def with_odds(arguments: Namespace, context: StageContext, pipeline: PipelineSpec) -> StageContext:
    """With the odds that are learned by now, where they are wanted: of who is drawn, for what renders."""
    drawn = next((stage for stage in pipeline.stages if stage.type == "generatePrompt"), None)
    if not arguments.learn or drawn is None:
        return context
    from orchestrator_app.drawing import Drawing
    from orchestrator_app.learning import open_ledger

    options = drawn.options
    drawing = Drawing(
        method=options.get("method", "random"),
        profiles=options.get("profiles"),
        genre=options.get("genre"),
        checkpoint=_checkpoint_name(pipeline),
        ledger=open_ledger(),
    ).learned()
    return replace(context, weights=drawing.weights, odds=drawing.odds)


def _llm_settings(arguments: Namespace) -> dict[str, Any]:
    from orchestrator_app.enhancing import enhancing_of

    return dict(enhancing_of(Namespace(**vars(arguments), enhance=False)).model)


@contextmanager
def _library(arguments: Namespace, wanted: bool) -> Iterator[Library]:
    """The library where there is one; a stage may say ``when: has_loras``."""
    from orchestrator_app.lora_library import known_folders
    from orchestrator_app.selecting import lora_source

    with lora_source(arguments, wanted and bool(known_folders(arguments.loras))) as library:
        yield library


def checkpoint_of(arguments: Namespace, pipeline: PipelineSpec) -> BaseModel:
    """What will render, as far as its name says. Raises ConfigError for a base model that nobody knows."""
    from orchestrator_app.lora_library import base_model_for

    return base_model_for(arguments.base_model, _checkpoint_name(pipeline))


def _checkpoint_name(pipeline: PipelineSpec) -> str:
    rendering = next((stage for stage in pipeline.ordered if stage.enabled and stage.type == "dispatch"), None)
    return str(rendering.options.get("checkpoint", "")) if rendering else ""


def scorer_of(arguments: Namespace) -> Scorer | None:
    """What looks at images, where a model was named. Raises ConfigError, ScorerError."""
    if arguments.scorer is None:
        return None
    from orchestrator_app.scorers import open_here

    return open_here(model=arguments.scorer, measures_counts=arguments.scorer_counts)


def generator_for(arguments: Namespace, folder: Path) -> ServerGenerator:
    """Who renders. Raises ConfigError where nobody answers."""
    from orchestrator_app.commands import run
    from orchestrator_app.exporting import OwnGraph
    from orchestrator_app.servers import Wanted, find_server

    wanted = Wanted(arguments.server, arguments.host, run.SERVERS, arguments.loras or ())
    server = find_server(wanted, OwnGraph(), folder)
    if server.generator is None:
        raise ConfigError(
            f"Nothing was run: {server.reason} For one elsewhere say --server ADDRESS; to see what would be done "
            "without one: orchestrator pipeline plan."
        )
    server.generator.output_folder = folder
    return server.generator
