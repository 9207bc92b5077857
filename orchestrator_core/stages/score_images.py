"""scoreImages: images + scorer → a score for each part of the prompt, and learned odds where learning is on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from orchestrator_core.context import StageContext
from orchestrator_core.errors import OrchestratorError, PipelineError, ScorerError
from orchestrator_core.llm.port import IsCancelled, never
from orchestrator_core.prompt import Diagnostic, PromptDraft
from orchestrator_core.request import GeneratedImage, Progress
from orchestrator_core.run import Run, Score
from orchestrator_core.template import Wildcards
from orchestrator_core.vision.pictures import pictures_of, whole
from orchestrator_core.vision.wanted import wanted_in

if TYPE_CHECKING:
    from orchestrator_core.vision.port import Fulfilment, Scorer

MEAN = "fulfilment"  # of a whole image: the mean over its parts


class Options(BaseModel):
    """Nothing yet: which model looks at the images, and whether is learned, a place settles for all its pipelines."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class Scored:
    """``problems``: why an image has no scores, a sentence each."""

    scores: tuple[Score, ...] = ()
    problems: tuple[str, ...] = ()


def score(
    images: Sequence[GeneratedImage],
    draft: PromptDraft,
    scorer: Scorer,
    wildcards: Wildcards | None = None,
    is_cancelled: IsCancelled = never,
) -> Scored:
    """Each image's parts, and then its mean. An image that cannot be read costs no other.

    Raises Cancelled; ScorerError where the scorer itself cannot look at anything.
    """
    pictures = pictures_of([image.path for image in images])
    problems = tuple(picture.problem for picture in pictures if picture.problem)
    pixels, places = whole(pictures)
    if not pixels:
        return Scored(problems=problems)
    rows = scorer.score(pixels, wanted_in(draft, wildcards), is_cancelled)
    identity = scorer.identity
    found = (
        each
        for place, row in zip(places, rows, strict=True)
        for each in scores_of(images[place].run_id, images[place].path.name, row, identity)
    )
    return Scored(tuple(found), problems)


def scores_of(run_id: str, image: str, row: Sequence[Fulfilment], scorer: str) -> Iterator[Score]:
    """Of one image; what was not measured has none. The last is the mean, where there is one."""
    for each in row:
        if each.probability is None:
            continue
        wanted = each.wanted
        numbers = (each.probability, each.raw, each.low, each.high, each.calibrated)
        yield Score(run_id, image, wanted.component, each.metric, *numbers, scorer, wanted.key, wanted.text)
    value = value_of(row)
    if value is not None:
        yield Score(run_id, image, None, MEAN, value, calibrated=False, scorer=scorer)


def value_of(row: Sequence[Fulfilment]) -> float | None:
    """The mean over what could be measured; what is not calibrated counts only where nothing else is there."""
    measured = [each for each in row if each.probability is not None and each.metric == "fulfilment"]
    counted = [each for each in measured if each.calibrated] or measured
    return sum(each.probability or 0.0 for each in counted) / len(counted) if counted else None


def stage(run: Run, context: StageContext, options: Options) -> Run:
    """Scores the run's images, and has them learned from. Whatever goes amiss, the run stays, and says so."""
    if context.scorer is None:
        raise PipelineError("scoreImages has nothing to look at images with: name a scorer, or leave the stage out.")
    context.progress(Progress("scoring the images", 0, len(run.images)))
    try:
        found = score(run.images, run.draft, context.scorer, context.wildcards)
    except ScorerError as problem:
        return _told(run, "not-scored", [str(problem)])
    run = _told(run.replacing(scores=(*run.scores, *found.scores)), "not-scored", found.problems)
    if context.learner is None or not found.scores:
        return run
    try:
        context.learner.learn(run)
    except OrchestratorError as problem:
        return _told(run, "not-learned", [str(problem)])
    return run


def _told(run: Run, kind: str, problems: Sequence[str]) -> Run:
    told = tuple(Diagnostic(kind, problem) for problem in problems)
    return run.replacing(draft=run.draft.replacing(diagnostics=(*run.draft.diagnostics, *told))) if told else run
