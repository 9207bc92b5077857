"""Trigger words into a prompt: once, and only those that are not there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from orchestrator_core.loras.candidates import lora_key
from orchestrator_core.loras.composing import Chosen
from orchestrator_core.loras.record import LoraRecord
from orchestrator_core.loras.strengths import Strength
from orchestrator_core.loras.words import contains_phrase, key_of, phrases_of, prompt_text, stems_of
from orchestrator_core.prompt import Choice, Component, LoraUse, Origin, PromptDraft

Insert = Literal["matched", "all", "none"]


def trigger_text(record: LoraRecord, prompt: str, insert: Insert) -> str:
    """What to add to the prompt for a LoRA, "" for nothing: of each group the parts that are not there."""
    groups = _groups(record, prompt, insert)
    stems = stems_of(prompt_text(prompt))
    added: list[str] = []
    for part in (part for group in groups for part in phrases_of(group)):
        if not contains_phrase(stems, part) and (part_stems := stems_of(part)):
            added.append(part)
            stems += part_stems
    return ", ".join(added)


def _groups(record: LoraRecord, prompt: str, insert: Insert) -> Sequence[str]:
    if insert == "none":
        return ()
    if insert == "all":
        return record.trigger_words
    best = matched_group(record, prompt)
    return (best,) if best else ()


def matched_group(record: LoraRecord, prompt: str) -> str:
    """The group that shares most of its words with the prompt; the first one where none does; "" without any."""
    there = set(stems_of(prompt_text(prompt)))

    def shared(group: str) -> float:
        key = key_of(group)
        return sum(word in there for word in key) / len(key) if key else 0.0

    return max(record.trigger_words, key=shared, default="")  # max keeps the first of equal ones


def separator_after(prompt: str) -> str:
    """What stands between a prompt and words that are put behind it."""
    text = prompt.rstrip()
    if not text:
        return ""
    if text.endswith(","):
        return " " if text == prompt else ""
    return ", "


def with_loras(draft: PromptDraft, chosen: Sequence[Chosen], insert: Insert) -> PromptDraft:
    """The draft with these LoRAs in its list, and their trigger words behind its text."""
    for use in chosen:
        added = [_lora_use(use.record, use.strength)]
        if use.candidate.partner is not None and use.partner_strength is not None:
            added.append(_lora_use(use.candidate.partner, use.partner_strength))
        component = _component(use, draft.positive, insert)
        draft = draft.replacing(
            loras=(*draft.loras, *added),
            components=draft.components if component is None else (*draft.components, component),
        )
    return draft


def _lora_use(record: LoraRecord, strength: Strength) -> LoraUse:
    return LoraUse(record.name, strength.model, strength.clip, record.sha256)


def _component(use: Chosen, prompt: str, insert: Insert) -> Component | None:
    text = trigger_text(use.record, prompt, insert)
    if not text:
        return None
    keys = tuple(lora_key(record) for record in use.among) or (lora_key(use.record),)
    choice = Choice(lora_key(use.record), keys, probability=use.probability, options=len(keys))
    return Component(f"{separator_after(prompt)}{text}", Origin.trigger_words, (choice,))
