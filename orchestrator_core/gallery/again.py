"""An image once more: its prompt and settings as jobs for the queue, with what is to be another thing this time.

A job begins with the image's prompt as it was, so neither a language model nor chance has a say in it again; what
follows is the rendering and, where the image was scored, the scoring.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ValidationError

from orchestrator_core.errors import GalleryError, OrchestratorError
from orchestrator_core.formats.run_json import run_to_json
from orchestrator_core.gallery.varying import varied
from orchestrator_core.jobs.model import NewJob, renderings
from orchestrator_core.pipeline.seeding import seed_for
from orchestrator_core.prompt import PromptDraft, PromptSource
from orchestrator_core.request import GenerationRequest
from orchestrator_core.run import Run
from orchestrator_core.spec import PipelineSpec, StageSpec, pipeline_from, problems_of
from orchestrator_core.stages import dispatch
from orchestrator_core.stages.generate_prompt import Options, generate, options_of
from orchestrator_core.template.align import aligned

if TYPE_CHECKING:
    from orchestrator_core.gallery.image_runs import Drawing, ImageRun
    from orchestrator_core.store import Store

ALL_SLOTS = "*"
RENDER, SCORE, DRAW = "dispatch", "scoreImages", "generatePrompt"
Seed = Literal["same", "new"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """``vary``: a slot's name, "*" for the whole template, "" for the same words. ``key``: whoever asks twice under it
    asks for the same jobs."""

    vary: str = ""
    seed: Seed = "same"
    count: int = 1
    target: str = ""
    title: str = ""
    key: str = ""


def jobs_for(image: ImageRun, pipeline: PipelineSpec | None, wanted: Wanted, drawing: Drawing) -> list[NewJob]:
    """Jobs to add; ``pipeline``: by which the image was made, where that is known.

    Raises GalleryError where the image does not say enough, and for a slot that it has not.
    """
    pairs: list[tuple[PipelineSpec, Run | None]]
    if wanted.vary == ALL_SLOTS:
        pairs = [(_drawn_anew(image, pipeline, _seed(wanted, number)), None) for number in range(wanted.count)]
    else:
        pairs = list(_of_its_words(image, pipeline, wanted, drawing))
    return [
        NewJob(
            pipeline=made,
            run=None if run is None else run_to_json(run),
            target=wanted.target,
            title=wanted.title,
            tags=("again",),
            key=(f"{wanted.key}/{number}" if len(pairs) > 1 else wanted.key) if wanted.key else None,
        )
        for number, (made, run) in enumerate(pairs, 1)
    ]


def _of_its_words(
    image: ImageRun, pipeline: PipelineSpec | None, wanted: Wanted, drawing: Drawing
) -> Iterator[tuple[PipelineSpec, Run | None]]:
    request = image.shown.request
    draft = prompt_of(image)
    drafts = _varied(draft, wanted, request, drawing) if wanted.vary else [draft]
    times = len(drafts) if wanted.seed == "same" else wanted.count
    for number in range(times):
        own = request if wanted.seed == "same" else _reseeded(request, _seed(wanted, number))
        stages = _rendering(own, image, pipeline)
        yield PipelineSpec(stages=stages), Run("", drafts[number % len(drafts)])


def prompt_of(image: ImageRun) -> PromptDraft:
    """The words that were rendered. They are no new scene of the story that they told."""
    draft, request = image.run.draft, image.shown.request
    if draft.positive.strip() != request.positive.strip():
        draft = draft.replacing(components=aligned(draft.components, request.positive))
    if draft.negative_prompt.strip() != request.negative.strip():
        draft = draft.replacing(negative=aligned(draft.negative, request.negative))
    return draft.replacing(loras=request.loras, story=None)


def _varied(draft: PromptDraft, wanted: Wanted, request: GenerationRequest, drawing: Drawing) -> list[PromptDraft]:
    options = _drawing(replace(draft.source, method="random"), draft.seed)
    context, odds = drawing.context(), drawing.odds(draft.source, request.checkpoint)

    def draw(rerolls: Mapping[str, int]) -> PromptDraft:
        own = options.model_copy(update={"rerolls": dict(rerolls)})
        return generate(own, context.wildcards, odds.weights, context.variables, context.profiles, odds.number)

    return varied(draft, wanted.vary, wanted.count, draw)


def _seed(wanted: Wanted, number: int) -> int:
    return seed_for(f"{wanted.key}/{number}" if wanted.key else None)


def _reseeded(request: GenerationRequest, seed: int) -> GenerationRequest:
    extra = {name: value for name, value in request.extra.items() if name != "batch_index"}
    return request.replacing(seed=seed, batch_size=1, extra=extra)


def _rendering(request: GenerationRequest, image: ImageRun, pipeline: PipelineSpec | None) -> tuple[StageSpec, ...]:
    """The stages of the image's pipeline that come after the prompt; without one, those that the image tells of."""
    found = renderings(pipeline) if pipeline is not None else []
    name = found[0].id if found else "render"
    if "batch_index" not in request.extra:  # one image, and not all of its batch
        request = request.replacing(batch_size=1)
    stages = [StageSpec(id=name, type=RENDER, options=_options_for(request))]
    scoring = [stage for stage in pipeline.ordered if stage.type == SCORE and stage.enabled] if pipeline else []
    if scoring:
        stages.append(_scoring(scoring[0].id, scoring[0].options))
    elif pipeline is None and image.run.scores:
        stages.append(_scoring("score", {}))
    return tuple(stages)


