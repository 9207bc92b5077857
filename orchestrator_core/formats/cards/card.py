"""A character card: who somebody is, in the words of the specifications V1, V2 and V3.

Sources: Character Card V2 specification (``spec_v2.md``) and V3 (``SPEC_V3.md``). V1 is V2's first six texts without
anything around them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from orchestrator_core.errors import FormatError
from orchestrator_core.formats.cards.books import converted, format_of, read_book, write_book
from orchestrator_core.formats.cards.fields import OBJECTS, TEXT, TEXTS, Field, Json, at, put_at, read_fields, written
from orchestrator_core.lore.book import Book

_SPECS = {"chara_card_v2": "v2", "chara_card_v3": "v3"}
_NEWEST = 3.0


@dataclass(frozen=True, slots=True)
class Card:
    """``spec`` is "v1", "v2" or "v3". ``problems``: what a person should know of how it was read."""

    spec: str
    name: str = ""
    nickname: str = ""
    description: str = ""
    personality: str = ""
    scenario: str = ""
    first_message: str = ""
    example_messages: str = ""
    creator_notes: str = ""
    system_prompt: str = ""
    post_history_instructions: str = ""
    alternate_greetings: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    creator: str = ""
    character_version: str = ""
    assets: tuple[Mapping[str, Any], ...] = ()
    book: Book | None = None
    extensions: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[str, ...] = field(default=(), compare=False)
    raw: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def shown_name(self) -> str:
        """What ``{{char}}`` stands for."""
        return self.nickname or self.name


def _fields(inside: str) -> tuple[Field, ...]:
    names = {
        **{name: name for name in ("name", "description", "personality", "scenario")},
        "first_message": "first_mes",
        "example_messages": "mes_example",
    }
    return tuple(at(name, inside + place, TEXT) for name, place in names.items())


_V1 = _fields("")
_LATER = (
    *_fields("data."),
    *(at(name, f"data.{name}", TEXT) for name in ("nickname", "creator_notes", "system_prompt")),
    *(at(name, f"data.{name}", TEXT) for name in ("post_history_instructions", "creator", "character_version")),
    at("alternate_greetings", "data.alternate_greetings", TEXTS),
    at("tags", "data.tags", TEXTS),
    at("assets", "data.assets", OBJECTS),
)


def is_card(data: Any) -> bool:
    """Whether the JSON is meant to be a character card, of whatever version."""
    if not isinstance(data, Mapping):
        return False
    if str(data.get("spec", "")).startswith("chara_card"):
        return True
    return isinstance(data.get("name"), str) and any(
        isinstance(data.get(name), str) for name in ("first_mes", "mes_example", "personality", "description")
    )


def read_card(data: Any, where: str) -> Card:
    """The card in its JSON. A newer version than V3 is read as V3, with a problem that says so. Raises FormatError."""
    if not is_card(data):
        raise FormatError(f"{where} is no character card: it has neither a spec nor a name and a description.")
    if "spec" not in data:
        return Card("v1", raw=data, **read_fields(data, _V1))
    inside = data.get("data")
    if not isinstance(inside, Mapping):
        raise FormatError(f'{where}: the card says "{data["spec"]!s:.40}", and has no data.')
    values = read_fields(data, _LATER)
    extensions = inside.get("extensions")
    return Card(
        _SPECS.get(str(data["spec"]), "v3"),
        book=_book(inside, where, f"{values.get('name', '')}'s lore"),
        extensions=extensions if isinstance(extensions, Mapping) else {},
        problems=tuple(_problems(data)),
        raw=data,
        **values,
    )


def _book(inside: Mapping[str, Any], where: str, name: str) -> Book | None:
    data = inside.get("character_book")
    return read_book(data, f"{where}: character_book", name) if format_of(data) else None


def _problems(data: Mapping[str, Any]) -> list[str]:
    found = []
    if data["spec"] not in _SPECS:
        found.append(f'The card is a "{data["spec"]!s:.40}", which is not known here; it was read as V3.')
    elif _version(data.get("spec_version")) > _NEWEST:
        found.append(
            f"The card is of version {data['spec_version']!s:.20}; what is newer than 3.0 in it is kept, not used."
        )
    book = data["data"].get("character_book")
    if book and not format_of(book):
        found.append("The card's character_book is no lorebook; it is kept, not used.")
    return found


def _version(value: Any) -> float:
    try:
        return float(str(value)[:20])
    except ValueError:
        return 0.0


def write_card(card: Card) -> Json:
    """The JSON of a card: what was read, with what was changed since."""
    if card.spec == "v1":
        return written(card.raw, card, _V1, Card("v1"))
    raw = card.raw or _new(card.spec)
    data = written(raw, card, _LATER, Card(card.spec))
    before = read_card(raw, "The card")
    if card.extensions != before.extensions:
        put_at(data, ("data", "extensions"), dict(card.extensions))
    if card.book != before.book:
        _put_book(data, card.book, before.book)
    return data


def _put_book(data: Json, book: Book | None, before: Book | None) -> None:
    if book is None:
        data["data"].pop("character_book", None)
        return
    known = {"character_book", before.format if before else ""}
    data["data"]["character_book"] = write_book(book if book.format in known else converted(book, "character_book"))


def _new(spec: str) -> Json:
    texts = ("name", "description", "personality", "scenario", "first_mes", "mes_example", "creator_notes")
    more = ("system_prompt", "post_history_instructions", "creator", "character_version")
    data: Json = dict.fromkeys((*texts, *more), "")
    data |= {"alternate_greetings": [], "tags": [], "extensions": {}}
    if spec == "v3":
        data["group_only_greetings"] = []
    version = "2.0" if spec == "v2" else "3.0"
    return {"spec": f"chara_card_{spec}", "spec_version": version, "data": data}


def with_changes_of(raw: Mapping[str, Any], card: Card, where: str) -> Json:
    """Another version of the same card's JSON, as a PNG holds V2 beside V3, with what the card says now."""
    other = read_card(raw, where)
    if other.spec == "v1":
        return write_card(replace(card, spec="v1", raw=raw))
    book = other.book if card.book is not None and other.book == card.book else card.book
    return write_card(replace(card, spec=other.spec, raw=raw, book=book))
