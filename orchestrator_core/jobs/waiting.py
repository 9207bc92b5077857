"""Whether jobs wait, for a program that does not work on the queue yet: as cheap as looking at a file."""

from __future__ import annotations

from pathlib import Path

from orchestrator_core.config import database_url
from orchestrator_core.errors import StoreError

_ALWAYS = 6  # a change that came while it was looked would be missed: every so many times it looks in any case


class WaitingJobs:
    """Looks into the database only where it is there already and was changed since the last look."""

    def __init__(self, database: str | None = None) -> None:
        self._database = database
        self._seen: object = None
        self._looks = 0

    def are_there(self) -> bool:
        """Whether a job waits, or is left by a program that ended. Makes no database; False where it is away."""
        file = _file_of(self._database or database_url())
        seen = _changes_of(file) if file is not None else object()
        self._looks += 1
        if seen is None or (seen == self._seen and self._looks % _ALWAYS):
            return False
        try:
            found = self._asked()
        except StoreError:
            return False
        self._seen = _changes_of(file) if file is not None else None  # to look writes too
        return found

    def _asked(self) -> bool:
        from orchestrator_core.store import Store, jobs

        with Store.open(self._database, create=False, wait_s=1.0) as store, store.reading() as connection:
            counts = jobs.counts(connection)
        return bool(counts.get("waiting", 0) + counts.get("running", 0))


def _file_of(database: str) -> Path | None:
    """None for a server's."""
    from urllib.parse import unquote

    if "://" not in database:
        return Path(database)
    return Path(unquote(database.partition("///")[2].partition("?")[0])) if database.startswith("sqlite") else None


def _changes_of(file: Path) -> tuple[tuple[int, int], ...] | None:
    """Differs when something was written; None where there is no database."""
    found = []
    for path in (file, file.with_name(f"{file.name}-wal")):
        try:
            at = path.stat()
        except OSError:
            found.append((0, 0))
        else:
            found.append((at.st_mtime_ns, at.st_size))
    return tuple(found) if found[0] != (0, 0) else None
