"""A prompt in which what an image lacks is said more clearly, by emphasis as ``(word:1.2)``: a step more each time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from orchestrator_core.prompt import PromptDraft
from orchestrator_core.weights.retrying import stronger

if TYPE_CHECKING:
    from orchestrator_core.vision.port import Fulfilment

ENOUGH = 0.5  # a part that is surer than that is there


def clearer(draft: PromptDraft, row: Sequence[Fulfilment]) -> tuple[PromptDraft, list[str]]:
    """The draft with more emphasis on what was not seen, and what was changed, a line for each.

    What was not measured stays, and so does text that has a syntax of its own.
    """
    missing = {each.wanted.component for each in row if each.probability is not None and each.probability < ENOUGH}
    components, told = list(draft.components), []
    for number in sorted(missing):
        if 0 <= number < len(components) and (found := stronger(components[number])) is not None:
            components[number] = found
            told.append(found.text.strip(" ,\n"))
    return draft.replacing(components=tuple(components)), told
