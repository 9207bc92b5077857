"""The LoRAs that were chosen for drawn prompts, with the reasons, as HTML."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from orchestrator_app.studio.choosing import Choosing
from orchestrator_app.studio.html import escape, notice, number
from orchestrator_app.studio.loras_html import base_name
from orchestrator_core.loras.composing import Chosen, NotChosen
from orchestrator_core.loras.reasons import sentence_of
from orchestrator_core.prompt import PromptDraft
from orchestrator_core.stages.select_loras import Selection

_NEARLY = 4


@dataclass(frozen=True, slots=True)
class ChosenLoras:
    """Drafts with the LoRAs that were chosen for them, what stands below each, and what is to be said of all."""

    drafts: tuple[PromptDraft, ...]
    below: tuple[str, ...] = ()
    notes: str = ""


def chosen_loras(choosing: Choosing | None, drafts: Sequence[PromptDraft]) -> ChosenLoras:
    """The drafts as they are where nothing is to be chosen. Raises FormatError for a query that cannot be read."""
    if choosing is None:
        return ChosenLoras(tuple(drafts))
    found = [choosing(draft) for draft in drafts]
    notes = [choosing.note, *(problem for selection in found for problem in selection.problems)]
    return ChosenLoras(
        tuple(selection.draft for selection in found), tuple(map(chosen_html, found)), problems_html(notes)
    )


def chosen_html(selection: Selection) -> str:
    """Under a drawn prompt: which LoRAs it gets and why, and which it nearly got."""
    lines = [_used(use) for use in selection.chosen]
    if not lines:
        lines = ["<p><em>No LoRA fits clearly enough.</em></p>"]
    nearly = [*selection.nearly[:_NEARLY], *selection.refused[:_NEARLY]]
    rest = "".join(f"<p>{_unused(one)}</p>" for one in nearly)
    more = (
        f"<details><summary>{number(len(nearly), 'other')} that came near</summary>{rest}</details>" if nearly else ""
    )
    return f'<div class="orc-chosen-loras">{"".join(lines)}{more}</div>'


def _used(use: Chosen) -> str:
    both = f" with {base_name(use.candidate.partner)}" if use.candidate.partner else ""
    name = f'<b title="{escape(use.record.name)}">{escape(base_name(use.record) + both)}</b>'
    why = escape(sentence_of(use.candidate.reasons))
    return f"<p>{name} <span>{use.strength.model:g}</span> <small>{why}</small></p>"


def _unused(one: NotChosen) -> str:
    why = sentence_of(one.candidate.reasons)
    text = one.reason.sentence + (f" ({why})" if why else "")
    return f'<b title="{escape(one.record.name)}">{escape(base_name(one.record))}</b> <small>{escape(text)}</small>'


def problems_html(notes: Iterable[str]) -> str:
    """What could not be followed, each thing once."""
    return "".join(notice(text, "hint") for text in dict.fromkeys(filter(None, notes)))
