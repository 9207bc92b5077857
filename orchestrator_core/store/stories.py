"""Stories as rows: their scenes, and the log of what changed. ``memory/library.py`` gives them their types.

Scenes are written by ``Store.save_run``, in the run's own transaction: whoever keeps a story's run keeps its scene.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Table, delete, func, select, update

from orchestrator_core.errors import StoryError
from orchestrator_core.run import Run
from orchestrator_core.store import queries, scenes, schema
from orchestrator_core.store.database import Store
from orchestrator_core.store.rows import Row, Stored


@dataclass(frozen=True, slots=True)
class StoredStory:
    """A story's rows; ``runs`` are those of its scenes that are still there, by id."""

    story: Stored
    scenes: Sequence[Stored] = ()
    changes: Sequence[Stored] = ()
    runs: Mapping[str, Run] = field(default_factory=dict)


class Stories:
    """Every method is one transaction. Raises StoryError for a name that is not there or taken, StoreError."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def all(self) -> list[Stored]:
        """Name, profiles, books, ``scenes`` (how many) and updated_ms of each, that which was told last first."""
        table, told = schema.stories, schema.story_scenes
        count = select(func.count()).where(told.c.story_id == table.c.id).scalar_subquery().label("scenes")
        statement = select(table, count).order_by(table.c.updated_ms.desc(), table.c.name_key)
        with self.store.reading() as connection:
            return list(connection.execute(statement).mappings())

    def load(self, name: str) -> StoredStory | None:
        """None where there is no story of this name."""
        with self.store.reading() as connection:
            story = scenes.found(connection, name)
            if story is None:
                return None
            told = _rows(connection, schema.story_scenes, story["id"])
            log = _rows(connection, schema.story_changes, story["id"])
            runs = queries.load(connection, [scene["run_id"] for scene in told])
        return StoredStory(story, told, log, {run.id: run for run in runs})

    def create(self, name: str, profiles: Sequence[str] = (), books: Sequence[str] = ()) -> None:
        with self.store.writing() as connection:
            if scenes.found(connection, name) is not None:
                raise StoryError(f"There is a story {name!r} already. Give the new one another name.")
            scenes.make(connection, name, profiles, books)

    def change(self, name: str, **columns: Any) -> None:
        """``new_name``, ``profiles``, ``books``: what is given is replaced."""
        new_name = columns.pop("new_name", None)
        values: Row = {column: json.dumps(list(names), ensure_ascii=False) for column, names in columns.items()}
        with self.store.writing() as connection:
            story = scenes.locked(connection, name)
            if new_name is not None:
                other = scenes.found(connection, new_name)
                if other is not None and other["id"] != story["id"]:
                    raise StoryError(f"There is a story {new_name!r} already. Choose another name.")
                values |= {"name": scenes.checked_name(new_name), "name_key": scenes.name_key(new_name)}
            if values:
                table = schema.stories
                connection.execute(update(table).where(table.c.id == story["id"]).values(**values))

    def delete(self, name: str) -> None:
        """Its scenes and its log too. The runs and their images stay."""
        with self.store.writing() as connection:
            story = scenes.locked(connection, name)
            connection.execute(delete(schema.stories).where(schema.stories.c.id == story["id"]))

    def append(self, name: str, changes: Sequence[Mapping[str, str]]) -> None:
        """One step of changes made by a person. What was undone before can then no longer be done again."""
        with self.store.writing() as connection:
            story = scenes.locked(connection, name)
            scenes.append(connection, story["id"], 0, changes, scenes.now_ms())

    def undo(self, name: str) -> list[Stored]:
        """The changes of the last step that counts, which then counts no more; none where there is none."""
        return self._mark(name, "active", "undone", func.max)

    def redo(self, name: str) -> list[Stored]:
        """The changes of the step that was undone last, which counts again."""
        return self._mark(name, "undone", "active", func.min)

    def leave_out(self, name: str, number: int, is_left_out: bool) -> None:
        """Whether a scene belongs to what happened. Raises StoryError where there is no such scene."""
        table = schema.story_scenes
        with self.store.writing() as connection:
            story = scenes.locked(connection, name)
            wanted = (table.c.story_id == story["id"], table.c.number == number)
            if not connection.execute(update(table).where(*wanted).values(left_out=int(is_left_out))).rowcount:
                raise StoryError(f"The story {name!r} has no scene {number}.")

    def _mark(self, name: str, before: str, after: str, which: Any) -> list[Stored]:
        table = schema.story_changes
        with self.store.writing() as connection:
            story = scenes.locked(connection, name)
            of_story = table.c.story_id == story["id"]
            step = connection.execute(select(which(table.c.step)).where(of_story, table.c.status == before)).scalar()
            connection.execute(update(table).where(of_story, table.c.step == step).values(status=after))
            return [row for row in _rows(connection, table, story["id"]) if row["step"] == step]


def _rows(connection: Connection, table: Table, story_id: str) -> Sequence[Stored]:
    statement = select(table).where(table.c.story_id == story_id).order_by(table.c.number)
    return connection.execute(statement).mappings().all()
