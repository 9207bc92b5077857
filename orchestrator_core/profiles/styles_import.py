"""Style files of other programs as genres: Fooocus' ``sdxl_styles/*.json`` and A1111's ``styles.csv``.

Both have a name, a prompt with ``{prompt}`` for the person's own words (before it where there is none), and a negative.
They lie among the profiles as they are. Variants and wildcards in them are drawn, as A1111 does with its extension for
dynamic prompts.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orchestrator_core.errors import FormatError
from orchestrator_core.formats.json_text import read_bytes
from orchestrator_core.profiles.model import PLACEHOLDER, Profile
from orchestrator_core.profiles.reading import json_value, text_of
from orchestrator_core.profiles.schema import split_phrases

STYLE_SUFFIXES = (".csv",)
MAX_STYLES = 5_000
_COLUMNS = ("name", "prompt", "negative_prompt")


def is_styles_file(path: Path) -> bool:
    """Whether a file holds styles of another program: a CSV file, or JSON that begins with a list."""
    if path.suffix.lower() in STYLE_SUFFIXES:
        return True
    if path.suffix.lower() != ".json":
        return False
    try:
        with path.open("rb") as file:
            return file.read(200).decode("utf-8", "ignore").lstrip("\ufeff \t\r\n").startswith("[")
    except OSError:
        return False


def read_styles_file(path: Path, key: str) -> list[Profile]:
    """The genres of a file, called ``key/name``. Raises FormatError."""
    text = text_of(read_bytes(path), str(path))
    rows = _csv_rows(text, str(path)) if path.suffix.lower() == ".csv" else _json_rows(text, str(path))
    found: dict[str, Profile] = {}
    for row in rows:
        genre = _genre(row, key)
        if genre is not None:
            found.setdefault(genre.key, genre)
        if len(found) > MAX_STYLES:
            raise FormatError(f"{path} holds more than {MAX_STYLES:,} styles.")
    if not found:
        raise FormatError(f"{path} holds no styles: each needs a name and a prompt or a negative_prompt.")
    return list(found.values())


def _json_rows(text: str, where: str) -> Iterator[dict[str, Any]]:
    rows = json_value(text, where)
    if not isinstance(rows, list):
        raise FormatError(f"{where} holds no list of styles.")
    yield from (row for row in rows if isinstance(row, dict))


def _csv_rows(text: str, where: str) -> Iterator[dict[str, Any]]:
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""))
        if not {"name", "prompt"} <= set(reader.fieldnames or ()):
            raise FormatError(f"{where} is no styles.csv: its first line has to name {', '.join(_COLUMNS)}.")
        yield from reader
    except csv.Error as error:
        raise FormatError(f"{where} is no CSV file: {error}.") from None


def _genre(row: dict[str, Any], key: str) -> Profile | None:
    name, prompt, negative = (str(row.get(column) or "").strip() for column in _COLUMNS)
    if not name or not (prompt or negative):
        return None  # A1111's dividers between groups of styles have a name alone
    own = name.replace(",", " ").replace("/", " ").strip() or name
    return Profile(
        name=name,
        kind="genre",
        key=f"{key}/{own}",
        template=as_template(prompt),
        negative=tuple(split_phrases(negative)),
    )


def as_template(prompt: str) -> str:
    """The text as a template; of several places for the person's words the first is kept."""
    if prompt == PLACEHOLDER:
        return ""
    before, place, after = prompt.partition(PLACEHOLDER)
    return before + place + after.replace(PLACEHOLDER, "")
