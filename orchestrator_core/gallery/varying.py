"""Varying a slot: one part of the template drawn again, and every other word of the image's prompt as it is.

Where a draw by the same seed still gives the prompt, the engine draws that slot again, with what depends on it. Where
more was done to the prompt since (LoRAs' trigger words, a language model), the slot's own words alone are exchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from orchestrator_core.errors import GalleryError
from orchestrator_core.prompt import Component, PromptDraft, PromptSource, render
from orchestrator_core.template import Slot, Template

_TRIES = 40  # draws for one other value: of two that are as likely, all but one in a billion find it
_LONGEST = 60  # characters of a slot's name
Draw = Callable[[Mapping[str, int]], PromptDraft]


@dataclass(frozen=True, slots=True)
class VariedSlot:
    """``name``: as the template has it, ``__colors/warm__``; of equal ones the second is ``… (2)``. ``value``: the
    words that came of it."""

    name: str
    value: str
    slot: Slot


def slots_of(draft: PromptDraft) -> list[VariedSlot]:
    """The parts of the draft's template that words of it came from, in the order of the template."""
    source = draft.source
    seen: dict[str, int] = {}
    found = []
    for slot in _slots(source):
        text = source.template if slot.where == "positive" else source.negative
        name = " ".join(text[slot.start : slot.end].split())
        name = name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
        seen[name] = seen.get(name, 0) + 1
        groups = _groups(draft, slot)
        if groups:
            words = " … ".join(dict.fromkeys(" ".join(render(group).split()) for group in groups))
            found.append(VariedSlot(name if seen[name] == 1 else f"{name} ({seen[name]})", words, slot))
    return found


def varied(draft: PromptDraft, name: str, count: int, draw: Draw) -> list[PromptDraft]:
    """Drafts in which that slot says something else, each something of its own: ``count``, or fewer where it has no
    more to say. ``draw``: the prompt by the same seed, with slots drawn again so many times.

    Raises GalleryError where there is no such slot, or it says nothing else.
    """
    slots = slots_of(draft)
    chosen = next((each.slot for each in slots if name in (each.name, each.slot.id)), None)
    if chosen is None:
        there = ", ".join(each.name for each in slots[:20]) or "none, as its template is not known or draws nothing"
        raise GalleryError(f"There is no slot {name[:100]!r} in this prompt. There are: {there}.")
    rerolls = dict(draft.source.rerolls)
    is_same = _texts(draw(rerolls)) == _texts(draft)
    found: dict[tuple[str, str], PromptDraft] = {}
    in_vain = 0
    while len(found) < count and in_vain < _TRIES:
        rerolls[chosen.id] = rerolls.get(chosen.id, 0) + 1
        drawn = draw(rerolls)
        new = drawn.replacing(loras=draft.loras) if is_same else exchanged(draft, drawn, chosen)
        is_new = _texts(new) != _texts(draft) and _texts(new) not in found
        in_vain = 0 if is_new else in_vain + 1
        if is_new:
            found[_texts(new)] = new
    if not found:
        raise GalleryError(f"{name[:100]} has nothing else to say: no other value came in {_TRIES} draws.")
    return list(found.values())


def exchanged(draft: PromptDraft, drawn: PromptDraft, slot: Slot) -> PromptDraft:
    """The draft with the words of one slot as they were drawn elsewhere. Raises GalleryError where they do not fit."""
    mine, new = _groups(draft, slot), _groups(drawn, slot)
    if len(mine) != len(new):
        raise GalleryError("What came of this slot was changed after it was drawn, so it cannot be drawn again alone.")
    others = iter(new)
    side = draft.components if slot.where == "positive" else draft.negative
    parts: list[Component] = []
    for is_of_it, group in groupby(side, lambda part: _is_of(part, slot)):
        parts += next(others) if is_of_it else group
    source = replace(draft.source, rerolls=drawn.source.rerolls)
    if slot.where == "positive":
        return draft.replacing(components=tuple(parts), source=source)
    return draft.replacing(negative=tuple(parts), source=source)


def _texts(draft: PromptDraft) -> tuple[str, str]:
    return draft.positive.strip(), draft.negative_prompt.strip()


def _slots(source: PromptSource) -> Sequence[Slot]:
    return Template(source.template, source.negative, source.dialect).slots if source.template else ()


def _groups(draft: PromptDraft, slot: Slot) -> list[list[Component]]:
    """The words that came of a slot, wherever they stand: those of a variable at each of its uses."""
    side = draft.components if slot.where == "positive" else draft.negative
    return [list(group) for is_of_it, group in groupby(side, lambda part: _is_of(part, slot)) if is_of_it]


def _is_of(part: Component, slot: Slot) -> bool:
    return part.span is not None and slot.start <= part.span[0] and part.span[1] <= slot.end and bool(part.choices)
