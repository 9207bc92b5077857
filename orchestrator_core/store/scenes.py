"""A run of a story as a scene of it, inside the transaction that saves the run; and what is said to a story's rows."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from orchestrator_core.errors import StoryError
from orchestrator_core.prompt import Component, Origin, StoryUse
from orchestrator_core.run import Run
from orchestrator_core.store import schema
from orchestrator_core.store.rows import Row, Stored

LONGEST_NAME = 200
_OWN = (Origin.template, Origin.wildcard, Origin.user)  # whose words are told as the scene's
_TEXTS = ("op", "field", "subject", "value", "source")  # of a change


def record(connection: Connection, runs: Iterable[Run], known: Collection[str], now_ms: int) -> None:
    """A scene for each of these runs that belongs to a story: one that has its scene only gets its newest texts.

    ``known`` are ids of runs that were stored before: where such a run has no scene, its story was deleted, and stays
    so. A story that is not there yet begins with its first scene. Nothing that a draft says of its story keeps the run
    from being saved.
    """
    table = schema.story_scenes
    told = [(name_key(use.story[:LONGEST_NAME]), use.scene, run.id, run) for run in runs if (use := run.draft.story)]
    # Sorted by story first, as two hosts that lock the same stories in different orders would wait for ever; then by
    # scene: the runs of one batch may be of one millisecond, and their ids sort by chance then.
    for name, _, run_id, run in sorted(told, key=lambda one: one[:3]):
        draft = run.draft
        values = {"words": _own_words(draft.components), "prompt": draft.positive, "seed": draft.seed}
        changed = connection.execute(update(table).where(table.c.run_id == run_id).values(**values))
        if name and draft.story and not changed.rowcount and run_id not in known:
            make_if_absent(connection, draft.story.story[:LONGEST_NAME])
            _tell(connection, locked(connection, name)["id"], run_id, draft.story, values, now_ms)


def _tell(connection: Connection, story_id: str, run_id: str, use: StoryUse, values: Row, now_ms: int) -> None:
    notes = _notes(use.notes)
    table = schema.story_scenes
    last = connection.execute(select(func.max(table.c.number)).where(table.c.story_id == story_id)).scalar()
    number = (last or 0) + 1
    position = append(connection, story_id, number, notes["changes"], now_ms)
    row = {"story_id": story_id, "number": number, "run_id": run_id, "created_ms": now_ms, "action": use.action}
    row |= {"lore": json.dumps(notes["lore"], ensure_ascii=False), "timed": notes["timed"]}
    connection.execute(insert(table).values(**row, position=position, left_out=0, **values))


def _notes(text: str) -> dict[str, Any]:
    """What ``memory/notes.py`` wrote; of what somebody else wrote only as much as a story can be told from."""
    try:
        notes = json.loads(text or "{}")
    except (ValueError, RecursionError):
        notes = {}
    notes = notes if isinstance(notes, dict) else {}
    changes, lore, timed = (notes.get(name) for name in ("changes", "lore", "timed"))
    return {
        "changes": [one for one in changes if _is_change(one)] if isinstance(changes, list) else [],
        "lore": [name for name in lore if isinstance(name, str)] if isinstance(lore, list) else [],
        "timed": timed if isinstance(timed, str) else "",
    }


def _is_change(given: Any) -> bool:
    return isinstance(given, dict) and all(isinstance(given.get(name), str) for name in _TEXTS)


def append(connection: Connection, story_id: str, scene: int, changes: Sequence[Mapping[str, str]], now_ms: int) -> int:
    """Adds one step to the log; the number of the last change that is then in it."""
    table = schema.story_changes
    of_story = table.c.story_id == story_id
    last, step = connection.execute(select(func.max(table.c.number), func.max(table.c.step)).where(of_story)).one()
    last, step = last or 0, (step or 0) + 1
    if changes:
        connection.execute(update(table).where(of_story, table.c.status == "undone").values(status="dropped"))
        connection.execute(
            insert(table),
            [
                {"story_id": story_id, "number": last + place, "step": step, "scene": scene, "created_ms": now_ms}
                | {"status": "active", **{name: change[name] for name in _TEXTS}}
                for place, change in enumerate(changes, 1)
            ],
        )
    stories = schema.stories
    connection.execute(update(stories).where(stories.c.id == story_id).values(updated_ms=now_ms))
    return int(last) + len(changes)


def _own_words(components: Iterable[Component]) -> str:
    return "".join(component.text for component in components if component.origin in _OWN).strip(" ,\n")


def found(connection: Connection, name: str) -> Stored | None:
    table = schema.stories
    return connection.execute(select(table).where(table.c.name_key == name_key(name))).mappings().first()


def locked(connection: Connection, name: str) -> Stored:
    """The story, which nobody else changes until the transaction ends: numbers are counted from what is there."""
    table = schema.stories
    statement = select(table).where(table.c.name_key == name_key(name)).with_for_update()
    story = connection.execute(statement).mappings().first()
    if story is None:
        raise StoryError(f"There is no story {name!r}. orchestrator stories list shows those that there are.")
    return story


def make(connection: Connection, name: str, profiles: Sequence[str], books: Sequence[str]) -> None:
    connection.execute(insert(schema.stories).values(**_row(name, profiles, books)))


def make_if_absent(connection: Connection, name: str) -> None:
    """At the same moment another program may make it."""
    make: Any = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    statement = make(schema.stories).values(**_row(name, (), ()))
    connection.execute(statement.on_conflict_do_nothing(index_elements=["name_key"]))


def _row(name: str, profiles: Sequence[str], books: Sequence[str]) -> Row:
    now = now_ms()
    lists = {"profiles": profiles, "books": books}
    return {
        "id": secrets.token_hex(16),
        "name": checked_name(name),
        "name_key": name_key(name),
        "created_ms": now,
        "updated_ms": now,
        **{column: json.dumps(list(names), ensure_ascii=False) for column, names in lists.items()},
    }


def checked_name(name: str) -> str:
    found = " ".join(name.split())
    if not 1 <= len(found) <= LONGEST_NAME:
        raise StoryError(f"A story's name has 1 to {LONGEST_NAME} characters; this one has {len(found)}.")
    return found


def name_key(name: str) -> str:
    return " ".join(name.split()).casefold()


def now_ms() -> int:
    return time.time_ns() // 1_000_000
