"""Store: the open database. Every method is one transaction, every failure a StoreError of one line for a person."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from sqlalchemy import Connection, Engine, Select, delete, select

from orchestrator_core.config import database_url
from orchestrator_core.errors import StoreError
from orchestrator_core.request import GeneratedImage
from orchestrator_core.run import Run
from orchestrator_core.store import gallery_runs, queries, scenes, schema
from orchestrator_core.store.engine import WAIT_S, WAITS, WRITES, make_engine, parse_url, place_of
from orchestrator_core.store.failures import as_store_errors
from orchestrator_core.store.gallery_kept import Kept
from orchestrator_core.store.migrations import migrate
from orchestrator_core.store.rows import StoredImage, image_row, rows_of, stored_image

LONGEST_ID = 200  # characters


class Store:
    """Runs and all that belongs to them. Threads may share one; processes each open their own."""

    def __init__(self, engine: Engine, place: str) -> None:
        self.engine = engine
        self.place = place  # the file, or the URL without its password, for messages
        self.found = Kept()  # by searches of the gallery

    @classmethod
    def open(cls, url: str | os.PathLike[str] | None = None, *, create: bool = True, wait_s: float = WAIT_S) -> Store:
        """Open the database at ``url`` (default: ``config.database_url()``) and bring its tables up to date.

        ``url`` may also be the path of an SQLite file. Without ``create`` a missing file is an error instead of a new
        database. ``wait_s`` is how long another program's lock is waited for. Raises SchemaTooNew for the database of
        a newer pack, StoreError for what else is in the way.
        """
        parsed = parse_url(database_url() if url is None else os.fspath(url))
        place = place_of(parsed)
        with as_store_errors(place, OSError):
            engine = make_engine(parsed, create=create, wait_s=wait_s)
            try:
                migrate(engine, place)
            except BaseException:
                engine.dispose()
                raise
        return cls(engine, place)

    def close(self) -> None:
        self.engine.dispose()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees the database as of one moment."""
        options: dict[str, object] = {}
        if self.engine.dialect.name == "postgresql":
            options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        with as_store_errors(self.place), self.engine.connect() as connection:
            yield connection.execution_options(**options)

    @contextmanager
    def writing(self, wait_s: float | None = None) -> Iterator[Connection]:
        """A connection whose changes all happen at the end of the block, or, on any error, not at all.

        ``wait_s``: how long another program's lock is waited for, where that is less than the store waits.
        """
        with as_store_errors(self.place), self.engine.connect() as connection:
            connection = connection.execution_options(**{WRITES: True, WAITS: wait_s})
            with connection.begin():
                yield connection

    def save_run(self, run: Run) -> None:
        """Save the run as it is, in place of what was stored under its id. Saving it again changes nothing."""
        self.save_runs([run])

    def save_runs(self, new: Iterable[Run]) -> None:
        """Save many runs at once: all of them or, on an error, none."""
        last = {run.id: run for run in new}
        now = _now_ms()
        # Everything slow (reading the images' files) comes before the transaction; sorted, as two hosts that lock
        # the same rows in different orders would wait for each other for ever.
        rows = [rows_of(_checked(last[id_]), now) for id_ in sorted(last)]
        of_stories = [run for run in last.values() if run.draft.story is not None]
        with self.writing() as connection:
            known = queries.known_ids(connection, [run.id for run in of_stories])
            queries.save(connection, rows)
            scenes.record(connection, of_stories, known, now)
            images = {one["runs"][0]["id"]: one["images"] for one in rows}
            gallery_runs.record(connection, [run for run in last.values() if run.images], images, now)

    def add_images(self, run_id: str, images: Sequence[GeneratedImage]) -> None:
        """Add images to a stored run, after those it has; one with the path of a stored image replaces that.

        Raises StoreError where there is no such run.
        """
        rows = [image_row(run_id, 0, image) for image in images]
        with self.writing() as connection:
            if not queries.lock_run(connection, run_id):
                raise StoreError(f"{self.place}: there is no run {run_id} to add images to. Save the run first.")
            queries.add_images(connection, run_id, rows)
            run = self._loaded(connection, [run_id])
            gallery_runs.record(connection, run, gallery_runs.rows_of_images(connection, [run_id]), _now_ms())

    def load_run(self, run_id: str) -> Run:
        """The run, equal to what was saved. Raises StoreError where there is none."""
        with self.reading() as connection:
            found = self._loaded(connection, [run_id])
        if not found:
            raise StoreError(f"{self.place}: there is no run {run_id}.")
        return found[0]

    def runs(self, limit: int = 50, before: str | None = None) -> list[Run]:
        """At most ``limit`` runs, newest first; for the next page give the last one's id as ``before``."""
        with self.reading() as connection:
            return self._loaded(connection, queries.newest_ids(connection, limit, before))

    def find_runs(self, text: str, limit: int = 50, before: str | None = None) -> list[Run]:
        """As ``runs``, of those whose prompts or templates contain ``text``, whatever its case."""
        with self.reading() as connection:
            return self._loaded(connection, queries.newest_ids(connection, limit, before, queries.having_text(text)))

    def runs_with_choice(self, key: str, limit: int = 50, before: str | None = None) -> list[Run]:
        """As ``runs``, of those in whose prompts the choice ``key`` ("colors/warm#crimson") was taken."""
        with self.reading() as connection:
            return self._loaded(connection, queries.newest_ids(connection, limit, before, queries.having_choice(key)))

    def delete_run(self, run_id: str) -> bool:
        """Forget a run with all that belongs to it, but for the image files. False where there was none."""
        with self.writing() as connection:
            return connection.execute(delete(schema.runs).where(schema.runs.c.id == run_id)).rowcount > 0

    def stored_images(self, run_id: str) -> list[StoredImage]:
        """The run's images in their order, with what is known of their files."""
        table = schema.images
        return self._images(select(table).where(table.c.run_id == run_id).order_by(table.c.position))

    def image_by_sha256(self, sha256: str) -> StoredImage | None:
        """The image whose file has this content, wherever the file is now; of several, that of the newest run."""
        table = schema.images
        newest = select(table).where(table.c.sha256 == sha256.lower()).order_by(table.c.run_id.desc(), table.c.position)
        found = self._images(newest.limit(1))
        return found[0] if found else None

    def _loaded(self, connection: Connection, ids: Sequence[str]) -> list[Run]:
        try:
            return queries.load(connection, ids)
        except (ValueError, TypeError, KeyError) as error:
            raise self._unreadable(error) from error

    def _images(self, statement: Select[Any]) -> list[StoredImage]:
        try:
            with self.reading() as connection:
                return [stored_image(row) for row in connection.execute(statement).mappings()]
        except (ValueError, TypeError, KeyError) as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: Exception) -> StoreError:
        said = " ".join(str(error).split())
        return StoreError(
            f"{self.place}: a row holds what this pack never writes ({said}). Restore a backup of the file."
        )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _checked(run: Run) -> Run:
    if not 1 <= len(run.id) <= LONGEST_ID:
        raise StoreError(f"A run's id has 1 to {LONGEST_ID} characters; this one has {len(run.id)}.")
    return run
