"""scoreImages: images + scorer → a score for each part of the prompt, and learned odds where learning is on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import Field

from orchestrator_core.context import StageContext
from orchestrator_core.errors import OrchestratorError, PipelineError, ScorerError
from orchestrator_core.llm.port import IsCancelled, never
from orchestrator_core.prompt import Diagnostic, PromptDraft
from orchestrator_core.request import GeneratedImage, Progress
from orchestrator_core.run import COMPARED, Run, Score
from orchestrator_core.template import Wildcards
from orchestrator_core.vision.extra_settings import ExtraSettings
from orchestrator_core.vision.looking import NO_EXTRAS, Extras, Looked, look
from orchestrator_core.vision.pictures import pictures_of, whole

if TYPE_CHECKING:
    from orchestrator_core.vision.port import Fulfilment, Scorer

MEAN = "fulfilment"  # of a whole image: the mean over its parts
NOT_SCORED, NOT_LEARNED = "not-scored", "not-learned"  # kinds of diagnostics


class Options(ExtraSettings):
    """What is said of images beside fulfilment. Which model looks at them, a place settles for all its pipelines."""

    learn: bool = Field(True, description="Let the scores move the odds of later prompts, where learning is on.")


@dataclass(frozen=True, slots=True)
class Scored:
    """``problems``: why an image has no scores, or not all that were asked for, a sentence each."""

    scores: tuple[Score, ...] = ()
    problems: tuple[str, ...] = ()


def score(
    images: Sequence[GeneratedImage],
    draft: PromptDraft,
    scorer: Scorer,
    wildcards: Wildcards | None = None,
    extras: Extras = NO_EXTRAS,
    is_cancelled: IsCancelled = never,
) -> Scored:
    """Each image's parts, what was asked for beside them, and then its mean. One that cannot be read costs no other.

    Raises Cancelled; ScorerError where the scorer itself cannot look at anything.
    """
    pictures = pictures_of([image.path for image in images])
    problems = tuple(picture.problem for picture in pictures if picture.problem)
    pixels, places = whole(pictures)
    if not pixels:
        return Scored(problems=problems)
    looks = look(pixels, draft, scorer, wildcards, extras, is_cancelled)
    identity = scorer.identity
    found = (
        each
        for place, looked in zip(places, looks.images, strict=True)
        for each in scores_of(images[place].run_id, images[place].path.name, looked, identity)
    )
    return Scored(tuple(found), (*problems, *looks.problems))


def scores_of(run_id: str, image: str, looked: Looked, scorer: str) -> Iterator[Score]:
    """Of one image; what was not measured has none. The last is the mean, where there is one."""
    for each in looked.fulfilments:
        if each.probability is None:
            continue
        wanted = each.wanted
        numbers = (each.probability, each.raw, each.low, each.high, each.calibrated)
        yield Score(
            run_id, image, wanted.component, each.metric, *numbers, each.scorer or scorer, wanted.key, wanted.text
        )
    for one in looked.whole:
        yield Score(run_id, image, None, one.metric, one.value, calibrated=False, scorer=scorer, text=one.detail)
    yield from _compared(run_id, image, looked)
    value = value_of(looked.fulfilments)
    if value is not None:
        yield Score(run_id, image, None, MEAN, value, calibrated=False, scorer=scorer)


def _compared(run_id: str, image: str, looked: Looked) -> Iterator[Score]:
    """What is there, missing and unasked: a word each, for people. Where no probability is told, the value is 1."""
    if (seen := looked.observation) is None:
        return
    for name, parts in seen.told:
        for part in parts:
            value = 1.0 if part.probability is None else part.probability
            metric, text = COMPARED + name, part.text
            yield Score(run_id, image, part.component, metric, value, calibrated=False, scorer=seen.source, text=text)


def value_of(row: Sequence[Fulfilment]) -> float | None:
    """The mean over what could be measured; what is not calibrated counts only where nothing else is there."""
    measured = [each for each in row if each.probability is not None and each.metric == "fulfilment"]
    counted = [each for each in measured if each.calibrated] or measured
    return sum(each.probability or 0.0 for each in counted) / len(counted) if counted else None


def scored(run: Run, context: StageContext, options: Options, is_cancelled: IsCancelled = never) -> Run:
    """The run with its images' scores. Whatever goes amiss, the run stays, and its diagnostics say so.

    Raises Cancelled; PipelineError without a scorer.
    """
    if context.scorer is None:
        raise PipelineError("scoreImages has nothing to look at images with: name a scorer, or leave the stage out.")
    extras = _extras(run, context, options, context.scorer)
    try:
        found = score(run.images, run.draft, context.scorer, context.wildcards, extras, is_cancelled)
    except ScorerError as problem:
        return _told(run, NOT_SCORED, [str(problem)])
    return _told(run.replacing(scores=(*run.scores, *found.scores)), NOT_SCORED, found.problems)


def problems_of(run: Run) -> tuple[str, ...]:
    """Why images of a scored run have no scores, or not all that were asked for."""
    return tuple(each.message for each in run.draft.diagnostics if each.kind == NOT_SCORED)


def _extras(run: Run, context: StageContext, options: Options, scorer: Scorer) -> Extras:
    if not any((options.style, options.references, options.compare, options.aesthetic, options.whole)):
        return NO_EXTRAS
    from orchestrator_core.loras.pictures import NamedPictures
    from orchestrator_core.vision.extras import ExtraModels

    pictures = NamedPictures(context.loras, context.profiles, may_be_folder=True)
    return (context.extras or ExtraModels()).extras(options, run.draft, scorer, pictures)


def stage(run: Run, context: StageContext, options: Options) -> Run:
    """Scores the run's images, and has them learned from. Whatever goes amiss, the run stays, and says so."""
    context.progress(Progress("scoring the images", 0, len(run.images)))
    before = len(run.scores)
    run = scored(run, context, options, context.cancellation.is_cancelled)
    if context.learner is None or not options.learn or len(run.scores) == before:
        return run
    try:
        context.learner.learn(run)
    except OrchestratorError as problem:
        return _told(run, NOT_LEARNED, [str(problem)])
    return run


def _told(run: Run, kind: str, problems: Sequence[str]) -> Run:
    """In place of what an earlier try told."""
    others = tuple(each for each in run.draft.diagnostics if each.kind != kind)
    told = tuple(Diagnostic(kind, problem) for problem in problems)
    if not told and len(others) == len(run.draft.diagnostics):
        return run
    return run.replacing(draft=run.draft.replacing(diagnostics=(*others, *told)))
