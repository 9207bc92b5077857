"""``orchestrator loras show``: every value with its source, contradictions, and what the selection goes by."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from orchestrator_app.console import heading, say, table, width

if TYPE_CHECKING:
    from orchestrator_core.loras.library import Library
    from orchestrator_core.loras.ranking import LoraIndex
    from orchestrator_core.loras.record import Fact, LoraRecord
    from orchestrator_core.stages.select_loras import Selection

_LABEL = 16  # columns
_PROSE = ("tags", "notes", "description", "training tags", "examples", "negative", "same content")
_FOUND_BY, _TRAINING_TAGS = 8, 12  # that are shown
_SUMMARY = 90  # characters of a value in the table of sources


def show(arguments: argparse.Namespace) -> int:
    from orchestrator_app.lora_library import find_lora, open_library

    with open_library(arguments.loras) as (library, _):
        record = find_lora(library, arguments.name)
        if arguments.json:
            from orchestrator_app.commands.loras.listing import print_json

            print_json([record])
            return 0
        _print_record(library, record)
        _print_sources(record)
        _print_selection(library, record, arguments)
    return 0


def _print_record(library: Library, record: LoraRecord) -> None:
    heading(f"{record.name}{f'  ({record.title})' if record.title else ''}{'  *' if record.favourite else ''}")
    for label, text in _lines(library, record):
        if text:
            room = max(20, width() - _LABEL - 4) if label in _PROSE else 10**6  # a path is to be copied
            shown = [
                line for part in text.splitlines() for line in textwrap.wrap(part, room, break_long_words=False) or [""]
            ]
            for number, line in enumerate(shown):
                say(f"  {label if number == 0 else '':<{_LABEL}}{line}".rstrip())


def _lines(library: Library, record: LoraRecord) -> Iterator[tuple[str, str]]:
    from orchestrator_app.progress_bar import size
    from orchestrator_core.loras.brief import some_of

    yield "file", f"{record.path}\n{size(record.size)}, {record.state}"
    family = f" ({record.base_model})" if record.sub_family else ""
    yield "base model", f"{record.sub_family or record.base_model}{family}"
    yield "kind", record.category or ""
    yield "trigger words", "\n".join(record.trigger_words)
    yield "tags", ", ".join(record.tags)
    yield "strength", _strengths(record)
    yield "negative", record.negative
    yield "notes", record.notes
    yield "description", record.description[:600] + ("…" if len(record.description) > 600 else "")
    yield "trained on", record.trained_on
    shown = record.training_tags[:_TRAINING_TAGS]
    yield "training tags", ", ".join(f"{tag} ({count:,})" for tag, count in shown)
    yield "examples", _examples(record)
    yield "preview", record.preview
    yield "civitai", _civitai(record)
    yield "hashes", "\n".join(f"{name} {value}" for name, value in _hashes(record) if value)
    snapshot = library.snapshot
    yield "same content", some_of([snapshot.entries[path].name for path in snapshot.names.twins(record.path)])


def _strengths(record: LoraRecord) -> str:
    parts = []
    if record.preferred_strength is not None:
        parts.append(f"{record.preferred_strength:g}")
    if record.preferred_clip_strength is not None:
        parts.append(f"{record.preferred_clip_strength:g} for CLIP")
    if record.strength_range is not None:
        parts.append("from {:g} to {:g}".format(*record.strength_range))
    return ", ".join(parts)


def _examples(record: LoraRecord) -> str:
    if not record.examples:
        return ""
    first = " ".join(record.examples[0].text.split())
    number = f"{len(record.examples)} prompts, as: " if len(record.examples) > 1 else ""
    return f"{number}{first[:200]}{'…' if len(first) > 200 else ''}"


def _civitai(record: LoraRecord) -> str:
    if not record.model_id:
        return ""
    version = f"?modelVersionId={record.version_id}" if record.version_id else ""
    return f"https://civitai.com/models/{record.model_id}{version}"


def _hashes(record: LoraRecord) -> Sequence[tuple[str, str]]:
    return (
        ("SHA-256", record.sha256),
        ("tensors", record.tensor_sha256),
        ("AutoV1 ", record.autov1),
        ("AutoV3 ", record.autov3),
    )


# sources


def _print_sources(record: LoraRecord) -> None:
    from orchestrator_core.loras.missing import KINDS, conflicting, problems

    facts = [fact for fact in record.facts if fact.field != "problem"]
    if facts:
        say()
        order = list(dict.fromkeys(fact.field for fact in facts))
        ranked = sorted(facts, key=lambda fact: (order.index(fact.field), -_trust(fact)))
        contradicted = conflicting(record)
        rows = [_fact_row(fact, number, ranked, contradicted) for number, fact in enumerate(ranked)]
        table(("what", "value", "says", "trust"), rows, right=(3,), wraps=1)
    for kind in record.missing:
        found = KINDS[kind]
        say(f"\n{found.title}: {found.sentence} {found.advice}")
    for sentence in problems(record):
        say(f"\n{sentence}")


def _trust(fact: Fact) -> float:
    return 2.0 if fact.source == "user" else fact.confidence


def _fact_row(
    fact: Fact, number: int, ranked: Sequence[Fact], contradicted: Sequence[str]
) -> tuple[str, str, str, str]:
    first = number == 0 or ranked[number - 1].field != fact.field
    name = fact.field.replace("_", " ") if first else ""
    if first and fact.field in contradicted:
        name += " (contradiction)"
    value = " ".join(fact.value.replace("\n", " | ").split())
    value = value if len(value) <= _SUMMARY else f"{value[: _SUMMARY - 1]}…"
    return name, value, "you" if fact.source == "user" else fact.source, f"{fact.confidence:g}"


# selection


def _print_selection(library: Library, record: LoraRecord, arguments: argparse.Namespace) -> None:
    from orchestrator_app.lora_library import base_model_for
    from orchestrator_core.loras.gate import barred, base_model_reason
    from orchestrator_core.loras.source import LibrarySource

    index = LibrarySource(library).index()
    say()
    heading("Selection")
    asked = arguments.prompt is not None or arguments.checkpoint or arguments.base_model
    checkpoint = base_model_for(arguments.base_model, arguments.checkpoint)
    reason = barred(record, checkpoint)
    if reason is not None:
        say(f"  Never chosen: {reason.sentence}.")
    elif asked:
        say(f"  {base_model_reason(record, checkpoint).sentence}")
    if reason is None and record.category == "accelerator":
        say("  An accelerator: only chosen with --allow-accelerators or --include.")
    if arguments.prompt is not None:
        from orchestrator_core.prompt import Component, PromptDraft
        from orchestrator_core.stages.select_loras import select

        selection = select(PromptDraft((Component(arguments.prompt),)), index, checkpoint)
        say(f"  For this prompt: {_verdict(record, selection)}")
    _print_found_by(index, record)


def _verdict(record: LoraRecord, selection: Selection) -> str:
    from orchestrator_core.loras.reasons import sentence_of

    for use in selection.chosen:
        if use.record.path == record.path:
            return f"chosen at {use.strength.model:g}: {sentence_of(use.candidate.reasons)}."
    for one in (*selection.nearly, *selection.refused):
        if one.record.path == record.path:
            return f"not chosen: {one.reason.sentence}. {sentence_of(one.candidate.reasons)}".strip()
    return "not chosen: nothing in it speaks of this LoRA, or of others far more."


def _print_found_by(index: LoraIndex, record: LoraRecord) -> None:
    from orchestrator_core.loras.documents import document_of

    worth: dict[str, tuple[str, float]] = {}
    for phrase in document_of(record):
        value = phrase.weight * sum(map(index.information, phrase.key)) / len(phrase.key)
        if phrase.text not in worth or worth[phrase.text][1] < value:
            worth[phrase.text] = (phrase.field, value)
    best = sorted(worth.items(), key=lambda item: -item[1][1])[:_FOUND_BY]
    if not best:
        say("  Found by no word: it has neither trigger words nor tags, and a name that says nothing.")
        return
    found_by = ", ".join(f"{field} '{text}'" for text, (field, _) in best)
    lines = textwrap.wrap(f"Found by, the best first: {found_by}", max(40, width() - 2))
    say("\n".join(f"  {line}" for line in lines))
