"""A copy of the SQLite file before a newer pack changes its tables; the last three are kept beside it.

PostgreSQL has none from us: its own tools (pg_dump) make better ones than a client could.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path

KEPT = 3


def back_up(path: Path, version: str) -> Path:
    """Copy the database at ``path`` as it was last committed; ``version`` is its last migration.

    Other programs may go on reading and writing meanwhile. Raises sqlite3.Error or OSError, and then leaves no copy.
    """
    # The time comes first so that names sort by age.
    now = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S.%fZ")
    copy = path.with_name(f"{path.name}.backup-{now}-{version}")
    unfinished = copy.with_name(copy.name + ".part")
    try:
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(unfinished)) as target:
            source.backup(target)
            target.execute("PRAGMA journal_mode=DELETE")  # one file alone, or a copy of it could be half of one
        unfinished.replace(copy)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    for old in backups(path)[:-KEPT]:
        old.unlink(missing_ok=True)
    return copy


def backups(path: Path) -> list[Path]:
    """Finished copies of the database at ``path``, oldest first."""
    begin = path.name + ".backup-"
    return sorted(file for file in path.parent.iterdir() if file.name.startswith(begin) and ".part" not in file.name)
