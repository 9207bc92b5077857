"""What a stage's ``when`` may ask about: the names of ``conditions.NAMES``, of a run and of the place it is in."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator_core.conditions import STAGE, VARIABLE, Facts, Value
from orchestrator_core.context import StageContext
from orchestrator_core.run import Run

_WHOLE = "fulfilment"  # the metric of a whole image's score


def facts_of(run: Run, context: StageContext, states: Mapping[str, str]) -> Facts:
    """``states``: what became of the stages so far, by id."""
    draft = run.draft
    facts: dict[str, Value] = {
        "positive": draft.positive,
        "negative": draft.negative_prompt,
        "seed": float(draft.seed),
        "images": float(len(run.images)),
        "loras": tuple(lora.name for lora in draft.loras),
        "score": best_score(run),
        "enhanced": draft.enhanced.status if draft.enhanced else "",
        "story": draft.story.story if draft.story else "",
        "scene": float(draft.story.scene) if draft.story else 0.0,
        "problems": tuple(diagnostic.kind for diagnostic in draft.diagnostics),
        "checkpoint": str(context.checkpoint) if context.checkpoint.family else "",
        "has_llm": context.llm is not None,
        "has_generator": context.generator is not None,
        "has_loras": context.loras is not None,
        "has_scorer": context.scorer is not None,
    }
    facts.update({VARIABLE + name: value for name, value in draft.variables})
    facts.update({STAGE + stage_id: state for stage_id, state in states.items()})
    return facts


def best_score(run: Run) -> float | None:
    """Of the run's best image: how much of the prompt it shows, 0 … 1. None where none is scored."""
    return max(
        (score.value for score in run.scores if score.component is None and score.metric == _WHOLE), default=None
    )
