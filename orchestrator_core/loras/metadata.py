"""One LoRA and what lies beside it → a LoraRecord: all values with their sources, and of each the one to believe.

Nothing here raises for what a file holds: a file that cannot be read is a record that says so.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass

from orchestrator_core.loras.believing import believed_fields
from orchestrator_core.loras.findings import Findings
from orchestrator_core.loras.guesses import add_guesses, guess_of, guesses_of_tags
from orchestrator_core.loras.header import Header, read_header
from orchestrator_core.loras.header_facts import add_metadata
from orchestrator_core.loras.missing import flags
from orchestrator_core.loras.record import ExamplePrompt, Fact, LoraRecord
from orchestrator_core.loras.sidecars import add_sidecar, preview_of

# What a person sets, and what is fetched when asked for; both come from the store, the rest from files.
FROM_STORE = ("user", "civitai")
_GUESSED = tuple(map(guess_of, FROM_STORE))
EXAMPLES = "examples"  # a fetched fact that is no value to show: JSON, a list of [text, strength]
_TENSORS = (".safetensors", ".sft")


@dataclass(frozen=True, slots=True)
class LoraFiles:
    """One model and what lies beside it; all paths are absolute."""

    model: str
    root: str
    name: str  # LoraRecord.name
    size: int
    mtime_ns: int
    sidecars: tuple[str, ...] = ()  # every sibling of the same stem: .json, .civitai.info, .txt, previews, …


def read_lora(files: LoraFiles) -> LoraRecord:
    """What is known of a LoRA. Never raises: ``state``, ``missing`` and the facts named "problem" say what is wrong."""
    found = Findings()
    header = read_header(files.model) if files.model.lower().endswith(_TENSORS) else Header("complete")
    names = _names(files, header)
    for path in files.sidecars:
        add_sidecar(found, path, files.model, names)
    _add_header(found, header)
    add_guesses(found, files.name)
    preview = preview_of(files.sidecars, files.model) or ("embedded" if found.embedded_preview else "")
    facts, examples = tuple(found.facts), tuple(found.examples)
    values = believed_fields(facts, examples) | {
        "state": header.state,
        "training_tags": found.training_tags,
        "examples": examples,
        "preview": preview,
        "facts": facts,
    }
    place = (files.name, files.model, files.root, files.size, files.mtime_ns)
    return LoraRecord(*place, **values, missing=flags(LoraRecord(*place, **values)))


def with_user_facts(record: LoraRecord, facts: Iterable[Fact]) -> LoraRecord:
    """The record with these facts in place of those that it had from the store; what is believed is decided anew.

    A person's (source "user") win over all, fetched ones ("civitai") over what files say. A fact of an empty value
    takes the value away: "no trigger words" is an answer too.
    """
    own = [fact for fact in record.facts if fact.source not in (*FROM_STORE, *_GUESSED)]
    examples, shown = record.examples, []
    for fact in facts:
        if fact.field == EXAMPLES:
            examples = tuple(dict.fromkeys((*examples, *_examples_of(fact.value))))
        else:
            shown.append(fact)
    together = (*shown, *guesses_of_tags(shown), *own)
    changed = record.replacing(**believed_fields(together, examples), examples=examples, facts=together)
    return changed.replacing(missing=flags(changed, duplicate="duplicate" in record.missing))


def examples_fact(examples: Iterable[ExamplePrompt], source: str) -> Fact:
    """Example prompts as a fact that the store keeps, and ``with_user_facts`` reads."""
    return Fact(EXAMPLES, json.dumps([(example.text, example.strength) for example in examples]), source, 1.0)


def _examples_of(text: str) -> list[ExamplePrompt]:
    try:
        return [ExamplePrompt(*example) for example in json.loads(text)]
    except (ValueError, TypeError):  # not of ``examples_fact``
        return []


def _names(files: LoraFiles, header: Header) -> frozenset[str]:
    """What a ``<lora:…>`` tag may call this file: its own name, or the one that its trainer gave it."""
    stem = os.path.split(files.model)[1].rpartition(".")[0]
    return frozenset(filter(None, (stem, header.metadata.get("ss_output_name", ""))))


def _add_header(found: Findings, header: Header) -> None:
    if header.problem:
        found.problem(header.problem, "header")
    if header.metadata:
        add_metadata(found, header.metadata)
    if header.base_model.family:
        found.text("base_model", header.base_model.family, "tensors", 0.6)