def _scoring(name: str, options: Mapping[str, Any]) -> StageSpec:
    """Where it is rendered now nobody may have a scorer, and the image is there all the same."""
    return StageSpec(id=name, type=SCORE, options=dict(options), on_error="skip")


def _options_for(request: GenerationRequest) -> dict[str, Any]:
    """The options of dispatch that render a request, but for those that are as usual.

    Raises GalleryError for what no rendering of ours can have.
    """
    values = {name: getattr(request, name) for name in dispatch.Options.model_fields}
    try:
        return dispatch.Options.model_validate(values).model_dump(exclude_defaults=True)
    except ValidationError as error:
        raise GalleryError(f"It cannot be rendered again as it says that it was: {problems_of(error)}") from None


def _drawn_anew(image: ImageRun, pipeline: PipelineSpec | None, seed: int) -> PipelineSpec:
    """The whole pipeline with another seed; without one, the template and the settings that the image tells of."""
    if pipeline is not None and any(stage.type == DRAW for stage in pipeline.stages):
        stages = tuple(_with_seed(stage, seed) for stage in pipeline.stages)
        return pipeline.model_copy(update={"stages": stages, "batch": ()})
    source = image.run.draft.source
    if not source.template:
        raise GalleryError("No template is known of this image, so its prompt cannot be drawn anew.")
    request = _reseeded(image.shown.request, 0)
    drawing = StageSpec(id="draw", type=DRAW, options=_anew(source, seed))
    render, *others = _rendering(request, image, None)
    return PipelineSpec(stages=(drawing, _with_seed(render, seed), *others))


def _anew(source: PromptSource, seed: int) -> dict[str, Any]:
    """The options of generatePrompt that draw by a source, and nothing of how it was drawn before."""
    found = _drawing(source, seed).model_dump(mode="json", exclude_defaults=True, exclude={"rerolls", "index"})
    return {**found, "seed": seed}


def _drawing(source: PromptSource, seed: int) -> Options:
    """Raises GalleryError for a way to draw that is not known here."""
    try:
        return options_of(source, seed)
    except ValidationError as error:
        raise GalleryError(f"This prompt was drawn in a way that is not known here: {problems_of(error)}") from None


def _with_seed(stage: StageSpec, seed: int) -> StageSpec:
    """A draw by this seed; a rendering by that of its prompt."""
    fixed = {DRAW: ("seed", "index", "rerolls"), RENDER: ("seed",)}.get(stage.type, ())
    options = {name: value for name, value in stage.options.items() if name not in fixed}
    return stage.model_copy(update={"options": {**options, "seed": seed} if stage.type == DRAW else options})


def pipeline_of_run(store: Store, run_id: str) -> PipelineSpec | None:
    """That of the job that made it; None where no job did, or it is of a newer version."""
    from orchestrator_core.store import jobs

    with store.reading() as connection:
        text = jobs.pipeline_of_run(connection, run_id)
    try:
        return pipeline_from(json.loads(text)) if text else None
    except OrchestratorError:
        return None
