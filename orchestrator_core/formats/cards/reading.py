"""Files of cards and lorebooks: JSON, a PNG or APNG that carries a card, or a charx archive.

What a file is follows from its first bytes. A picture's pixels are skipped, never decoded; nothing in an archive but
the card is unpacked. All sizes are bounded before anything is read.
"""

from __future__ import annotations

import base64
import binascii
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator_core.errors import FormatError
from orchestrator_core.formats.cards.books import format_of, read_book
from orchestrator_core.formats.cards.card import Card, is_card, read_card
from orchestrator_core.formats.json_text import read_bytes, read_json
from orchestrator_core.formats.png_text import SIGNATURE, read_png
from orchestrator_core.lore.book import Book

MAX_JSON = 16 * 1024 * 1024  # bytes of a card or a lorebook; the largest that people share have two or three million
MAX_DEPTH = 64  # objects and lists inside one another
MAX_MEMBERS = 10_000  # files in an archive
CARD_CHUNKS = ("ccv3", "chara")  # the first that is there counts
_CHUNKS = (*CARD_CHUNKS, "naidata")  # a lorebook of NovelAI
CARD_MEMBER = "card.json"


@dataclass(frozen=True, slots=True)
class CardFile:
    """What a file holds: a card, or a book alone.

    ``container``: "json", "png" or "charx". ``texts``: the JSON that a picture carries, by its keyword.
    ``assets``: the names of the other files in an archive.
    """

    container: str
    card: Card | None = None
    book: Book | None = None
    texts: Mapping[str, Any] = field(default_factory=dict)
    assets: tuple[str, ...] = ()

    @property
    def lore(self) -> Book | None:
        """The book, whether it is alone or the card's."""
        return self.card.book if self.card else self.book


def read_card_file(path: Path) -> CardFile:
    """What a file holds. Raises FormatError for one that cannot be read, or holds neither card nor lorebook."""
    return parse_card_file(read_bytes(path), str(path), path.stem)


def read_book_file(path: Path) -> Book:
    """The lorebook of a file: its own, or that of its card. Raises FormatError, also where there is none."""
    book = read_card_file(path).lore
    if book is None:
        raise FormatError(f"{path} is a character card without a lorebook.")
    return book


def parse_card_file(data: bytes, where: str, name: str = "") -> CardFile:
    """What these bytes hold. ``name``: what a lorebook is called that does not say it."""
    if data.startswith(SIGNATURE):
        return _from_png(data, where, name)
    if data.startswith(b"PK"):
        return _from_charx(data, where)
    if data.startswith((b"\xff\xd8\xff", b"RIFF", b"GIF8")):
        raise FormatError(f"{where} is a picture, but no PNG; character cards are carried by PNG files alone.")
    value = checked_json(data, where)
    return _holding("json", value, where, name)


def _holding(container: str, value: Any, where: str, name: str, texts: Mapping[str, Any] | None = None) -> CardFile:
    if is_card(value) and not format_of(value):
        return CardFile(container, card=read_card(value, where), texts=texts or {})
    if format_of(value):
        return CardFile(container, book=read_book(value, where, name), texts=texts or {})
    raise FormatError(
        f"{where} holds neither a character card (V1, V2 or V3) nor a lorebook (SillyTavern's World Info, of a card, "
        "of NovelAI, Agnai or Risu)."
    )


def checked_json(data: bytes | str, where: str) -> Any:
    """JSON of a size and depth that a card has. Raises FormatError."""
    if len(data) > MAX_JSON:
        raise FormatError(f"{where}: the card is {len(data):,} bytes of text; more than {MAX_JSON:,} are not read.")
    value = read_json(data, where)
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return value
    raise FormatError(f"{where} has objects inside one another {MAX_DEPTH} times and more; no card has.")


def _inside(value: Any) -> list[Any]:
    found = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [inner for inner in found if isinstance(inner, dict | list)]


def _from_png(data: bytes, where: str, name: str) -> CardFile:
    _, texts = read_png(data, where)
    held = {keyword: texts[keyword] for keyword in _CHUNKS if keyword in texts}
    if not held:
        raise FormatError(f'{where} is a picture without a character card: it has no text "chara" or "ccv3".')
    problems: list[FormatError] = []
    for keyword, text in held.items():  # of two, the older one is there for the case that the newer is damaged
        try:
            value = checked_json(_decoded(text, f"{where} ({keyword})"), f"{where} ({keyword})")
            return _holding("png", value, where, name, held)
        except FormatError as error:
            problems.append(error)
    raise problems[0]


def _decoded(text: str, where: str) -> bytes:
    if len(text) > MAX_JSON * 4 // 3 + 4:
        raise FormatError(f"{where}: the card is {len(text):,} bytes of text; more than {MAX_JSON:,} are not read.")
    try:
        return base64.b64decode("".join(text.split()) + "==", validate=False)
    except (binascii.Error, ValueError) as error:
        raise FormatError(f"{where}: the card's text is not base64: {error}.") from None


def _from_charx(data: bytes, where: str) -> CardFile:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            if len(members) > MAX_MEMBERS:
                raise FormatError(f"{where} has {len(members):,} files; more than {MAX_MEMBERS:,} are not read.")
            text = read_member(archive, CARD_MEMBER, MAX_JSON, where)
            others = tuple(one.filename for one in members if one.filename != CARD_MEMBER)
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError) as error:
        raise FormatError(f"{where} is a damaged charx archive: {error}.") from None
    return CardFile("charx", card=read_card(checked_json(text, f"{where} ({CARD_MEMBER})"), where), assets=others)


def read_member(archive: zipfile.ZipFile, name: str | zipfile.ZipInfo, limit: int, where: str) -> bytes:
    """A file of an archive, whatever size its header claims. Raises FormatError."""
    import zlib

    file = name
    name = file if isinstance(file, str) else file.filename
    try:
        with archive.open(file) as member:
            text = member.read(limit + 1)
    except KeyError:
        raise FormatError(f"{where} is an archive without {name}, so it is no charx.") from None
    except RuntimeError:
        raise FormatError(f"{where}: {name} is encrypted.") from None
    except (zipfile.BadZipFile, NotImplementedError, zlib.error, EOFError) as error:
        raise FormatError(f"{where}: {name} is damaged: {error}.") from None
    if len(text) > limit:
        raise FormatError(f"{where}: {name} unfolds to more than {limit:,} bytes, which are not read.")
    return text
