"""llmEnhance: draft + language model → a richer draft that has every word of its own; what is new is Origin.llm."""

from __future__ import annotations

from orchestrator_core.context import StageContext
from orchestrator_core.enhancing.enhancer import Live, enhance
from orchestrator_core.enhancing.options import Options
from orchestrator_core.enhancing.rules import RulesModel
from orchestrator_core.request import Progress
from orchestrator_core.run import Run

__all__ = ["Options", "enhance", "stage"]


def stage(run: Run, context: StageContext, options: Options) -> Run:
    """Enhances the run's draft; by the rules that need no model, where the host has no language model."""
    model = context.llm or RulesModel()
    answers = None if isinstance(model, RulesModel) else context.answers  # the rules answer the same in any case
    written = 0

    def on_text(text: str) -> None:
        nonlocal written
        written += len(text)
        context.progress(Progress("enhancing the prompt", written))

    live = Live(on_text, context.cancellation.is_cancelled, context.is_last)
    return run.replacing(draft=enhance(run.draft, model, options, context.checkpoint, answers, live))
