"""A LoRA as the browser shows it: a card for the list, all facts with their sources for the details."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

from orchestrator_core.loras.brief import shortened
from orchestrator_core.loras.composing import Chosen, NotChosen
from orchestrator_core.loras.missing import KINDS, conflicting, problems
from orchestrator_core.loras.reasons import sentence_of
from orchestrator_core.loras.record import Fact, LoraRecord

_TRAINING_TAGS = 40  # that are shown
_EXAMPLES = 6
_LONGEST = 5_000  # characters of a text
_GROUPS = 20  # of trigger words
_COPIES = 20  # that are named


def id_of(path: str) -> str:
    """What the page calls a LoRA: it never names a path."""
    return blake2b(path.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def file_of(record: LoraRecord) -> str:
    """As ComfyUI lists it: below its folder, with the extension, and the system's separators."""
    return record.path[len(record.root) :].lstrip("/\\")


def card(record: LoraRecord, copies: Sequence[str] = ()) -> dict[str, Any]:
    """What the list shows. Texts are texts of strangers: the page shows them as such, never as markup.

    ``copies``: what other files of its content are called.
    """
    return {
        "id": id_of(record.path),
        "name": _text(record.name),
        "file": _text(file_of(record)),
        "title": _text(record.title or record.name.rpartition("/")[2]),
        "base": record.base_model,
        "sub": record.sub_family,
        "category": record.category or "",
        "trigger_words": [_text(shortened(group)) for group in record.trigger_words[:_GROUPS]],
        "also": [_text(name) for name in copies[:_COPIES]],
        "missing": list(record.missing),
        "state": record.state,
        "favourite": record.favourite,
        "excluded": record.excluded,
        "nsfw": record.nsfw,
        "strength": record.preferred_strength,
        "preview": bool(record.preview),
    }


def details(record: LoraRecord, copies: Sequence[str] = ()) -> dict[str, Any]:
    """All that is known. The folder is told, since it is the person's own; the page never sends it back."""
    return {
        **card(record, copies),
        "trigger_words": [_text(group) for group in record.trigger_words[:_GROUPS]],
        "folder": _text(record.root),
        "size": record.size,
        "changed_ms": record.mtime_ns // 1_000_000,
        "sha256": record.sha256,
        "rank": record.rank,
        "trained_on": _text(record.trained_on),
        "tags": [_text(tag) for tag in record.tags],
        "notes": _text(record.notes),
        "description": _text(record.description),
        "negative": _text(record.negative),
        "strength_range": record.strength_range,
        "civitai": f"https://civitai.com/models/{record.model_id}" if record.model_id.isdigit() else "",
        "training_tags": [[_text(tag), count] for tag, count in record.training_tags[:_TRAINING_TAGS]],
        "examples": [_text(example.text) for example in record.examples[:_EXAMPLES]],
        "flags": [_flag(kind) for kind in record.missing],
        "conflicts": list(conflicting(record)),
        "problems": [_text(problem) for problem in problems(record)],
        "facts": [_fact(fact) for fact in sorted(record.facts, key=_order) if fact.field != "problem"],
    }


def _flag(kind: str) -> dict[str, str]:
    found = KINDS[kind]
    return {"kind": kind, "title": found.title, "sentence": found.sentence, "advice": found.advice}


def _order(fact: Fact) -> tuple[str, float]:
    return fact.field, -fact.confidence


def _fact(fact: Fact) -> dict[str, Any]:
    return {
        "field": fact.field,
        "value": _text(fact.value),
        "source": fact.source,
        "confidence": round(fact.confidence, 2),
    }


def chosen_card(use: Chosen) -> dict[str, Any]:
    """A LoRA of a selection, as its node shows it."""
    return {
        **_in_node(use.record),
        "state": "chosen",
        "strength": use.strength.model,
        "strength_clip": use.strength.clip,
        "why": sentence_of(use.candidate.reasons),
    }


def other_card(one: NotChosen, state: str) -> dict[str, Any]:
    """One that was nearly chosen, or refused: first why not, then what spoke for it."""
    return {
        **_in_node(one.record),
        "state": state,
        "why": one.reason.sentence,
        "because": sentence_of(one.candidate.reasons),
    }


def _in_node(record: LoraRecord) -> Mapping[str, Any]:
    found = card(record)
    return {key: found[key] for key in ("id", "name", "title", "base", "sub", "preview")}


def _text(text: str) -> str:
    """No longer than a page can show, and without halves of characters, which JSON could not carry."""
    return text[:_LONGEST].encode("utf-8", "replace").decode()
