"""Character cards (V1, V2, V3) and lorebooks (SillyTavern, V2/V3, NovelAI, Agnai, Risu): read, and written back.

What these formats hold beyond our models is kept as it was read; writing starts from it and changes no more than what
was changed. ``read_card_file`` takes a file of any of these formats; ``import_card`` makes a profile of it.
"""

from orchestrator_core.formats.cards.books import book_of_entries, read_book, write_book
from orchestrator_core.formats.cards.card import Card, read_card, write_card
from orchestrator_core.formats.cards.profile import Imported, import_card, to_profile
from orchestrator_core.formats.cards.reading import CardFile, parse_card_file, read_book_file, read_card_file
from orchestrator_core.formats.cards.writing import charx_of, json_of, json_text, png_with_card, with_held

__all__ = [
    "read_card_file",
    "read_book_file",
    "parse_card_file",
    "CardFile",
    "Card",
    "read_card",
    "write_card",
    "read_book",
    "write_book",
    "book_of_entries",
    "import_card",
    "Imported",
    "to_profile",
    "with_held",
    "json_of",
    "json_text",
    "png_with_card",
    "charx_of",
]
