"""From a run's scores and a person's marks to observations: to which values each of them is credited.

The innermost choice with two options or more gets the score of its words; a choice around it the mean of what its inner
ones got. Words of a language model are credited to nobody, and what is not calibrated or no number is not learned from.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

from orchestrator_core.prompt import Choice, Origin, PromptDraft
from orchestrator_core.run import Run, Score
from orchestrator_core.weights.marking import MARKS, Marks, evidence_of
from orchestrator_core.weights.observation import Observation, context_of, logit, slot_of
from orchestrator_core.weights.retrying import is_reworded

_METRIC = "fulfilment"
Path = tuple[Choice, ...]


def context_for(draft: PromptDraft, family: str = "") -> str:
    """In which a draft's images are learned from. ``family``: of the model that renders, where it is known."""
    return context_of(draft.source.profiles, draft.source.genre, family)


def observations_of(run: Run, family: str = "") -> tuple[Observation, ...]:
    """Of all of the run's scores that may be learned from: none where words were changed for another try."""
    if is_reworded(run.draft):
        return ()
    paths, context = credited_paths(run.draft), context_for(run.draft, family)
    steered = run.draft.source.odds > 0
    grouped: dict[tuple[str, str, str], list[Score]] = {}
    for score in run.scores:
        if _counts(score):
            grouped.setdefault((score.run_id, score.image, score.scorer), []).append(score)
    return tuple(
        Observation(run_id, image, context, slot_of(key), key, value, "score", scorer, 1.0, options, steered)
        for (run_id, image, scorer), scores in grouped.items()
        for key, value, options in _credited(scores, paths)
    )


def marked(run: Run, image: str, marks: Marks, family: str = "") -> tuple[Observation, ...]:
    """What a person's marks of one image say of every value in its prompt. Marks that were taken away weigh nothing."""
    evidence = evidence_of(marks)
    value, weight = (evidence.value, evidence.weight) if evidence else (0.0, 0.0)
    context = context_for(run.draft, family)
    choices = {choice.key: choice for path in credited_paths(run.draft) for choice in path}
    steered = run.draft.source.odds > 0
    return tuple(
        Observation(run.id, image, context, slot_of(key), key, value, "mark", MARKS, weight, choice.options, steered)
        for key, choice in choices.items()
    )


def credited_paths(draft: PromptDraft) -> Sequence[Path]:
    """The choices with two options or more that led to each part of the prompt, outermost first."""
    paths = (
        tuple(choice for choice in part.choices if choice.options >= 2)
        for part in draft.components
        if part.origin is not Origin.llm
    )
    return list(dict.fromkeys(path for path in paths if path))


def _counts(score: Score) -> bool:
    is_number = math.isfinite(score.value) and 0 <= score.value <= 1
    return bool(score.key) and score.calibrated and score.metric == _METRIC and is_number


def _credited(scores: Iterable[Score], paths: Sequence[Path]) -> Iterable[tuple[str, float, int]]:
    """Key, value and number of options; a value that stands in a prompt twice counts once, with its mean."""
    own: dict[str, list[float]] = {}
    for score in scores:
        own.setdefault(score.key, []).append(logit(score.value))
    choices = {choice.key: choice for path in paths for choice in path}
    values: Mapping[str, float] = {key: fmean(found) for key, found in own.items() if key in choices}
    for key, choice in choices.items():
        inner = {below.key for path in paths if choice in path for below in path[path.index(choice) + 1 :]}
        found = [values[key]] if key in values else [values[each] for each in sorted(inner) if each in values]
        if found:
            yield key, fmean(found), choice.options
