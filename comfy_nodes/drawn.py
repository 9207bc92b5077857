"""A drawn prompt as the browser shows it: its words in colours, the parts that can be drawn again, what is odd."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from orchestrator_core.prompt import PromptDraft
from orchestrator_core.provenance import Decision, Word, explain
from orchestrator_core.template import Slot, Template

_SOURCE_LENGTH = 60  # characters of ``{fox|owl|…}`` in a table


def drawn_as_json(draft: PromptDraft) -> dict[str, Any]:
    """Places are in characters (code points, not JavaScript's units) of the template that ``where`` names."""
    positive, negative = explain(draft.components), explain(draft.negative)
    return {
        "seed": draft.seed,
        "positive": draft.positive,
        "negative": draft.negative_prompt,
        "words": words_as_json(positive.words),
        "negative_words": words_as_json(negative.words),
        "decisions": [decision_as_json(decision) for decision in positive.decisions],
        "negative_decisions": [decision_as_json(decision) for decision in negative.decisions],
        "slots": slots_as_json(draft),
        "diagnostics": [asdict(diagnostic) for diagnostic in draft.diagnostics],
    }


def words_as_json(words: Iterable[Word]) -> list[dict[str, Any]]:
    return [{"text": word.text, "kind": word.kind, "shade": word.shade, "number": word.number} for word in words]


def decision_as_json(decision: Decision) -> dict[str, Any]:
    """One line of the table: what was drawn, from where, how likely that was."""
    choice = decision.choice
    return {
        "number": decision.number,
        "depth": decision.depth,
        "words": decision.words,
        "source": "".join(text for text, _ in decision.source_parts(_SOURCE_LENGTH)),
        "place": decision.place,
        "chance": " ".join(decision.chance.split()),
        "probability": choice.probability,
        "options": choice.options,
    }


def slots_as_json(draft: PromptDraft) -> list[dict[str, Any]]:
    """The parts of the template that are drawn, each with how it is written and the text that came of it."""
    source = draft.source
    slots = Template(source.template, source.negative, source.dialect).slots
    return [{**asdict(slot), "source": written_at(slot, draft), "text": drawn_in(slot, draft)} for slot in slots]


def written_at(slot: Slot, draft: PromptDraft) -> str:
    template = draft.source.template if slot.where == "positive" else draft.source.negative
    return template[slot.start : slot.end]


def drawn_in(slot: Slot, draft: PromptDraft) -> str:
    """What a slot gave. A variable's assignment gives its value wherever it is used: that is said once."""
    runs: list[str] = []
    inside = False
    for component in draft.components if slot.where == "positive" else draft.negative:
        span = component.span
        here = span is not None and slot.start <= span[0] and span[1] <= slot.end
        if here and inside:
            runs[-1] += component.text
        elif here:
            runs.append(component.text)
        inside = here
    return " … ".join(dict.fromkeys(text for run in runs if (text := " ".join(run.split()))))
