"""From what was asked for to pipelines: one for each prompt, drawn but not yet rendered."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from orchestrator_app.drawing import SEEDS, Drawing, drafts_of, final_draft
from orchestrator_app.enhancing import has_stage
from orchestrator_app.selecting import SELECT, Selecting, select_for
from orchestrator_app.sources import Source, Wish
from orchestrator_core.base_models.names import UNKNOWN, BaseModel
from orchestrator_core.context import StageContext
from orchestrator_core.errors import ConfigError
from orchestrator_core.formats.extra_networks import lora_tag
from orchestrator_core.memory.source import Rehearsal
from orchestrator_core.pipeline import PipelineResult, new_run, options_of, run_pipeline
from orchestrator_core.request import GenerationRequest
from orchestrator_core.run import Run
from orchestrator_core.spec import PipelineSpec, StageSpec
from orchestrator_core.stages import dispatch
from orchestrator_core.template import Wildcards

if TYPE_CHECKING:
    from orchestrator_core.stages.select_loras import Selection


class Addition(Protocol):
    """What was asked for beside the drawing: a stage in each pipeline."""

    def added_to(self, pipeline: PipelineSpec) -> PipelineSpec:
        """The pipeline with its stage; as it is where nothing was asked for."""
        ...


# A pipeline, what it begins with, and where its file wants it rendered ("" where it does not say).
Undrawn = tuple[PipelineSpec, Run, str]
DRAW, RENDER = "generatePrompt", "dispatch"
_MOST = 100_000  # prompts in one go, each of which is a few files


@dataclass(frozen=True, slots=True)
class Planned:
    """A drawn prompt: ``request`` is what renders it, ``before`` what the stages before the rendering left."""

    number: int  # from 1
    pipeline: PipelineSpec
    drawn: PipelineResult
    request: GenerationRequest
    selections: tuple[Selection, ...] = ()  # what each selectLoras stage thought
    checkpoint: BaseModel = UNKNOWN

    @property
    def run(self) -> Run:
        return self.drawn.run

    @property
    def first_rendering(self) -> str | None:
        """The id of the stage where rendering begins."""
        return next((stage.id for stage in self.pipeline.stages if stage.enabled and stage.type == RENDER), None)


def plan(
    source: Source,
    drawing: Drawing,
    settings: Mapping[str, Any],
    context: StageContext,
    default: int,
    selecting: Selecting | None = None,
    more: Sequence[Addition] = (),
) -> list[Planned]:
    """Draws everything; ``default`` is how many prompts of a template where nobody said.

    ``more``: what adds its stages before that of ``selecting``. Of a story each prompt goes on where the last one ends.

    Raises TemplateError, PipelineError, ConfigError.
    """
    planned: list[Planned] = []
    if (drawing.count or 0) > _MOST and drawing.method != "combinatorial":  # whose combinations may be fewer
        raise _too_many()
    stories = Rehearsal(context.stories) if context.stories else None
    context = replace(context, stories=stories)
    for (pipeline, run, _), is_last in _with_last(pipelines_of(source, drawing, settings, context.wildcards, default)):
        if len(planned) >= _MOST:
            raise _too_many()
        for addition in more:
            pipeline = addition.added_to(pipeline)
        given = replace(context, is_last=is_last)
        planned.append(_planned(len(planned) + 1, pipeline, run, given, selecting or Selecting()))
        if stories is not None:
            stories.told(planned[-1].run)
    if not planned:
        raise ConfigError("There is no prompt to render: the template has no combinations, or the file no prompts.")
    return planned


def _planned(number: int, pipeline: PipelineSpec, run: Run, context: StageContext, selecting: Selecting) -> Planned:
    pipeline = selecting.added_to(pipeline)
    if context.loras is not None or context.stories is not None or has_stage(pipeline):
        context = replace(context, checkpoint=selecting.checkpoint_of(_request(pipeline, run).checkpoint))
    before = _before_rendering(pipeline)
    drawn = _drawn(before, run, context)
    runs = {stage.id: result for stage, result in zip(before, (run, *drawn.snapshots.values()), strict=False)}
    selections = [select_for(runs[stage.id].draft, stage, context) for stage in before if stage.type == SELECT]
    return Planned(number, pipeline, drawn, _request(pipeline, drawn.run), tuple(selections), context.checkpoint)


def _with_last(pipelines: Iterator[Undrawn]) -> Iterator[tuple[Undrawn, bool]]:
    """Each with whether it is the last."""
    for waiting in pipelines:
        for following in pipelines:
            yield waiting, False
            waiting = following
        yield waiting, True


def _drawn(before: tuple[StageSpec, ...], run: Run, context: StageContext) -> PipelineResult:
    """The stages before the rendering; of a combination or a finished prompt, which are drawn already, the rest."""
    done = {stage.id: run for stage in before if stage.type == DRAW and run.draft.components}
    rest = [stage for stage in before if stage.id not in done]
    if not rest:
        return PipelineResult(run, done)
    return run_pipeline(PipelineSpec(stages=before), context, run, start=rest[0].id, before=done)


def _too_many() -> ConfigError:
    return ConfigError(f"More than {_MOST:,} prompts are too many for one go; give a smaller --count.")


def _before_rendering(pipeline: PipelineSpec) -> tuple[StageSpec, ...]:
    stages = []
    for stage in pipeline.stages:
        if stage.enabled and stage.type == RENDER:
            break
        if stage.enabled:
            stages.append(stage)
    return tuple(stages)


def _request(pipeline: PipelineSpec, run: Run) -> GenerationRequest:
    """What the first dispatch will ask for, or would by default."""
    found = next((stage for stage in pipeline.stages if stage.type == RENDER), StageSpec(id="render", type=RENDER))
    options = options_of(found)
    assert isinstance(options, dispatch.Options)
    return dispatch.request_for(run.draft, options)


def pipelines_of(
    source: Source, drawing: Drawing, settings: Mapping[str, Any], wildcards: Wildcards, default: int
) -> Iterator[Undrawn]:
    """A pipeline for each prompt, before any is drawn."""
    if source.pipeline is not None:
        for number in range(drawing.count or default):
            yield _nth_pipeline(source.pipeline, drawing, settings, number), new_run(), ""
        return
    several = len(source.wishes) > 1
    for offset, wish in enumerate(source.wishes):
        seed = drawing.seed_of(wish, offset)
        if wish.final is not None:
            options = {**wish.settings, **settings, "seed": seed}
            render = StageSpec(id="render", type=RENDER, options=options)
            yield PipelineSpec(stages=(render,)), new_run().replacing(draft=final_draft(wish, wildcards)), wish.target
        else:
            for pipeline, run in _of_template(wish, offset, drawing, settings, wildcards, 1 if several else default):
                yield pipeline, run, wish.target


def _of_template(
    wish: Wish, offset: int, drawing: Drawing, settings: Mapping[str, Any], wildcards: Wildcards, default: int
) -> Iterator[tuple[PipelineSpec, Run]]:
    # A draw begins with a new draft; as tags of the template the LoRAs are in it.
    wish = replace(wish, template=wish.template + "".join(f" {lora_tag(lora)}" for lora in wish.loras), loras=())
    options: dict[str, Any] = {
        "template": wish.template,
        "negative_template": wish.negative if drawing.negative is None else drawing.negative,
        "dialect": drawing.dialect or wish.dialect,
        "method": drawing.method,
        "missing": drawing.missing,
        **drawing.of(wish).who,
    }
    render = StageSpec(id="render", type=RENDER, options={**wish.settings, **settings})
    seed, first = drawing.seed_of(wish, offset), drawing.index or 0
    for number, run in enumerate(_runs(wish, drawing, wildcards, offset, default)):
        options["seed"] = (seed + number) % SEEDS
        if drawing.method != "random" or drawing.index is not None:
            options["index"] = first + number
        draw = StageSpec(id="draw", type=DRAW, options=dict(options))
        yield PipelineSpec(stages=(draw, render)), run


def _runs(wish: Wish, drawing: Drawing, wildcards: Wildcards, offset: int, default: int) -> Iterator[Run]:
    """What each pipeline begins with: nothing, or a combination, since to go through them all is quicker at once."""
    if drawing.method == "combinatorial":
        for draft in drafts_of(wish, wildcards, drawing, offset):
            yield new_run().replacing(draft=draft)
        return
    for _ in range(drawing.count or default):
        yield new_run()


def _nth_pipeline(pipeline: PipelineSpec, drawing: Drawing, settings: Mapping[str, Any], number: int) -> PipelineSpec:
    """A pipeline file with what the command line sets, and seeds that go on from prompt to prompt."""
    given = {"negative_template": drawing.negative, "dialect": drawing.dialect, "index": drawing.index}
    stages = []
    for stage in pipeline.stages:
        options = dict(stage.options)
        if stage.type == DRAW:
            options |= {name: value for name, value in given.items() if value is not None} | drawing.who
            options["seed"] = drawing.seed if drawing.seed is not None else options.get("seed", drawing.fallback)
            for name in ("seed", "index"):
                if isinstance(options.get(name), int):
                    options[name] = (options[name] + number) % SEEDS
        elif stage.type == RENDER:
            options |= settings
        stages.append(stage.model_copy(update={"options": options}))
    return pipeline.model_copy(update={"stages": tuple(stages)})


def parse_settings(pairs: Sequence[str], images: Sequence[str] = ()) -> dict[str, Any]:
    """Options of dispatch: ``steps=8``, and ``my sampler.cfg=3`` or ``NODE.INPUT=FILE`` for the graph's own inputs.

    Raises ConfigError for what is neither.
    """
    found: dict[str, Any] = {}
    inputs: dict[str, Any] = {}
    for pair in pairs:
        name, value = pair_of(pair, "--set", "steps=8")
        if "." in name:
            inputs[name] = value_of(value)
        elif name in dispatch.Options.model_fields and name != "extra":
            found[name] = value
        else:
            raise ConfigError(f"--set {name}: there is no such setting{_near(name)}")
    uploads = dict(pair_of(pair, "--image", "load image.image=photo.png") for pair in images)
    extra = {key: value for key, value in (("inputs", inputs), ("images", uploads)) if value}
    return found | ({"extra": extra} if extra else {})


def pair_of(text: str, option: str, example: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise ConfigError(f"{option} {text!r} sets nothing; write it as {option} {example!r}.")
    return name.strip(), value


def _near(name: str) -> str:
    known = [name for name in dispatch.Options.model_fields if name != "extra"]
    close = difflib.get_close_matches(name, known, 1)
    return (
        f"; did you mean {close[0]}?" if close else f". There are {', '.join(known)}, and NODE.INPUT for the graph's."
    )


def value_of(text: str) -> Any:
    """A number, true, false, null or a list in JSON; anything else is a text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
