"""What ``/orchestrator/loras/…`` answers: pages of the library, one LoRA with all its facts, what a person says of it.

The page names a LoRA by an id that it was given, never by a path. As in routes_answers.py, each method takes what was
asked, as JSON has it, and is called from several threads at once.
"""

from __future__ import annotations

import csv
import io
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from orchestrator_core.base_models import FAMILIES, SUB_FAMILIES
from orchestrator_core.loras.missing import KINDS
from orchestrator_core.loras.query import SORTS, parse_query
from orchestrator_core.loras.record import LoraRecord

from .contents import Content
from .lora_cards import card, details, file_of, id_of
from .lora_previews import preview_picture, preview_stamp
from .lora_shelf import LoraShelf
from .routes import Refused

ID = "^[0-9a-f]{16}$"
_GONE = "There is no such LoRA any more. Refresh the list."
_TEXT = 20_000  # characters of what a person says of a LoRA


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _List(_Asked):
    query: str = Field("", max_length=2_000)
    sort: str = Field("favourite", pattern=f"^({'|'.join(SORTS)})$")
    backwards: bool = False
    offset: int = Field(0, ge=0)
    limit: int = Field(100, ge=0, le=500)
    ids: str = Field("", max_length=200 * 17)  # of a message, with commas; "" for all
    gone: bool = False  # also those whose files are not there any more


class _One(_Asked):
    id: str = Field(pattern=ID)


class _Preview(_One):
    size: Literal["small", "large"] = "small"
    seen: str = ""  # the ETag that the browser has


class _User(_One):
    """What is absent stays as it is; null takes a person's word back."""

    favourite: bool | None = None
    excluded: bool | None = None
    trigger_words: list[str] | None = Field(None, max_length=200)
    tags: list[str] | None = Field(None, max_length=200)
    base_model: str | None = Field(None, max_length=100)
    preferred_strength: float | None = Field(None, ge=-10, le=10)
    notes: str | None = Field(None, max_length=_TEXT)


class _Export(_Asked):
    format: Literal["csv", "json"] = "csv"
    query: str = Field("", max_length=2_000)


@dataclass(frozen=True, slots=True)
class _Found:
    """The records that match a question, as long as ``records`` are those of the library."""

    asked: _List
    records: Mapping[str, LoraRecord]
    matching: list[LoraRecord]


