"""What a profile takes from a character card: plain data, which the profiles' own reading checks.

Notes of a card's creator, its tags and its greetings go into no prompt; they stay in ``card_raw``, so that the card
can be written again as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator_core.formats.cards.appearance import appearance_of, outfit_of
from orchestrator_core.formats.cards.books import converted, write_book
from orchestrator_core.formats.cards.card import Card
from orchestrator_core.formats.cards.fields import TEXT, TEXTS, read_fields
from orchestrator_core.formats.cards.fields import at as field_at
from orchestrator_core.formats.cards.reading import read_card_file
from orchestrator_core.lore.book import Book
from orchestrator_core.lore.macros import Macros

_SOMEBODY = "somebody"  # the person that a card's texts are told to
# What image programs keep in cards: ours, and the prompt that SillyTavern's image extension shares.
_OURS = ("appearance_tags", "required", "forbidden", "style", "negative")
_LISTS = tuple(field_at(name, f"orchestrator.{name}", TEXTS) for name in _OURS)
_SHARED = (
    field_at("appearance_tags", "sd_character_prompt.positive", TEXT),
    field_at("negative", "sd_character_prompt.negative", TEXT),
)


@dataclass(frozen=True, slots=True)
class Imported:
    """A file for use here. ``profile`` is None for a lorebook alone; ``problems`` are for a person to read."""

    profile: Mapping[str, Any] | None
    book: Book | None
    problems: tuple[str, ...] = ()


def import_card(path: Path) -> Imported:
    """A card or lorebook of any format. Raises FormatError."""
    found = read_card_file(path)
    if found.card is None:
        return Imported(None, found.book)
    return Imported(to_profile(found.card), found.card.book, found.card.problems)


def to_profile(card: Card) -> dict[str, Any]:
    """The card as a profile's file has it. What somebody looks like is read out of the texts, where nothing says it."""
    macros = Macros(card.shown_name, _SOMEBODY, (card.name,))
    texts = {name: macros.replaced(getattr(card, name)).strip() for name in ("description", "personality", "scenario")}
    profile: dict[str, Any] = {"name": card.shown_name or "Unnamed", "kind": "character", **texts}
    profile |= _image_words(card, "\n".join(texts.values()))
    if card.book is not None:
        profile["lore"] = lore_of(card.book)
    profile |= {"extensions": dict(card.extensions), "card_raw": dict(card.raw)}
    return {name: value for name, value in profile.items() if value}


def _image_words(card: Card, text: str) -> dict[str, Any]:
    said = {name: list(words) for name, words in read_fields(card.extensions, _LISTS).items()}
    shared = {name: words for name, words in read_fields(card.extensions, _SHARED).items() if words.strip()}
    found: dict[str, Any] = {"appearance_tags": list(appearance_of(text)), **shared, **said}
    outfit = outfit_of(text)
    return {**found, "state": {"outfit": outfit}} if outfit else found


def lore_of(book: Book) -> list[dict[str, Any]]:
    """The entries of a book as a profile keeps them: as in a card."""
    inside = book if book.format == "character_book" else converted(book, "character_book")
    entries: list[dict[str, Any]] = write_book(inside)["entries"]
    return entries
