"""look: all that is said of images at once: the scorer's parts, and the extras that somebody asked for.

An extra that fails costs nothing but itself: its sentence is among the problems.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from orchestrator_core.errors import Cancelled, OrchestratorError
from orchestrator_core.llm.port import IsCancelled, never
from orchestrator_core.prompt import PromptDraft
from orchestrator_core.template import Wildcards
from orchestrator_core.vision.port import Fulfilment, Scorer, Wanted, Whole, WholeScorer
from orchestrator_core.vision.wanted import wanted_in

if TYPE_CHECKING:
    from orchestrator_core.vision.observing import Observation, Observer
    from orchestrator_core.vision.port import Pixels
    from orchestrator_core.vision.style import ReferenceStyle

# What is asked of images, a row for each coming back, and how a row is put to what is known of its image.
Ask = Callable[[Sequence["Pixels"], IsCancelled], Sequence[Any]]
Put = Callable[["Looked", Any], "Looked"]


@dataclass(frozen=True, slots=True)
class Extras:
    """What is said beside fulfilment. ``problems``: of what was asked for and cannot be said, a sentence each."""

    style: Wanted | None = None
    references: ReferenceStyle | None = None
    wholes: tuple[WholeScorer, ...] = ()
    observer: Observer | None = None
    problems: tuple[str, ...] = ()


NO_EXTRAS = Extras()


@dataclass(frozen=True, slots=True)
class Looked:
    """Of one image. Among ``fulfilments``, style has a metric of its own."""

    fulfilments: tuple[Fulfilment, ...]
    whole: tuple[Whole, ...] = ()
    observation: Observation | None = None


@dataclass(frozen=True, slots=True)
class Looks:
    """Of all images, in their order."""

    images: tuple[Looked, ...]
    problems: tuple[str, ...] = ()


def look(
    images: Sequence[Pixels],
    draft: PromptDraft,
    scorer: Scorer,
    wildcards: Wildcards | None = None,
    extras: Extras = NO_EXTRAS,
    is_cancelled: IsCancelled = never,
) -> Looks:
    """Raises Cancelled; ScorerError where the scorer itself cannot look at anything."""
    wanted = wanted_in(draft, wildcards)
    rows = scorer.score(images, (*wanted, extras.style) if extras.style else wanted, is_cancelled)
    looked, problems = [Looked(tuple(row)) for row in rows], list(extras.problems)
    for ask, put in _asked(extras, wanted, draft.positive):
        try:
            found = ask(images, is_cancelled)
        except Cancelled:
            raise
        except OrchestratorError as problem:
            problems.append(str(problem))
            continue
        looked = [put(one, row) for one, row in zip(looked, found, strict=True)]
    return Looks(tuple(looked), (*problems, *_unlike(looked)))


def _asked(extras: Extras, wanted: Sequence[Wanted], text: str) -> Iterator[tuple[Ask, Put]]:
    """What is asked of the images, and how what comes of it is told of each."""
    if extras.references is not None:
        yield extras.references.score, lambda one, row: replace(one, fulfilments=(*one.fulfilments, row))
    for whole in extras.wholes:
        yield _whole(whole, text), lambda one, row: replace(one, whole=(*one.whole, *row))
    if extras.observer is not None:
        yield _observing(extras.observer, wanted), lambda one, row: replace(one, observation=row)


def _whole(whole: WholeScorer, text: str) -> Ask:
    return lambda images, is_cancelled: whole.score_whole(images, text, is_cancelled)


def _observing(observer: Observer, wanted: Sequence[Wanted]) -> Ask:
    return lambda images, is_cancelled: observer.observe(images, wanted, is_cancelled)


def _unlike(looked: Sequence[Looked]) -> Iterator[str]:
    """Why likeness to references could not be told, once: it has no score that would say so."""
    unmeasured = (each for one in looked for each in one.fulfilments if each.metric == "style" and each.scorer)
    yield from dict.fromkeys(f"{each.wanted.text}: {each.reason}." for each in unmeasured if each.probability is None)
