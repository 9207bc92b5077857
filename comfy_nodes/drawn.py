"""A drawn prompt as the browser shows it: its words in colours, the parts that can be drawn again, what is odd."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from orchestrator_core.prompt import Component, PromptDraft
from orchestrator_core.provenance import Decision, explain, percent
from orchestrator_core.template import Slot, Template

_SOURCE_LENGTH = 60  # characters of ``{fox|owl|…}`` in a table


def drawn_as_json(draft: PromptDraft, slots: Sequence[Slot] | None = None) -> dict[str, Any]:
    """Places are in characters (code points, not JavaScript's units) of the template that ``where`` names.

    ``slots``: those of the draft's template, where they are known already.
    """
    slots = template_slots(draft) if slots is None else slots
    above, below = ([slot for slot in slots if slot.where == where] for where in ("positive", "negative"))
    positive, negative = _side(draft.components, above), _side(draft.negative, below)
    source = draft.source
    return {
        "seed": draft.seed,
        "positive": draft.positive,
        "negative": draft.negative_prompt,
        "words": positive.words,
        "negative_words": negative.words,
        "decisions": positive.decisions,
        "negative_decisions": negative.decisions,
        "slots": positive.slots(source.template) + negative.slots(source.negative),
        "diagnostics": [asdict(diagnostic) for diagnostic in draft.diagnostics],
    }


def template_slots(draft: PromptDraft) -> tuple[Slot, ...]:
    source = draft.source
    return _slots_of(source.template, source.negative, source.dialect)


@lru_cache(maxsize=16)
def _slots_of(template: str, negative: str, dialect: str) -> tuple[Slot, ...]:
    """Kept, since a queue draws from the same few templates: to read one costs more than to draw from it."""
    return Template(template, negative, dialect).slots


@dataclass(frozen=True, slots=True)
class _Side:
    """The positive or the negative prompt; ``owners`` has, for each component, the number of its slot or -1."""

    components: Sequence[Component]
    all_slots: Sequence[Slot]
    owners: Sequence[int]
    words: list[dict[str, Any]]
    decisions: list[dict[str, Any]]

    def slots(self, template: str) -> list[dict[str, Any]]:
        """The parts of the template that are drawn, each with how it is written and the text that came of it."""
        texts = self._drawn()
        return [
            {
                "id": slot.id,
                "start": slot.start,
                "end": slot.end,
                "where": slot.where,
                "source": template[slot.start : slot.end],
                "text": " … ".join(dict.fromkeys(" ".join(text.split()) for text in texts[number] if text.strip())),
            }
            for number, slot in enumerate(self.all_slots)
        ]

    def _drawn(self) -> list[list[str]]:
        """What each slot gave. A variable's assignment gives its value wherever it is used."""
        found: list[list[str]] = [[] for _ in self.all_slots]
        before = -1
        for owner, component in zip(self.owners, self.components, strict=True):
            if owner >= 0 and owner == before:
                found[owner][-1] += component.text
            elif owner >= 0:
                found[owner].append(component.text)
            before = owner
        return found


def _side(components: Sequence[Component], slots: Sequence[Slot]) -> _Side:
    explained = explain(components)
    starts = [slot.start for slot in slots]
    owners = [_owner(component, slots, starts) for component in components]
    # A component without text is no word. A word that nothing was decided for belongs to no slot.
    ids = [slots[owner].id if owner >= 0 else "" for owner, part in zip(owners, components, strict=True) if part.text]
    words = [
        {"text": w.text, "kind": w.kind, "shade": w.shade, "number": w.number, "slot": slot if w.number else ""}
        for w, slot in zip(explained.words, ids, strict=True)
    ]
    return _Side(components, slots, owners, words, [decision_as_json(each) for each in explained.decisions])


def _owner(component: Component, slots: Sequence[Slot], starts: Sequence[int]) -> int:
    """Which slot a component came of: they stand in the order of the template, and do not overlap."""
    if component.span is None:
        return -1
    number = bisect_right(starts, component.span[0]) - 1
    return number if number >= 0 and component.span[1] <= slots[number].end else -1


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
