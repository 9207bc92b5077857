"""From a database's error to one line for a person: where, what is wrong, what to do."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from orchestrator_core.errors import StoreDamaged, StoreError, StoreLocked

LOCKED = "another program keeps the database locked"
TRY_AGAIN = "Close the other program or wait until it is done, then try again."
RESTORE = (
    "Nothing was overwritten. Stop every program that uses it, then move the file away, "
    "or put one of the backups beside it in its place."
)
PERMISSION = "Check the permissions of the file and its folder, or set ORCHESTRATOR_HOME to a folder of your own."
SPACE = "Free some space, then try again; what was saved before is intact."
SERVER = "Check that the server runs and that ORCHESTRATOR_DATABASE_URL names it rightly."
RIGHTS = "Check the user and password in ORCHESTRATOR_DATABASE_URL, and what that user may do."

# A fragment of the database's own message (its error numbers reach Python only from 3.11), what it means, what to do.
KNOWN = (
    ("database is locked", LOCKED, TRY_AGAIN),
    ("database table is locked", LOCKED, TRY_AGAIN),
    ("lock timeout", LOCKED, TRY_AGAIN),
    ("file is not a database", "this is not an SQLite database, or its beginning is damaged", RESTORE),
    ("malformed", "the database is damaged", RESTORE),
    ("unable to open database file", "the database cannot be opened", PERMISSION),
    ("readonly database", "the database may only be read", PERMISSION),
    ("Permission denied", "the data folder cannot be written", PERMISSION),
    ("Read-only file system", "the data folder cannot be written", PERMISSION),
    ("disk is full", "the disk is full", SPACE),
    ("No space left", "the disk is full", SPACE),
    (
        "disk I/O error",
        "the disk gave an error",
        "Check the disk and its free space. If the file was replaced while it was in use, start that program again.",
    ),
    ("Not a directory", "a part of the path is a file, not a folder", "Set ORCHESTRATOR_HOME to another folder."),
    ("File exists", "a part of the path is a file, not a folder", "Set ORCHESTRATOR_HOME to another folder."),
    ("Access is denied", "the data folder cannot be written", PERMISSION),
    ("FATAL:  database", "PostgreSQL has no database of that name", "Make it with createdb, or correct the URL."),
    ("authentication failed", "PostgreSQL refused the user or the password", RIGHTS),
    ("permission denied", "PostgreSQL does not permit that", RIGHTS),
    ("connection failed", "PostgreSQL cannot be reached", SERVER),
    ("connection is bad", "PostgreSQL cannot be reached", SERVER),
    ("could not translate host", "PostgreSQL's host name is not known", SERVER),
    ("failed to resolve host", "PostgreSQL's host name is not known", SERVER),
    ("connection timeout", "PostgreSQL did not answer in time", SERVER),
    ("server closed the connection", "PostgreSQL closed the connection", SERVER),
    ("terminating connection", "PostgreSQL closed the connection", SERVER),
)


@contextmanager
def as_store_errors(place: str, *also: type[Exception]) -> Iterator[None]:
    """Raise what the database and its driver raise, and errors ``also``, as StoreErrors about ``place``."""
    kinds: tuple[type[Exception], ...] = (SQLAlchemyError, sqlite3.Error, *also)
    try:
        yield
    except kinds as error:
        raise explained(error, place) from error


def explained(error: Exception, place: str) -> StoreError:
    """One line: where, what, what to do, with the database's own words in brackets."""
    said = _own_words(error)
    for fragment, what, to_do in KNOWN:
        if fragment in said:
            kind = StoreLocked if what == LOCKED else StoreDamaged if to_do == RESTORE else StoreError
            return kind(f"{place}: {what} ({said}). {to_do}")
    return StoreError(f"{place}: the database gave an error ({said}).")


def _own_words(error: Exception) -> str:
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    # PostgreSQL's messages go on with the statement, SQLAlchemy's with parameters that may be a whole prompt.
    lines = str(cause).strip().splitlines() or [type(cause).__name__]
    return lines[0].strip().rstrip(".")[:300]
