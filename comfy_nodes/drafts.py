"""What a node is given to work on: a draft, a text of another node, or both."""

from __future__ import annotations

from orchestrator_core.prompt import Component, Origin, PromptDraft
from orchestrator_core.template.align import aligned


def draft_of(draft: PromptDraft | None, text: str | None) -> PromptDraft:
    """A text in place of the draft's own keeps the origin of the words that are still there."""
    before = draft if isinstance(draft, PromptDraft) else PromptDraft(())
    if text is None or text == before.positive:
        return before
    own = (Component(text, Origin.user),) if text else ()
    return before.replacing(components=aligned(before.components, text) if before.components else own)
