"""Cards and books back into the bytes that they came from: what was not changed stays, to the byte.

A PNG that holds V2 beside V3 gets the change in both. A charx keeps its other files.
"""

from __future__ import annotations

import base64
import io
import json
import zipfile
from typing import Any

from orchestrator_core.errors import FormatError
from orchestrator_core.formats.cards.books import write_book
from orchestrator_core.formats.cards.card import Card, is_card, with_changes_of, write_card
from orchestrator_core.formats.cards.reading import (
    CARD_CHUNKS,
    CARD_MEMBER,
    CardFile,
    checked_json,
    parse_card_file,
    read_member,
)
from orchestrator_core.formats.png_text import SIGNATURE, read_png, with_png_texts
from orchestrator_core.lore.book import Book

MAX_UNFOLDED = 512 * 1024 * 1024  # bytes of all files of an archive
Json = dict[str, Any]


def json_of(holder: Card | Book) -> Json:
    """The JSON of a card, or of a book in its own format."""
    return write_card(holder) if isinstance(holder, Card) else write_book(holder)


def json_text(value: Any) -> str:
    """JSON as a person can read it."""
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def with_held(data: bytes, holder: Card | Book, where: str) -> bytes:
    """The file with what it holds put in the place of what it held. Raises FormatError."""
    found = parse_card_file(data, where)
    held: Card | Book | None = found.card or found.book
    if type(held) is not type(holder):
        raise FormatError(f"{where} holds a {_kind(held)}, and a {_kind(holder)} was to be put into it.")
    assert held is not None
    new = json_of(holder)
    if new == held.raw:
        return data
    if found.container == "json":
        return json_text(new).encode("utf-8", "replace")
    return _with_png(data, holder, found, where) if found.container == "png" else _with_charx(data, new, where)


def _kind(holder: Card | Book | None) -> str:
    return "character card" if isinstance(holder, Card) else "lorebook"


def _with_png(data: bytes, holder: Card | Book, found: CardFile, where: str) -> bytes:
    if isinstance(holder, Book):
        return with_png_texts(data, {"naidata": _encoded(json_of(holder))}, where)
    texts = {}
    for keyword, text in found.texts.items():
        if keyword in CARD_CHUNKS:
            texts[keyword] = _encoded(_changed(text, holder, where))
    return with_png_texts(data, texts, where)


def _changed(text: str, card: Card, where: str) -> Json:
    try:
        raw = checked_json(base64.b64decode(text), where)
    except (FormatError, ValueError):  # a damaged one is made whole
        return write_card(card)
    if raw == card.raw or not is_card(raw):
        return write_card(card)
    return with_changes_of(raw, card, where)


def _encoded(value: Json) -> str:
    return base64.b64encode(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")).decode()


def _with_charx(data: bytes, value: Json, where: str) -> bytes:
    target = io.BytesIO()
    room = MAX_UNFOLDED
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for member in old.infolist():
            if member.filename == CARD_MEMBER:
                new.writestr(member, json_text(value).encode("utf-8", "replace"), member.compress_type)
                continue
            content = read_member(old, member, room, where)
            room -= len(content)
            new.writestr(member, content, member.compress_type)
    return target.getvalue()


def png_with_card(picture: bytes, card: Card, where: str = "The picture") -> bytes:
    """A PNG that carries a card, as other programs read it. Raises FormatError for what is no PNG."""
    if not picture.startswith(SIGNATURE):
        raise FormatError(f"{where} is no PNG, and only a PNG carries a card.")
    read_png(picture, where)
    keyword = "ccv3" if card.spec == "v3" else "chara"
    return with_png_texts(picture, {keyword: _encoded(write_card(card))}, where)


def charx_of(card: Card) -> bytes:
    """A charx archive with the card and nothing else."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(CARD_MEMBER, json_text(write_card(card)))
    return target.getvalue()
