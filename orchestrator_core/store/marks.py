"""People's marks of images as rows: the last word counts, and an image without a row has none."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import delete, insert, select

from orchestrator_core.store import schema
from orchestrator_core.store.database import Store


@dataclass(frozen=True, slots=True)
class StoredMarks:
    """``stars`` 0: none were given."""

    favourite: bool = False
    reject: bool = False
    stars: int = 0


class ImageMarks:
    """Every method is one transaction. Raises StoreError."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def of_run(self, run_id: str) -> Mapping[str, StoredMarks]:
        """By the image's file name."""
        table = schema.image_marks
        with self.store.reading() as connection:
            rows = list(connection.execute(select(table).where(table.c.run_id == run_id)).mappings())
        return {row["image"]: StoredMarks(bool(row["favourite"]), bool(row["reject"]), row["stars"]) for row in rows}

    def put(self, run_id: str, image: str, marks: StoredMarks) -> None:
        """In place of what was said before."""
        table = schema.image_marks
        given = {"favourite": int(marks.favourite), "reject": int(marks.reject), "stars": marks.stars}
        with self.store.writing() as connection:
            connection.execute(delete(table).where(table.c.run_id == run_id, table.c.image == image))
            if any(given.values()):
                now = time.time_ns() // 1_000_000
                connection.execute(insert(table).values(run_id=run_id, image=image, updated_ms=now, **given))
