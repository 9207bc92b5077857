"""The learned odds that prompts are drawn by, as the pages hand them on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from orchestrator_core.prompt import PromptDraft


@dataclass(frozen=True, slots=True)
class Odds:
    """``weights``: multipliers by Choice key; ``number``: of the moment in the ledger that they are of, 0 for none."""

    weights: Mapping[str, float] = field(default_factory=dict)
    number: int = 0

    def of(self, draft: PromptDraft) -> PromptDraft:
        """A draft that was drawn by them, with a note of that."""
        return self.noted(draft.replacing(source=replace(draft.source, odds=self.number))) if self.number else draft

    def noted(self, draft: PromptDraft) -> PromptDraft:
        """A draft without a choice is the same by all odds, and notes none."""
        if draft.source.odds and not any(part.choices for part in (*draft.components, *draft.negative)):
            return draft.replacing(source=replace(draft.source, odds=0))
        return draft


NO_ODDS = Odds()
