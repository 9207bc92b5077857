"""Texts that come from people, cards and models, before they are kept or put into a prompt: on one line, and no longer
than makes sense; of those that nobody here wrote, nothing but words.
"""

from __future__ import annotations

import re
import unicodedata

NAME_LENGTH = 100
VALUE_LENGTH = 300
# What a host or a template engine would read as more than words. A model or a card must not load a LoRA with it,
# change a strength, read a wildcard's file or end a prompt's part.
_SYNTAX = re.compile(r"[<>()\[\]{}|\\$`@]|__|\b(?:BREAK|AND|ADDCOL|ADDROW|ADDCOMM|ADDBASE)\b|(?i:embedding)\s*:")


def one_line(text: str) -> str:
    """The text with each run of white space as one space, and half characters, which no database takes, mended."""
    return " ".join(text.encode("utf-8", "replace").decode().split())


def unplain(text: str) -> str:
    """The first piece of a text that is more than words, "" where there is none."""
    if found := _SYNTAX.search(text):
        return found[0]
    return next((character for character in text if unicodedata.category(character) in ("Cc", "Cf", "Co", "Cn")), "")


def names_in(text: str) -> list[str]:
    """``Mira, Tom`` gives both, each once."""
    names = (one_line(name) for name in re.split(r"[,\n;]", text))
    return list({name.casefold(): name for name in names if name}.values())


def same_name(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()
