"""A drawn prompt as the browser shows it: its words in colours, the parts that can be drawn again, what is odd."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from orchestrator_core.prompt import Component, PromptDraft
from orchestrator_core.provenance import Decision, Word, explain, percent
from orchestrator_core.template import Slot, Template

_SOURCE_LENGTH = 60  # characters of ``{fox|owl|…}`` in a table


def drawn_as_json(draft: PromptDraft) -> dict[str, Any]:
    """Places are in characters (code points, not JavaScript's units) of the template that ``where`` names."""
    positive, negative = explain(draft.components), explain(draft.negative)
    slots = template_slots(draft)
    above, below = ([slot for slot in slots if slot.where == where] for where in ("positive", "negative"))
    return {
        "seed": draft.seed,
        "positive": draft.positive,
        "negative": draft.negative_prompt,
        "words": words_as_json(positive.words, draft.components, above),
        "negative_words": words_as_json(negative.words, draft.negative, below),
        "decisions": [decision_as_json(decision) for decision in positive.decisions],
        "negative_decisions": [decision_as_json(decision) for decision in negative.decisions],
        "slots": [slot_as_json(slot, draft) for slot in slots],
        "diagnostics": [asdict(diagnostic) for diagnostic in draft.diagnostics],
    }


def words_as_json(
    words: Iterable[Word], components: Iterable[Component], slots: Sequence[Slot] = ()
) -> list[dict[str, Any]]:
    """``slot``: the part of the template that is to be drawn again to get another word; "" where none is known."""
    pieces = [component for component in components if component.text]  # one for each word
    return [
        {"text": w.text, "kind": w.kind, "shade": w.shade, "number": w.number, "slot": _slot_of(w, piece, slots)}
        for w, piece in zip(words, pieces, strict=True)
    ]


def _slot_of(word: Word, component: Component, slots: Sequence[Slot]) -> str:
    if not word.number:
        return ""
    return next((slot.id for slot in slots if is_in(slot, component)), "")


def decision_as_json(decision: Decision) -> dict[str, Any]:
    """One line of the table: what was drawn, from where, how likely that was."""
    choice = decision.choice
    return {
        "number": decision.number,
        "depth": decision.depth,
        "words": decision.words,
        "source": "".join(text for text, _ in decision.source_parts(_SOURCE_LENGTH)),
        "place": decision.place,
        "chance": percent(choice.probability),
        "options": choice.options,
    }


def template_slots(draft: PromptDraft) -> tuple[Slot, ...]:
    source = draft.source
    return Template(source.template, source.negative, source.dialect).slots


def slot_as_json(slot: Slot, draft: PromptDraft) -> dict[str, Any]:
    """A part of the template that is drawn, with how it is written and the text that came of it."""
    template = draft.source.template if slot.where == "positive" else draft.source.negative
    return {**asdict(slot), "source": template[slot.start : slot.end], "text": drawn_in(slot, draft)}


def drawn_in(slot: Slot, draft: PromptDraft) -> str:
    """What a slot gave. A variable's assignment gives its value wherever it is used: that is said once."""
    runs: list[str] = []
    inside = False
    for component in draft.components if slot.where == "positive" else draft.negative:
        here = is_in(slot, component)
        if here and inside:
            runs[-1] += component.text
        elif here:
            runs.append(component.text)
        inside = here
    return " … ".join(dict.fromkeys(text for run in runs if (text := " ".join(run.split()))))


def is_in(slot: Slot, component: Component) -> bool:
    """Whether a component came of a slot of the same template."""
    return component.span is not None and slot.start <= component.span[0] and component.span[1] <= slot.end
