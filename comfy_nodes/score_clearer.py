"""A prompt in which what an image lacks is said more clearly, by emphasis as ``(word:1.2)``: a step more each time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator_core.prompt import Component, PromptDraft

if TYPE_CHECKING:
    from orchestrator_core.vision.port import Fulfilment

ENOUGH = 0.5  # a part that is surer than that is there
STEP, MOST = 0.1, 1.4  # stronger emphasis spoils the rest of the picture
_OURS = re.compile(r"\((?P<words>[^()]*):(?P<strength>\d(?:\.\d+)?)\)")
_SYNTAX = re.compile(r"[()\[\]<>{}|:\\]|\b(?:BREAK|AND)\b")


def clearer(draft: PromptDraft, row: Sequence[Fulfilment]) -> tuple[PromptDraft, list[str]]:
    """The draft with more emphasis on what was not seen, and what was changed, a line for each.

    What was not measured stays, and so does text that has a syntax of its own.
    """
    missing = {each.wanted.component for each in row if each.probability is not None and each.probability < ENOUGH}
    components, told = list(draft.components), []
    for number in sorted(missing):
        if 0 <= number < len(components) and (found := _stronger(components[number])) is not None:
            components[number] = found
            told.append(found.text.strip(" ,\n"))
    return draft.replacing(components=tuple(components)), told


def _stronger(component: Component) -> Component | None:
    """None where it cannot be said more clearly."""
    core = component.text.strip(" ,.;\n")
    known = _OURS.fullmatch(core)
    words, before = (known["words"], float(known["strength"])) if known else (core, 1.0)
    strength = round(before + STEP, 2)
    if not words or _SYNTAX.search(words) or strength > MOST:
        return None
    text = component.text.replace(core, f"({words}:{strength:g})", 1)
    return replace(component, text=text, strength=component.strength * strength / before)
