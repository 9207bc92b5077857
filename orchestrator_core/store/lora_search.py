"""Full text search over LoRAs: FTS5 on SQLite, tsvector on PostgreSQL. Derived data, made when it is first written.

No migration makes this table, because losing it loses nothing: it is filled with the index that it belongs to.

To rank all matches of a word that half of 10,000 LoRAs hold takes tens of milliseconds. So what has all the words in
its name, trigger words and tags comes first, and of that the first ``LOOKED_AT`` are ranked; then, unranked, what has
them anywhere, and last what has longer words anywhere that begin so.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

# The fields of a LoRA's texts, the weightiest first: what a match is worth in FTS5, and PostgreSQL's name of a weight.
FIELDS = {"names": (10.0, "A"), "words": (6.0, "B"), "training": (1.5, "C"), "notes": (1.0, "D")}
RANKED = ("names", "words")
LOOKED_AT = 300
WORD = re.compile(r"[^\W_]+")
LONGEST_WORD = 100  # characters; PostgreSQL refuses one of 2 kB
WITHOUT_SPACES = re.compile("([\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff])")  # Japanese and Chinese: each sign is a word


def words_of(text: str) -> list[str]:
    """The words of a text, in the one way that both databases and both sides (texts and searches) use."""
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text)
        text = "".join(sign for sign in text if not unicodedata.combining(sign))
        text = WITHOUT_SPACES.sub(r" \1 ", unicodedata.normalize("NFC", text))
    return [word[:LONGEST_WORD] for word in WORD.findall(text.casefold())]


def make(connection: Connection) -> None:
    if _is_postgresql(connection):
        connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS lora_search (id BIGINT PRIMARY KEY, body TSVECTOR)")
        connection.exec_driver_sql("CREATE INDEX IF NOT EXISTS lora_search_body ON lora_search USING GIN (body)")
    else:
        connection.exec_driver_sql(f"CREATE VIRTUAL TABLE IF NOT EXISTS lora_search USING fts5 ({', '.join(FIELDS)})")


def drop(connection: Connection) -> None:
    connection.exec_driver_sql("DROP TABLE IF EXISTS lora_search")


def replace(connection: Connection, removed: Sequence[int], texts: Sequence[tuple[int, Sequence[str]]]) -> None:
    """Forget some rows, and write others in place of what they were, each with a text for each of FIELDS."""
    postgresql = _is_postgresql(connection)
    old = [(id_,) for id_ in (*removed, *(id_ for id_, _ in texts))]
    new = [(id_, *(_indexed(text, postgresql) for text in fields)) for id_, fields in texts]
    if old:
        delete = "DELETE FROM lora_search WHERE id = %s" if postgresql else "DELETE FROM lora_search WHERE rowid = ?"
        connection.exec_driver_sql(delete, old)
    if new:
        connection.exec_driver_sql(_insert(postgresql), new)


def _indexed(text: str, postgresql: bool) -> str:
    """The text as its words. FTS5 itself finds the same words in ASCII, where NUL alone would end them."""
    if not postgresql and text.isascii() and "\0" not in text:
        return text
    return " ".join(words_of(text))


def _insert(postgresql: bool) -> str:
    if not postgresql:
        return f"INSERT INTO lora_search (rowid, {', '.join(FIELDS)}) VALUES (?, ?, ?, ?, ?)"
    body = " || ".join(f"setweight(to_tsvector('simple', %s), '{weight}')" for _, weight in FIELDS.values())
    return f"INSERT INTO lora_search (id, body) VALUES (%s, {body})"


class Asked(NamedTuple):
    """One question to the database."""

    words: Sequence[str]
    fields: Sequence[str] = tuple(FIELDS)
    beginnings: bool = True  # each word may be the beginning of a longer one
    ranked: bool = False
    most: int = LOOKED_AT


def find(connection: Connection, words: Sequence[str], limit: int) -> list[int]:
    """The ids of what holds all the words, each as the beginning of one of its own; the best first."""
    if not words or not is_made(connection):
        return []
    ask = _ask_postgresql if _is_postgresql(connection) else _ask_sqlite
    found = dict.fromkeys(ask(connection, Asked(words, RANKED, ranked=True)))
    # What begins so is gathered whole before the first is given; of what is equal the first is at hand.
    for beginnings in (False, True):
        if len(found) < limit:
            asked = Asked(words, beginnings=beginnings, most=limit + len(found))
            found |= dict.fromkeys(ask(connection, asked))
    return list(found)[:limit]


def _ask_sqlite(connection: Connection, asked: Asked) -> list[int]:
    end = " *" if asked.beginnings else ""
    every = " AND ".join(f'"{word}"{end}' for word in asked.words)
    query = f"{{{' '.join(asked.fields)}}} : ({every})"
    # To weigh a match, FTS5 counts those of each word in the whole table.
    weights = ", ".join(str(weight) for weight, _ in FIELDS.values())
    rank = f"bm25(lora_search, {weights})" if asked.ranked else "0"
    statement = f"SELECT rowid, {rank} FROM lora_search WHERE lora_search MATCH ? LIMIT {asked.most}"
    # Sorted here: with ORDER BY the database would rank all matches before it looks at the limit.
    return [row[0] for row in sorted(_rows(connection, statement, (query,)), key=lambda row: (row[1], row[0]))]


def _ask_postgresql(connection: Connection, asked: Asked) -> list[int]:
    end = ":" + "*" * asked.beginnings + "".join(FIELDS[field][1] for field in asked.fields)
    query = " & ".join(f"'{word}'{end}" for word in asked.words)
    rank = "ts_rank(body, asked)" if asked.ranked else "0"
    statement = (
        f"SELECT id, {rank} FROM lora_search, to_tsquery('simple', %s) asked WHERE body @@ asked LIMIT {asked.most}"
    )
    return [row[0] for row in sorted(_rows(connection, statement, (query,)), key=lambda row: (-row[1], row[0]))]


def is_made(connection: Connection) -> bool:
    if _is_postgresql(connection):
        return bool(_rows(connection, "SELECT to_regclass('lora_search') IS NOT NULL")[0][0])
    return bool(_rows(connection, "SELECT 1 FROM sqlite_master WHERE name = 'lora_search'"))


def _rows(connection: Connection, statement: str, values: tuple[Any, ...] = ()) -> Sequence[Any]:
    return connection.exec_driver_sql(statement, values).fetchall()


def _is_postgresql(connection: Connection) -> bool:
    return connection.dialect.name == "postgresql"
