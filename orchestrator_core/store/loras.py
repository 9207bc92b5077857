"""The LoRA library's tables: rows in, rows out, in the order of ``COLUMNS``. What the rows mean, ``loras/`` knows.

10,000 rows are written and read at once, so the statements go to the driver as they are; SQLAlchemy's typed ones would
take longer than all else that a warm start does.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import Any

from sqlalchemy import Connection, Dialect
from sqlalchemy.dialects import sqlite

from orchestrator_core.errors import StoreError
from orchestrator_core.store import lora_search, schema
from orchestrator_core.store.database import Store
from orchestrator_core.store.migration_steps import make_lora_index
from orchestrator_core.store.schema import ESCAPE, AnyText

Row = tuple[Any, ...]

# All of ``loras`` but the id before and the record after them.
COLUMNS = tuple(column.name for column in schema.loras.columns)[1:-1]
PLACE = 2  # of COLUMNS: root and path
READ_AT_ONCE = 500  # records
DIALECT: Dialect = sqlite.dialect()  # AnyText is the same on both; it asks for one
TEXT = AnyText()


def row_id(root: str, path: str) -> int:
    digest = blake2b(f"{root}\0{path}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


class LoraTables:
    """The index of the given roots, and what belongs to the LoRAs in it. Every method is one transaction.

    ``wait_s``: how long it waits for a lock of another program before it writes; None: as long as the store.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.wait_s: float | None = None

    def folders(self, roots: Collection[str]) -> dict[tuple[str, str], str]:
        """The fingerprint of each folder, by root and path."""
        with self.store.reading() as connection:
            rows = _fetch(connection, f"SELECT root, path, fingerprint FROM lora_folders WHERE {_among(roots)}", roots)
        return {(row[0], row[1]): row[2] for row in rows}

    def entries(self, roots: Collection[str]) -> list[Row]:
        """All rows, without their records."""
        statement = f"SELECT {', '.join(COLUMNS)} FROM loras WHERE {_among(roots)}"
        with self.store.reading() as connection:
            rows = _fetch(connection, statement, roots)
            if rows and not lora_search.is_made(connection):
                raise StoreError(f"{self.store.place}: what LoRAs are searched by is lost. It is made again.")
        return rows

    def records(self, places: Collection[tuple[str, str]]) -> dict[tuple[str, str], str]:
        """The record of each of these roots and paths, as JSON."""
        found: dict[tuple[str, str], str] = {}
        with self.store.reading() as connection:
            for some in _chunks([row_id(*place) for place in places]):
                marks = ", ".join("?" * len(some))
                statement = f"SELECT root, path, record FROM loras WHERE id IN ({marks})"
                found |= {(row[0], row[1]): row[2] for row in _fetch(connection, statement, some)}
        return found

    def write(
        self,
        rows: Sequence[tuple[Row, str, Sequence[str]]],
        removed: Collection[tuple[str, str]] = (),
        folders: Collection[tuple[str, str, str]] = (),
        gone: Collection[tuple[str, str]] = (),
    ) -> None:
        """Write entries, each with its record and its texts for the search; forget others; keep fingerprints."""
        # Sorted, since two hosts that write the same rows in different orders would wait for each other, and the
        # full text index merges in order alone.
        sorted_rows = sorted(((row_id(*row[:PLACE]), row, record, texts) for row, record, texts in rows), key=_id)
        forgotten = sorted(row_id(*place) for place in removed)
        with self.store.writing(self.wait_s) as connection:
            lora_search.make(connection)
            _many(connection, "DELETE FROM loras WHERE id = ?", [(id_,) for id_ in forgotten])
            _upsert(connection, "loras", ("id", *COLUMNS, "record"), 1, [(i, *row, r) for i, row, r, _ in sorted_rows])
            lora_search.replace(connection, forgotten, [(id_, texts) for id_, _, _, texts in sorted_rows])
            _many(connection, "DELETE FROM lora_folders WHERE root = ? AND path = ?", sorted(gone))
            _upsert(connection, "lora_folders", ("root", "path", "fingerprint"), 2, sorted(folders))

    def update(self, rows: Sequence[tuple[Row, Sequence[str] | None]]) -> None:
        """Write entries whose records stay, and their texts where these are given."""
        changes = ", ".join(f"{name} = ?" for name in COLUMNS[PLACE:])
        values = [(*row[PLACE:], row_id(*row[:PLACE])) for row, _ in rows]
        texts = sorted((row_id(*row[:PLACE]), texts) for row, texts in rows if texts is not None)
        with self.store.writing(self.wait_s) as connection:
            lora_search.make(connection)
            _many(connection, f"UPDATE loras SET {changes} WHERE id = ?", sorted(values, key=lambda row: row[-1]))
            lora_search.replace(connection, [], texts)

    def rebuild(self) -> None:
        """Make the index anew, empty; not what people said nor the digests."""
        with self.store.writing(self.wait_s) as connection:
            lora_search.drop(connection)
            make_lora_index(connection)  # somebody may have dropped it
            for table in (schema.loras.name, schema.lora_folders.name):
                _many(connection, f"DELETE FROM {table}", [()])

    def search(self, text: str, roots: Collection[str], limit: int) -> list[tuple[str, str]]:
        """Roots and paths of what holds all the words of ``text``, or words that begin so; the best first."""
        with self.store.reading() as connection:
            ids = lora_search.find(connection, lora_search.words_of(text), limit)
            found: dict[int, Row] = {}
            for some in _chunks(ids):
                marks = ", ".join("?" * len(some))
                statement = f"SELECT id, root, path FROM loras WHERE id IN ({marks})"
                found |= {row[0]: row[1:] for row in _fetch(connection, statement, some)}
        return [(found[id_][0], found[id_][1]) for id_ in ids if id_ in found and found[id_][0] in roots]

    def facts(self) -> list[Row]:
        """(path, source, field, value, confidence, updated_ms, stamp, tensor_sha256), the newest last."""
        names = ", ".join(column.name for column in schema.lora_user.columns)
        with self.store.reading() as connection:
            return _fetch(connection, f"SELECT {names} FROM lora_user ORDER BY updated_ms, path, source, field")

    def set_facts(self, rows: Collection[Row], removed: Collection[tuple[str, str, str]] = ()) -> None:
        """Write rows as ``facts`` gives them, after forgetting those of these paths, sources and fields."""
        names = tuple(column.name for column in schema.lora_user.columns)
        with self.store.writing(self.wait_s) as connection:
            delete = "DELETE FROM lora_user WHERE path = ? AND source = ? AND field = ?"
            _many(connection, delete, sorted(removed))
            _upsert(connection, "lora_user", names, 3, sorted(rows))

    def digests(self) -> list[Row]:
        """(path, size, mtime_ns, inode, sha256, tensor_sha256, autov1)."""
        names = ", ".join(column.name for column in schema.lora_digests.columns)
        with self.store.reading() as connection:
            return _fetch(connection, f"SELECT {names} FROM lora_digests")

    def set_digests(self, rows: Collection[Row]) -> None:
        names = tuple(column.name for column in schema.lora_digests.columns)
        with self.store.writing(self.wait_s) as connection:
            _upsert(connection, "lora_digests", names, 1, sorted(rows))


