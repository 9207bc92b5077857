"""Lorebooks of every format: known by what they hold, read into a ``Book``, and written back.

Formats: SillyTavern's World Info, the ``character_book`` of cards V2 and V3, the lorebook of V3 in a file of its own,
and the lorebooks of NovelAI, Agnai and Risu.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

from orchestrator_core.errors import FormatError
from orchestrator_core.formats.cards.entry_fields import (
    AGNAI,
    CHARACTER_BOOK,
    NOVELAI,
    RISU,
    WORLD_INFO,
    has_sillytavern,
)
from orchestrator_core.formats.cards.fields import (
    FLAG,
    INTEGER,
    TEXT,
    Field,
    Json,
    at,
    put_at,
    read_fields,
    value_at,
    written,
)
from orchestrator_core.lore.book import Book, Entry, KeyKind, Rules

_CARD_ENTRY = Entry("", selective=False, position="after", key_kind=KeyKind.text)


@dataclass(frozen=True, slots=True)
class BookFormat:
    """``entries``: where they are. ``new_book`` and ``new_entry``: what a program wants to find in one of its own."""

    name: str
    entry_fields: tuple[Field, ...]
    book_fields: tuple[Field, ...]
    defaults: Entry
    rules: Rules
    entries: tuple[str, ...]
    new_book: Mapping[str, Any]
    new_entry: Mapping[str, Any]


def _card_fields(inside: str = "") -> tuple[Field, ...]:
    return (
        at("name", f"{inside}name", TEXT),
        at("description", f"{inside}description", TEXT),
        at("scan_depth", f"{inside}scan_depth", INTEGER),
        at("token_budget", f"{inside}token_budget", INTEGER),
        at("recursive", f"{inside}recursive_scanning", FLAG),
        at("whole_words", f"{inside}extensions.risu_fullWordMatching", FLAG),
    )


_NEW_CARD_ENTRY = {"keys": [], "content": "", "extensions": {}, "enabled": True, "insertion_order": 100}
_NAME = (at("name", "name", TEXT), at("description", "description", TEXT))
FORMATS: Mapping[str, BookFormat] = {
    one.name: one
    for one in (
        BookFormat(
            "world_info",
            WORLD_INFO,
            _NAME,
            Entry(""),
            Rules.sillytavern,
            ("entries",),
            {"entries": {}},
            {"key": [], "keysecondary": [], "comment": "", "content": ""},
        ),
        BookFormat(
            "character_book",
            CHARACTER_BOOK,
            _card_fields(),
            _CARD_ENTRY,
            Rules.card,
            ("entries",),
            {"extensions": {}, "entries": []},
            _NEW_CARD_ENTRY,
        ),
        BookFormat(
            "lorebook_v3",
            CHARACTER_BOOK,
            _card_fields("data."),
            _CARD_ENTRY,
            Rules.card,
            ("data", "entries"),
            {"spec": "lorebook_v3", "data": {"extensions": {}, "entries": []}},
            {**_NEW_CARD_ENTRY, "use_regex": False},
        ),
        BookFormat(
            "novelai",
            NOVELAI,
            (),
            Entry("", selective=False, order=0),
            Rules.card,
            ("entries",),
            {"lorebookVersion": 4, "entries": []},
            {"text": "", "displayName": "", "keys": [], "enabled": True},
        ),
        BookFormat(
            "agnai",
            AGNAI,
            _NAME,
            Entry("", selective=False, key_kind=KeyKind.text),
            Rules.card,
            ("entries",),
            {"kind": "memory", "entries": []},
            {"name": "", "entry": "", "keywords": [], "priority": 0, "weight": 0, "enabled": True},
        ),
        BookFormat(
            "risu",
            RISU,
            (),
            Entry("", selective=False, key_kind=KeyKind.text),
            Rules.card,
            ("data",),
            {"type": "risu", "ver": 1, "data": []},
            {"key": "", "secondkey": "", "comment": "", "content": "", "mode": "normal", "insertorder": 100},
        ),
    )
}


def format_of(data: Any) -> str:
    """The name of a lorebook's format, "" for what is none."""
    if not isinstance(data, Mapping):
        return ""
    if data.get("spec") == "lorebook_v3":
        return "lorebook_v3" if isinstance(data.get("data"), Mapping) else ""
    if data.get("type") == "risu" and isinstance(data.get("data"), list):
        return "risu"
    entries = data.get("entries")
    if not isinstance(entries, list | dict):
        return ""
    if "lorebookVersion" in data:
        return "novelai"
    if data.get("kind") == "memory":
        return "agnai"
    if isinstance(entries, dict):
        return "world_info"
    return _format_of_entries(entries)


