"""Entry: what the library holds in memory of each LoRA, some hundred bytes; and a record as JSON and back.

Records are large (example prompts, training tags, every fact that was read), so 10,000 of them stay in the database
until somebody asks for one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import fields
from hashlib import blake2b
from typing import Any, NamedTuple

from orchestrator_core.loras.files import Unit
from orchestrator_core.loras.record import ExamplePrompt, Fact, LoraRecord

READERS = 3  # raise it when the readers learn to find more in the same files: all are read again
FIELDS = tuple(field.name for field in fields(LoraRecord))
TRAINING, EXAMPLES, FACTS = map(FIELDS.index, ("training_tags", "examples", "facts"))
ENCODER = json.JSONEncoder(separators=(",", ":"))
SALT = blake2b(repr((READERS, FIELDS)).encode(), digest_size=4).hexdigest()
LONGEST_TEXT = 4000  # characters of notes and description that can be searched


class Entry(NamedTuple):
    """A row of the store's table ``loras``, without its record."""

    root: str
    path: str
    name: str
    title: str
    size: int
    mtime_ns: int
    inode: str
    stamp: str
    fingerprint: str
    state: str
    first_ms: int
    hashed: int
    sha256: str
    tensor_sha256: str
    autov1: str
    autov3: str


def entry_of(unit: Unit, record: LoraRecord, stamp: str, old: Entry | None) -> Entry:
    """The entry of what was read. Digests of ``old`` stay where it is the same file, before or at another place."""
    same = old is not None and (old.size, old.mtime_ns, old.stamp) == (unit.size, unit.mtime_ns, stamp)
    hashes = (old.hashed, old.sha256, old.tensor_sha256, old.autov1) if old and same and old.hashed else None
    return Entry(
        unit.root,
        unit.path,
        unit.name,
        record.title,
        unit.size,
        unit.mtime_ns,
        str(unit.inode),
        stamp,
        unit.fingerprint,
        record.state,
        old.first_ms if old else 0,
        *(hashes or (0, record.sha256, record.tensor_sha256, record.autov1)),
        record.autov3,
    )


def encode(record: LoraRecord) -> str:
    """JSON, ASCII: file names may hold what is no text."""
    values = [getattr(record, name) for name in FIELDS]
    # A list for each column: pairs in pairs of brackets would take twice the time, written and read.
    values[TRAINING] = ([tag for tag, _ in record.training_tags], [count for _, count in record.training_tags])
    values[EXAMPLES] = ([example.text for example in record.examples], [one.strength for one in record.examples])
    values[FACTS] = [(fact.field, fact.value, fact.source, fact.confidence) for fact in record.facts]
    return ENCODER.encode(values)


def decode(text: str) -> LoraRecord:
    """Raises ValueError or TypeError for what ``encode`` never wrote."""
    values: dict[str, Any] = dict(zip(FIELDS, json.loads(text), strict=True))
    for name in ("trigger_words", "tags", "missing"):
        values[name] = tuple(values[name])
    values["training_tags"] = tuple(zip(*values["training_tags"], strict=True))
    values["examples"] = tuple(map(ExamplePrompt, *values["examples"]))
    values["facts"] = tuple(Fact(*fact) for fact in values["facts"])
    if values["strength_range"] is not None:
        values["strength_range"] = tuple(values["strength_range"])
    return LoraRecord(**values)


def believed(record: LoraRecord, entry: Entry, offline: bool) -> LoraRecord:
    """The record as things are now: where it is, whether it is there, and the digests that were computed since."""
    return record.replacing(
        name=entry.name,
        path=entry.path,
        root=entry.root,
        state="offline" if offline else entry.state,
        sha256=entry.sha256,
        tensor_sha256=entry.tensor_sha256,
        autov1=entry.autov1,
    )


def search_texts(record: LoraRecord) -> Sequence[str]:
    """A text for each of the store's search fields: names, words, training, notes."""
    return (
        f"{record.name} {record.title}",
        _joined((*record.trigger_words, *record.tags, record.base_model, record.sub_family, record.category or "")),
        _joined(tag for tag, _ in record.training_tags),
        f"{record.notes} {record.description}"[:LONGEST_TEXT],
    )


def _joined(words: Iterable[str]) -> str:
    return " ".join(words)