class LoraAnswers:
    def __init__(self, shelf: LoraShelf) -> None:
        self._shelf = shelf
        self._paths: dict[str, str] = {}  # by id, of all that were ever shown
        self._lock = threading.Lock()
        self._last: _Found | None = None  # whose next pages are asked for

    def page(self, query: dict[str, Any]) -> dict[str, Any]:
        """A page of cards, and of all that match how many have which flag, base model and category."""
        asked = _List.model_validate(query)
        records = self._matching(asked)
        page = records[asked.offset : asked.offset + asked.limit]
        return {
            "total": len(records),
            "offset": asked.offset,
            "loras": [self._card(record) for record in page],
            "facets": _facets(records) if asked.offset == 0 else None,
            "ready": self._shelf.status()["ready"],
        }

    def one(self, query: dict[str, Any]) -> dict[str, Any]:
        return self._details(self.record(_One.model_validate(query).id))

    def preview(self, query: dict[str, Any]) -> Content:
        """The picture of a LoRA that is known. Raises Refused where there is none."""
        asked = _Preview.model_validate(query)
        record = self.record(asked.id)
        tag = f'"{preview_stamp(record)}-{asked.size}"'
        headers = {"ETag": tag, "Cache-Control": "private, no-cache", "X-Content-Type-Options": "nosniff"}
        if asked.seen == tag:
            return Content(b"", "image/webp", headers=headers, status=304)
        picture = preview_picture(record, asked.size)
        if picture is None:
            raise Refused(404, "This LoRA has no preview that can be shown.")
        return Content(picture, "image/webp", headers=headers)

    def user(self, body: dict[str, Any]) -> dict[str, Any]:
        """Keeps what a person says; the LoRA as it is then. Raises StoreError where it cannot be kept."""
        asked = _User.model_validate(body)
        record = self.record(asked.id)
        for name in sorted(asked.model_fields_set - {"id"}):
            value = _as_fact(name, getattr(asked, name))
            try:
                record = self._shelf.source.library.set_user(record, name, value)
            finally:
                self._shelf.source.forget(record.path)
        return self._details(record)

    def refresh(self, body: dict[str, Any]) -> dict[str, Any]:
        """Looks at all folders now; what was found, in a line."""
        _Asked.model_validate(body)
        changes = self._shelf.refresh()
        return {"message": changes.message, "problem": changes.problem, "total": len(self._shelf.source.library)}

    def status(self, query: dict[str, Any]) -> dict[str, Any]:
        """How the folders are watched, the hashing, problems, the number of LoRAs by flag; and what can be chosen."""
        _Asked.model_validate(query)
        known = self._shelf.source.records().values()
        records = self._each_once([record for record in known if record.state != "missing"])
        flags = {kind: {"title": found.title, "sentence": found.sentence} for kind, found in KINDS.items()}
        return {
            **self._shelf.status(),
            "total": len(records),
            "counts": _facets(records)["missing"],
            "flags": flags,
            "sorts": [*SORTS],
            "base_models": [*FAMILIES, *SUB_FAMILIES],
        }

    def export(self, query: dict[str, Any]) -> Content:
        """Which LoRAs lack what, as a file to work through."""
        asked = _Export.model_validate(query)
        found = parse_query(asked.query).apply(self._some(self._shelf.source.records(), _List()))
        records = [record for record in found if record.missing]
        rows = [_exported(record) for record in records]
        data, kind = (_csv(rows), "text/csv") if asked.format == "csv" else (_json(rows), "application/json")
        name = f'attachment; filename="loras_missing_metadata.{asked.format}"'
        return Content(data.encode("utf-8", "replace"), kind, "utf-8", {"Content-Disposition": name})

    def _matching(self, asked: _List) -> list[LoraRecord]:
        records = self._shelf.source.records()
        wanted = asked.model_copy(update={"offset": 0, "limit": 0})
        with self._lock:
            if self._last is not None and self._last.asked == wanted and self._last.records is records:
                return self._last.matching
        parsed = parse_query(asked.query)
        if not parsed.sort:
            parsed = replace(parsed, sort=asked.sort, backwards=asked.backwards)
        found = self._each_once(parsed.apply(self._some(records, asked)))
        with self._lock:
            self._last = _Found(wanted, records, found)
        return found

    def _some(self, records: Mapping[str, LoraRecord], asked: _List) -> Iterable[LoraRecord]:
        if asked.ids:
            ids = asked.ids.split(",")
            return (record for record in records.values() if _id(record.path) in ids)
        return (record for record in records.values() if asked.gone or record.state != "missing")

    def _each_once(self, records: Iterable[LoraRecord]) -> list[LoraRecord]:
        """Of files of one content that of which most is known, at the place of the first."""
        copies = self._shelf.source.library.snapshot.names.copies
        groups: dict[str, list[LoraRecord]] = {}
        for record in records:
            groups.setdefault(min((record.path, *copies(record.path))), []).append(record)
        return [min(group, key=lambda record: len(record.missing)) for group in groups.values()]

    def _copies(self, record: LoraRecord) -> list[str]:
        """What other files of its content are called; in whole, where that is the same."""
        snapshot = self._shelf.source.library.snapshot
        entries = [snapshot.entries[path] for path in snapshot.names.copies(record.path)]
        return [entry.path if entry.name == record.name else entry.name for entry in entries]

    def _card(self, record: LoraRecord) -> dict[str, Any]:
        self._paths[_id(record.path)] = record.path
        return card(record, self._copies(record))

    def _details(self, record: LoraRecord) -> dict[str, Any]:
        self._paths[_id(record.path)] = record.path
        return details(record, self._copies(record))

    def record(self, wanted: str) -> LoraRecord:
        """Raises Refused for an id that no LoRA has."""
        records = self._shelf.source.records()
        path = self._paths.get(wanted)
        if path not in records:
            path = next((path for path in records if _id(path) == wanted), None)
        if path is None:
            raise Refused(404, _GONE)
        self._paths[wanted] = path
        return records[path]


@lru_cache(maxsize=50_000)
def _id(path: str) -> str:
    return id_of(path)


def _facets(records: Sequence[LoraRecord]) -> dict[str, dict[str, int]]:
    def counted(values: Iterable[str]) -> dict[str, int]:
        return dict(Counter(filter(None, values)).most_common())

    return {
        "missing": counted(kind for record in records for kind in record.missing),
        "base": counted(record.sub_family or record.base_model for record in records),
        "category": counted(record.category or "" for record in records),
        "favourite": counted("yes" if record.favourite else "" for record in records),
        "excluded": counted("yes" if record.excluded else "" for record in records),
    }


def _as_fact(name: str, value: Any) -> str | None:
    """As LoraRecord's facts are written: a group of trigger words a line, tags with commas."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        words = [" ".join(str(word).split()) for word in value]
        return ("\n" if name == "trigger_words" else ", ").join(filter(None, words))
    return f"{value:g}" if isinstance(value, float) else str(value).strip()


_COLUMNS: Mapping[str, Callable[[LoraRecord], str]] = {
    "name": lambda record: record.name,
    "file": file_of,
    "folder": lambda record: record.root,
    "base_model": lambda record: record.sub_family or record.base_model,
    "trigger_words": lambda record: " | ".join(record.trigger_words),
    "state": lambda record: record.state,
    "missing": lambda record: " ".join(record.missing),
    "advice": lambda record: " ".join(KINDS[kind].advice for kind in record.missing),
    "sha256": lambda record: record.sha256,
}


def _exported(record: LoraRecord) -> dict[str, str]:
    return {column: value(record) for column, value in _COLUMNS.items()}


def _csv(rows: Iterable[Mapping[str, str]]) -> str:
    file = io.StringIO()
    writer = csv.DictWriter(file, [*_COLUMNS])
    writer.writeheader()
    writer.writerows({column: _plain(value) for column, value in row.items()} for row in rows)
    return file.getvalue()


def _plain(value: str) -> str:
    """A spreadsheet takes a text that begins so for a formula, and these texts are strangers'."""
    return f"'{value}" if value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def _json(rows: Iterable[Mapping[str, str]]) -> str:
    return json.dumps([*rows], indent=1, ensure_ascii=True)
