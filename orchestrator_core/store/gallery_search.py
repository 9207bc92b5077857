"""Words in the texts of images: FTS5 by trigrams on SQLite, pg_trgm on PostgreSQL; where neither is there, all is read.

No migration makes what is here, because losing it loses nothing: it is made, and filled, when it is first written. Any
three characters that stand together are found, in the middle of a word too; fewer are looked for row by row.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, Select, func, literal_column, or_, select, text
from sqlalchemy.exc import DBAPIError

from orchestrator_core.store.gallery_tables import images
from orchestrator_core.store.schema import UNSTORABLE

SHORTEST = 3  # characters that an index can find
_TEXTS = "gallery_search"
_PATHS = "gallery_paths"  # folds Unicode itself, as paths are kept as they are
_COLUMNS = {_TEXTS: "search_text", _PATHS: "path"}
_INDEXES = {"gallery_images_search": "search_text", "gallery_images_paths": "lower(path)"}  # PostgreSQL's


def folded(*texts: str) -> str:
    """The texts as they are searched: neither database folds Unicode in LIKE."""
    return UNSTORABLE.sub(" ", "\n".join(text for text in texts if text).casefold())


def replace(connection: Connection, old: Sequence[tuple[int, str]], new: Sequence[tuple[int, str]]) -> None:
    """Forget texts that were there, and add others: (id, text)."""
    if connection.dialect.name == "postgresql" or not (old or new):
        return
    if not is_made(connection, _TEXTS):
        _make_trigrams(connection, _TEXTS)
        return  # filled with what is in the table already, the new ones among it
    forget = f"INSERT INTO {_TEXTS} ({_TEXTS}, rowid, search_text) VALUES ('delete', ?, ?)"
    for statement, texts in (
        (forget, old),
        (f"INSERT INTO {_TEXTS} (rowid, search_text) VALUES (?, ?)", new),
    ):
        told = [(id_, said) for id_, said in texts if said]  # without words there is nothing to forget either
        if told:
            connection.exec_driver_sql(statement, told)


def add_paths(connection: Connection, ids: Sequence[int]) -> None:
    """Of images that are in the table."""
    if connection.dialect.name == "postgresql" or not ids:
        return
    if not is_made(connection, _PATHS):
        _make_trigrams(connection, _PATHS)  # filled with them too
        return
    add = f"INSERT INTO {_PATHS} (rowid, path) SELECT id, path FROM gallery_images WHERE id = ? AND path <> ''"
    connection.exec_driver_sql(add, [(id_,) for id_ in ids])


def forget_paths(connection: Connection, ids: Sequence[int]) -> None:
    """Before they change: what is in the table has to be what is forgotten."""
    if connection.dialect.name != "postgresql" and ids and is_made(connection, _PATHS):
        old = "SELECT 'delete', id, path FROM gallery_images WHERE id = ? AND path <> ''"
        forget = f"INSERT INTO {_PATHS} ({_PATHS}, rowid, path) {old}"
        connection.exec_driver_sql(forget, [(id_,) for id_ in ids])


def prepare(connection: Connection) -> None:
    """Makes what lacks."""
    names = _INDEXES if connection.dialect.name == "postgresql" else _COLUMNS
    for name in names:
        if not is_made(connection, name):
            make = _make_index if connection.dialect.name == "postgresql" else _make_trigrams
            make(connection, name)


def _make_trigrams(connection: Connection, table: str) -> None:
    """Nothing is made where SQLite has no trigrams."""
    try:
        with connection.begin_nested():
            connection.exec_driver_sql(
                f"CREATE VIRTUAL TABLE IF NOT EXISTS {table} USING fts5"
                f" ({_COLUMNS[table]}, content='gallery_images', content_rowid='id', tokenize='trigram')"
            )
            connection.exec_driver_sql(f"INSERT INTO {table} ({table}) VALUES ('rebuild')")
    except DBAPIError:
        return


def _make_index(connection: Connection, index: str) -> None:
    """Nothing is made where PostgreSQL has no pg_trgm that this user may create."""
    try:
        with connection.begin_nested():
            connection.execute(text("CREATE EXTENSION IF NOT EXISTS pg_trgm"))
            made = f"CREATE INDEX IF NOT EXISTS {index} ON gallery_images USING gin"
            connection.execute(text(f"{made} (({_INDEXES[index]}) gin_trgm_ops)"))
    except DBAPIError:
        return


def is_made(connection: Connection, name: str = "") -> bool:
    """Whether the index of texts is there, or that of this name."""
    if connection.dialect.name == "postgresql":
        index = {"name": name or next(iter(_INDEXES))}
        return bool(connection.execute(text("SELECT to_regclass(:name) IS NOT NULL"), index).scalar())
    found = connection.exec_driver_sql("SELECT 1 FROM sqlite_master WHERE name = ?", (name or _TEXTS,)).first()
    return found is not None


def having(words: str, *, postgresql: bool) -> ColumnElement[bool]:
    """A condition on a row of ``gallery_images``, true whether or not there is an index."""
    wanted = folded(words)
    if postgresql:
        return images.c.search_text.contains(wanted, autoescape=True)
    return func.instr(images.c.search_text, wanted) > 0  # LIKE would fold ASCII once more, and take twice as long


def in_path(part: str, *, postgresql: bool) -> ColumnElement[bool]:
    """The same for a part of the path. SQLite folds ASCII alone, as PostgreSQL may: other letters are looked for as all
    small or all large."""
    sides = [(func.lower(images.c.path), part.lower())]
    sides += [] if part.isascii() else [(func.upper(images.c.path), part.upper())]
    return or_(
        *(path.contains(said, autoescape=True) if postgresql else func.instr(path, said) > 0 for path, said in sides)
    )


def by_index(words: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Those that an index can find, and those that are too short for one."""
    short = [len(folded(one)) < SHORTEST for one in words]
    long_ones = tuple(one for one, is_short in zip(words, short, strict=True) if not is_short)
    return long_ones, tuple(one for one, is_short in zip(words, short, strict=True) if is_short)


def matching(connection: Connection, words: Sequence[str]) -> Select[tuple[int]] | None:
    """The ids of those that have all of these words; None where no index knows."""
    wanted = [folded(one) for one in words]
    if any(len(one) < SHORTEST for one in wanted) or not is_made(connection):
        return None
    if connection.dialect.name == "postgresql":
        return select(images.c.id).where(*(having(one, postgresql=True) for one in words))
    return _matching(_TEXTS, wanted, " AND ")


def matching_paths(connection: Connection, parts: Sequence[str]) -> Select[tuple[int]] | None:
    """The ids of those in whose path is any of these; None where no index knows."""
    is_postgresql = connection.dialect.name == "postgresql"
    name = "gallery_images_paths" if is_postgresql else _PATHS
    if any(len(part) < SHORTEST for part in parts) or not is_made(connection, name):
        return None
    if is_postgresql:
        return select(images.c.id).where(or_(*(in_path(part, postgresql=True) for part in parts)))
    return _matching(_PATHS, parts, " OR ")


def _matching(table: str, wanted: Sequence[str], sign: str) -> Select[tuple[int]]:
    quoted = sign.join('"' + one.replace('"', '""') + '"' for one in wanted)
    match = text(f"{table} MATCH :{table}").bindparams(**{table: quoted})
    found: Select[tuple[int]] = select(literal_column("rowid").label("id")).select_from(text(table)).where(match)
    return found