def _format_of_entries(entries: list[Any]) -> str:
    first = next((entry for entry in entries if isinstance(entry, dict)), {})
    if "keywords" in first:
        return "agnai"
    return "world_info" if "key" in first and "keys" not in first else "character_book"


def read_book(data: Any, where: str, name: str = "") -> Book:
    """The book in the JSON of any format. ``name``: what it is called if it does not say, as its file's name.

    Raises FormatError for what is no lorebook; ``where`` names it in the message.
    """
    known = FORMATS.get(format_of(data))
    if known is None:
        raise FormatError(
            f"{where} is no lorebook: it has no entries as SillyTavern's World Info, the lorebook of a character card, "
            "or one of NovelAI, Agnai or Risu."
        )
    entries = tuple(_read_entries(data, known, where))
    said = read_fields(data, known.book_fields)
    by_sillytavern = known.rules is Rules.card and any(has_sillytavern(entry.raw) for entry in entries)
    return Book(
        entries=entries,
        rules=Rules.sillytavern if by_sillytavern else known.rules,
        format=known.name,
        raw=data,
        **{**said, "name": said.get("name") or name},
    )


def _read_entries(data: Any, known: BookFormat, where: str) -> Iterator[Entry]:
    found = value_at(data, known.entries)
    if not isinstance(found, list | dict):
        raise FormatError(f"{where}: the lorebook's {'.'.join(known.entries)} are no list.")
    named = found.items() if isinstance(found, dict) else ((_id(raw, at), raw) for at, raw in enumerate(found))
    seen: set[str] = set()
    for uid, raw in named:
        if not isinstance(raw, dict):
            raise FormatError(f"{where}: entry {uid} of the lorebook is {raw!r:.60}, and should be an object.")
        while uid in seen:
            uid += "'"
        seen.add(uid)
        values = read_fields(raw, known.entry_fields)
        yield replace(known.defaults, uid=uid, raw=raw, **values)


def _id(raw: Any, place: int) -> str:
    given = raw.get("id") if isinstance(raw, dict) else None
    return str(given) if isinstance(given, str | int) and given != "" else str(place)


def write_book(book: Book) -> Json:
    """The JSON of a book in its format: what was read, with what was changed since."""
    known = FORMATS[book.format]
    # A name that is not in the JSON is the file's, or the card's.
    named = not book.raw or "name" in read_fields(book.raw, known.book_fields)
    fields = [field for field in known.book_fields if named or field.name != "name"]
    data = written(book.raw or known.new_book, book, fields, Book(""))
    if not book.raw or book.entries != _entries_of(book.raw, known):
        put_at(data, known.entries, _written_entries(book, known))
    return data


def _entries_of(raw: Any, known: BookFormat) -> tuple[Entry, ...]:
    return tuple(_read_entries(raw, known, "The lorebook"))


def _written_entries(book: Book, known: BookFormat) -> Any:
    new = [_written_entry(entry, known) for entry in book.entries]
    keyed = isinstance(value_at(book.raw or known.new_book, known.entries), dict)
    return {entry.uid: raw for entry, raw in zip(book.entries, new, strict=True)} if keyed else new


def _written_entry(entry: Entry, known: BookFormat) -> Json:
    if entry.raw:
        return written(entry.raw, entry, known.entry_fields, known.defaults)
    new = written(known.new_entry, entry, known.entry_fields, known.defaults)
    if known.name == "world_info":
        new = {"uid": int(entry.uid) if entry.uid.isdigit() else entry.uid, **new}
    return new


def converted(book: Book, format_name: str) -> Book:
    """The book for another format. What that format does not know, and what only the old one had, stays behind."""
    known = FORMATS[format_name]
    fresh = replace(book, format=format_name, raw={}, entries=tuple(replace(one, raw={}) for one in book.entries))
    return replace(read_book(write_book(fresh), "The lorebook", book.name), rules=_rules(book, known))


def _rules(book: Book, known: BookFormat) -> Rules:
    return book.rules if known.name in ("character_book", "lorebook_v3") else known.rules


def book_of_entries(entries: Iterable[Mapping[str, Any]], where: str, name: str) -> Book:
    """A book of entries as a profile holds them: objects as in a list of any format. Raises FormatError."""
    return read_book({"entries": deepcopy(list(entries))}, where, name)
