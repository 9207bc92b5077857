"""Tries until an image shows enough of its prompt: a bounded loop, each try clearer about what was missing.

A missing part gets more emphasis, a step each time; once that is at its most, it goes to the beginning of the prompt,
where text encoders look hardest. The best try is kept, whichever it was. Hosts that queue by themselves ask ``plan``
alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from orchestrator_core.prompt import Component, PromptDraft

STEP, MOST = 0.1, 1.3  # stronger emphasis spoils the rest of the picture
_OURS = re.compile(r"\((?P<words>[^()]*):(?P<strength>\d(?:\.\d+)?)\)")
_SYNTAX = re.compile(r"[()\[\]<>{}|:\\]|\b(?:BREAK|AND)\b")
Shown = TypeVar("Shown")


@dataclass(frozen=True, slots=True)
class Looked(Generic[Shown]):
    """What one try came to. ``value``: the mean over its parts, None where nothing could be measured. ``missing``:
    components that the image does not show."""

    shown: Shown
    value: float | None
    missing: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Kept(Generic[Shown]):
    """The best try, the draft that it is of, and the values of all of them."""

    best: Looked[Shown]
    draft: PromptDraft
    values: tuple[float | None, ...]


def until_enough(
    draft: PromptDraft, look: Callable[[PromptDraft, int], Looked[Shown]], enough: float = 0.8, most: int = 4
) -> Kept[Shown]:
    """``look`` renders and scores a draft; it is given the number of the try, from 0, for a seed of its own.

    It ends after ``most`` tries, of which there is always one, and where nothing can be measured. Raises what
    ``look`` raises.
    """
    best, of, values = look(draft, 0), draft, []
    values.append(best.value)
    last = best
    while len(values) < most and last.value is not None and (best.value or 0.0) < enough:
        draft = plan(draft, last.missing)
        last = look(draft, len(values))
        values.append(last.value)
        if last.value is not None and last.value > (best.value or 0.0):
            best, of = last, draft
    return Kept(best, of, tuple(values))


def plan(draft: PromptDraft, missing: Sequence[int]) -> PromptDraft:
    """The draft of the next try. Text that has a syntax of its own stays as it is."""
    components = list(draft.components)
    forward = []
    for number in sorted(set(missing)):
        if not 0 <= number < len(components):
            continue
        found = stronger(components[number])
        if found is not None:
            components[number] = found
        elif _OURS.fullmatch(components[number].text.strip(" ,.;\n")):
            forward.append(number)
    return draft.replacing(components=tuple(_forward(components, forward)))


def stronger(component: Component) -> Component | None:
    """Said a step more clearly; None where it cannot be."""
    core = component.text.strip(" ,.;\n")
    known = _OURS.fullmatch(core)
    words, before = (known["words"], float(known["strength"])) if known else (core, 1.0)
    strength = round(before + STEP, 2)
    if not words or _SYNTAX.search(words) or strength > MOST:
        return None
    text = component.text.replace(core, f"({words}:{strength:g})", 1)
    return replace(component, text=text, strength=component.strength * strength / before)


def _forward(components: Sequence[Component], numbers: Sequence[int]) -> list[Component]:
    """These first, as phrases of their own. What stands there already stays."""
    moved = [number for number in numbers if any(part.text.strip() for part in components[:number])]
    first = [replace(components[number], text=components[number].text.strip(" ,.;\n") + ", ") for number in moved]
    rest: list[Component] = []
    for number, part in enumerate(components):
        if number in moved:
            continue
        if number - 1 in moved and (not rest or rest[-1].text.rstrip().endswith(",")):
            part = replace(part, text=part.text.lstrip(" ,"))  # one comma is enough
        rest.append(part)
    return [*first, *rest]