def _id(row: Row) -> int:
    return int(row[0])


def _among(roots: Collection[str]) -> str:
    return f"root IN ({', '.join('?' * len(roots))})" if roots else "1 = 0"


def _chunks(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), READ_AT_ONCE):
        yield ids[start : start + READ_AT_ONCE]


def _upsert(connection: Connection, table: str, columns: Sequence[str], keys: int, rows: Sequence[Row]) -> None:
    """Insert, or where the first ``keys`` columns are there already, change the others."""
    changes = ", ".join(f"{name} = excluded.{name}" for name in columns[keys:])
    statement = (
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
        f" ON CONFLICT ({', '.join(columns[:keys])}) DO UPDATE SET {changes}"
    )
    _many(connection, statement, rows)


def _many(connection: Connection, statement: str, rows: Iterable[Row]) -> None:
    values = [tuple(_bound(value) for value in row) for row in rows]
    if values:
        connection.exec_driver_sql(_in_dialect(connection, statement), values)


def _fetch(connection: Connection, statement: str, values: Collection[Any] = ()) -> list[Row]:
    bound = tuple(_bound(value) for value in values)
    rows = connection.exec_driver_sql(_in_dialect(connection, statement), bound).fetchall()
    return [_restored(row) for row in rows]


def _in_dialect(connection: Connection, statement: str) -> str:
    return statement.replace("?", "%s") if connection.dialect.name == "postgresql" else statement


def _bound(value: Any) -> Any:
    if not isinstance(value, str) or (value.isascii() and "\0" not in value):  # nearly all; to search takes longer
        return value
    return TEXT.process_bind_param(value, DIALECT)


def _restored(row: Sequence[Any]) -> Row:
    if ESCAPE in "".join([value for value in row if type(value) is str]):  # any() would take three times as long
        return tuple(TEXT.process_result_value(v, DIALECT) if isinstance(v, str) else v for v in row)
    return tuple(row)
