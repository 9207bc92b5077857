"""People's marks of a run's images, by file name. They lie with the content, and nowhere else: ``gallery_marks.py``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from sqlalchemy import Connection, select

from orchestrator_core.store import gallery_images, gallery_untaught, learning, schema
from orchestrator_core.store.contents import file_facts
from orchestrator_core.store.database import Store
from orchestrator_core.store.gallery_marks import MarkChange
from orchestrator_core.store.gallery_marks import put as put_marks
from orchestrator_core.store.gallery_runs import stand_in
from orchestrator_core.store.gallery_tables import images
from orchestrator_core.store.jobs import now_ms


@dataclass(frozen=True, slots=True)
class StoredMarks:
    """``stars`` 0: none were given."""

    favourite: bool = False
    reject: bool = False
    stars: int = 0

    def __bool__(self) -> bool:
        return self.favourite or self.reject or self.stars > 0


class ImageMarks:
    """Every method is one transaction. Raises StoreError."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def of_run(self, run_id: str) -> Mapping[str, StoredMarks]:
        """By the image's file name; those that have some."""
        with self.store.reading() as connection:
            names = _keys_of(connection, run_id)
            wanted = [*names.values(), *(stand_in(run_id, name) for name in names)]
            columns = (images.c.key, images.c.run_image, images.c.favourite, images.c.reject, images.c.rating)
            of_run = select(*columns).where((images.c.run_id == run_id) | images.c.key.in_(wanted))
            rows = connection.execute(of_run).all()
        marks = {row.key: StoredMarks(bool(row.favourite), bool(row.reject), row.rating) for row in rows}
        told = {row.run_image: marks[row.key] for row in rows if row.run_image}
        told |= {name: marks[key] for name, key in names.items() if key in marks}
        return {name: one for name, one in told.items() if one}

    def put(
        self,
        run_id: str,
        image: str,
        marks: StoredMarks,
        path: Path | None = None,
        entries: Sequence[learning.NewEntry] = (),
    ) -> None:
        """In place of what was said before, together with what the ledger of learning is told of it.

        ``path``: of the file, which knows the image where no run of the store does.
        """
        read = file_facts(path).sha256 if path is not None else None
        given = {"favourite": int(marks.favourite), "reject": int(marks.reject), "rating": marks.stars}
        with self.store.writing() as connection:
            key = _keys_of(connection, run_id).get(image) or read or stand_in(run_id, image)
            if marks or _is_known(connection, key):
                id_ = gallery_images.ensure(connection, key, image, run_id)
                put_marks(connection, [MarkChange(id_, given)])
                gallery_untaught.settle(connection, [id_] if entries else [], [])
            if entries:
                learning.append(connection, entries, now_ms())


def _keys_of(connection: Connection, run_id: str) -> dict[str, str]:
    """The contents of a run's images, by their files' names."""
    table = schema.images.c
    statement = select(table.path, table.sha256).where(table.run_id == run_id, table.sha256.is_not(None))
    return {PurePath(row.path).name: row.sha256 for row in connection.execute(statement)}


def _is_known(connection: Connection, key: str) -> bool:
    return connection.execute(select(images.c.id).where(images.c.key == key)).first() is not None
