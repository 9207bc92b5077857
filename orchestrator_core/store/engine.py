"""From a database URL to an SQLAlchemy engine whose transactions are what they seem.

On SQLite the driver would begin transactions late and only for some statements; here each begins with BEGIN, and each
that writes with BEGIN IMMEDIATE, so that two processes queue up instead of failing half way.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from orchestrator_core.errors import NoDatabase, StoreError
from orchestrator_core.store.schema import migrations

WAIT_S = 30.0  # for another program's lock, where nobody says otherwise; the sqlite URL's ?timeout= overrides it
CONNECT_S = 10
WRITES = "orchestrator_writes"  # execution option of a connection whose transaction will write
WAITS = "orchestrator_waits"  # … and of one that waits at most so many seconds for a lock; None: as the engine does


def parse_url(text: str) -> URL:
    """The URL of a database, or the path of an SQLite file. Raises StoreError for what this pack cannot use."""
    scheme, separator, rest = text.partition("://")
    if not separator:
        return _sqlite_url(text)
    if scheme.partition("+")[0] == "sqlite":
        # Not make_url: SQLAlchemy 2.0 takes a %20 in the path as it is, 2.1 as a space.
        path, _, query = rest.partition("?")
        return _sqlite_url(unquote(path.removeprefix("/")) if path.startswith("/") else "", dict(parse_qsl(query)))
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise StoreError("The database URL cannot be read. Write postgresql://user:password@host/database.") from error
    if scheme.partition("+")[0] not in ("postgresql", "postgres"):
        raise StoreError(f"A {scheme} database cannot be used. Give a postgresql:// URL or the path of an SQLite file.")
    return url.set(drivername="postgresql+psycopg")


def place_of(url: URL) -> str:
    """How messages name the database: the file, or the URL without its password."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return url.set(query={}).render_as_string(hide_password=True)


def make_engine(url: URL, *, create: bool, wait_s: float = WAIT_S) -> Engine:
    """An engine, with the SQLite file checked (and, with ``create``, its folder made) before."""
    if url.get_backend_name() == "sqlite":
        return _sqlite_engine(url, create, _wait_of(url, wait_s))
    try:
        # pre_ping: a server that was restarted must not cost the first save after it.
        engine = create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": CONNECT_S})
    except ModuleNotFoundError as error:
        raise StoreError(
            f"{place_of(url)}: the PostgreSQL driver {error.name} is not installed. "
            'Install it into this Python with: pip install "psycopg[binary]"'
        ) from error
    event.listen(engine, "connect", lambda dbapi, _record: _limit_waiting(dbapi, wait_s))
    event.listen(engine, "begin", _begin_postgresql)
    return engine


def _sqlite_url(database: str, query: dict[str, str] | None = None) -> URL:
    if not database or database.startswith((":memory:", "file:")):
        raise StoreError("An SQLite database needs a file of its own: sqlite:////full/path, or just the path.")
    return URL.create("sqlite", database=str(Path(database).expanduser().absolute()), query=query or {})


def _sqlite_engine(url: URL, create: bool, wait_s: float) -> Engine:
    path = Path(str(url.database))
    if path.is_dir():
        raise StoreError(f"{path}: this is a folder, where the database should be a file. Move it away or rename it.")
    if not path.exists():
        if not create:
            raise NoDatabase(f"{path}: there is no database yet. It is made when the first run is saved.")
        path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path, timeout=wait_s, isolation_level=None)) as connection:
        journal = prepare_file(connection, path, wait_s)
    engine = create_engine(url.set(query={}), connect_args={"timeout": wait_s})
    # WAL stays consistent without a sync at each commit; a rollback journal does not.
    synchronous = "NORMAL" if journal == "wal" else "FULL"
    event.listen(engine, "connect", lambda dbapi, _record: _prepare_sqlite(dbapi, synchronous))
    check_there = _watch_for_deletion(path)

    def begin(connection: Connection) -> None:
        check_there()
        _begin_sqlite(connection, wait_s)

    event.listen(engine, "begin", begin)
    return engine


def _watch_for_deletion(path: Path) -> Callable[[], None]:
    """Raises StoreError from the first time on that the file is gone: what is written into it then is lost, and
    whoever makes a new one writes into another."""
    is_gone = False

    def check() -> None:
        nonlocal is_gone
        try:
            path.stat()
        except FileNotFoundError:
            is_gone = True
        except OSError:  # SQLite says it better
            pass
        if is_gone:
            raise StoreError(f"{path}: the database was deleted while it was in use. Start this program again.")

    return check


def _wait_of(url: URL, wait_s: float) -> float:
    given = url.query.get("timeout", wait_s)
    try:
        return float(given)  # type: ignore[arg-type]  # a tuple, for a name given twice, is refused below
    except (TypeError, ValueError) as error:
        raise StoreError(f"{url.database}: ?timeout={given} in the database URL is not a number of seconds.") from error


def prepare_file(connection: sqlite3.Connection, path: Path, wait_s: float) -> str:
    """Refuse another program's file, before anything in it is changed; then the journal mode: "wal", or what there is.

    A file system without shared memory (some network folders) cannot have write-ahead logging. A file that got it
    elsewhere and was moved there opens only for a connection that keeps it for itself, which can take it away again.
    """
    try:
        tables = _tables(connection)
    except sqlite3.OperationalError as error:
        if "unable to open" not in str(error):
            raise
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        _refuse_others(_tables(connection), path)
        (mode,) = connection.execute("PRAGMA journal_mode=DELETE").fetchone()
        return str(mode)
    _refuse_others(tables, path)
    return _use_wal(connection, wait_s)


def _tables(connection: sqlite3.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def _refuse_others(tables: set[str], path: Path) -> None:
    if tables and migrations.name not in tables:
        raise StoreError(f"{path}: this is the database of another program. Give the store a file of its own.")


def _use_wal(connection: sqlite3.Connection, wait_s: float) -> str:
    # The switch needs the file for itself for a moment, and does not wait for that as other statements do.
    until = time.monotonic() + wait_s
    while True:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
            return str(mode)
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() >= until:
                raise
            time.sleep(0.02)


def _prepare_sqlite(dbapi: Any, synchronous: str) -> None:
    dbapi.isolation_level = None  # the driver begins nothing by itself; _begin_sqlite does
    dbapi.execute("PRAGMA foreign_keys=ON")
    dbapi.execute(f"PRAGMA synchronous={synchronous}")


def _begin_sqlite(connection: Connection, wait_s: float) -> None:
    options = connection.get_execution_options()
    waits = options.get(WAITS)
    waits_ms = int((wait_s if waits is None else min(waits, wait_s)) * 1000)
    if connection.info.get(WAITS) != waits_ms:  # it comes from a pool, and may have waited otherwise before
        connection.exec_driver_sql(f"PRAGMA busy_timeout={waits_ms}")
        connection.info[WAITS] = waits_ms
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get(WRITES, False) else "BEGIN")


def _begin_postgresql(connection: Connection) -> None:
    waits = connection.get_execution_options().get(WAITS)
    if waits is not None:  # 0 would mean for ever
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {max(1, int(waits * 1000))}")


def _limit_waiting(dbapi: Any, wait_s: float) -> None:
    dbapi.autocommit = True
    dbapi.execute(f"SET lock_timeout = {int(wait_s * 1000)}")
    dbapi.autocommit = False
