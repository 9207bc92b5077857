"""Words in the texts of images: FTS5 by trigrams on SQLite, pg_trgm on PostgreSQL; where neither is there, all is read.

No migration makes what is here, because losing it loses nothing: it is made, and filled, when it is first written. Any
three characters that stand together are found, in the middle of a word too; fewer are looked for row by row.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, Select, func, literal_column, select, text
from sqlalchemy.exc import DBAPIError

from orchestrator_core.store.gallery_tables import images
from orchestrator_core.store.schema import UNSTORABLE

SHORTEST = 3  # characters that an index can find
_TABLE = "gallery_search"
_INDEX = "gallery_images_search"


def folded(*texts: str) -> str:
    """The texts as they are searched: neither database folds Unicode in LIKE."""
    return UNSTORABLE.sub(" ", "\n".join(text for text in texts if text).casefold())


def replace(connection: Connection, old: Sequence[tuple[int, str]], new: Sequence[tuple[int, str]]) -> None:
    """Forget texts that were there, and add others: (id, text)."""
    if connection.dialect.name == "postgresql" or not (old or new):
        return
    if not is_made(connection):
        make(connection)
        return  # filled with what is in the table already, the new ones among it
    forget = f"INSERT INTO {_TABLE} ({_TABLE}, rowid, search_text) VALUES ('delete', ?, ?)"
    for statement, texts in (
        (forget, old),
        (f"INSERT INTO {_TABLE} (rowid, search_text) VALUES (?, ?)", new),
    ):
        told = [(id_, said) for id_, said in texts if said]  # without words there is nothing to forget either
        if told:
            connection.exec_driver_sql(statement, told)


def make(connection: Connection) -> bool:
    """False where this database has no trigrams."""
    try:
        with connection.begin_nested():
            if connection.dialect.name == "postgresql":
                connection.execute(text("CREATE EXTENSION IF NOT EXISTS pg_trgm"))
                made = f"CREATE INDEX IF NOT EXISTS {_INDEX} ON gallery_images USING gin (search_text gin_trgm_ops)"
                connection.execute(text(made))
                return True
            connection.exec_driver_sql(
                f"CREATE VIRTUAL TABLE IF NOT EXISTS {_TABLE} USING fts5"
                " (search_text, content='gallery_images', content_rowid='id', tokenize='trigram')"
            )
            connection.exec_driver_sql(f"INSERT INTO {_TABLE} ({_TABLE}) VALUES ('rebuild')")
    except DBAPIError:
        return False
    return True


def is_made(connection: Connection) -> bool:
    if connection.dialect.name == "postgresql":
        return bool(connection.execute(text("SELECT to_regclass(:name) IS NOT NULL"), {"name": _INDEX}).scalar())
    found = connection.exec_driver_sql("SELECT 1 FROM sqlite_master WHERE name = ?", (_TABLE,)).first()
    return found is not None


def having(words: str, *, postgresql: bool) -> ColumnElement[bool]:
    """A condition on a row of ``gallery_images``, true whether or not there is an index."""
    wanted = folded(words)
    if postgresql:
        return images.c.search_text.contains(wanted, autoescape=True)
    return func.instr(images.c.search_text, wanted) > 0  # LIKE would fold ASCII once more, and take twice as long


def matching(connection: Connection, words: str) -> Select[tuple[int]] | None:
    """The ids of those that have the words; None where no index knows."""
    wanted = folded(words)
    if len(wanted) < SHORTEST or not is_made(connection):
        return None
    if connection.dialect.name == "postgresql":
        return select(images.c.id).where(having(words, postgresql=True))
    quoted = '"' + wanted.replace('"', '""') + '"'
    table = text(_TABLE)
    match = text(f"{_TABLE} MATCH :words").bindparams(words=quoted)
    found: Select[tuple[int]] = select(literal_column("rowid")).select_from(table).where(match)
    return found
