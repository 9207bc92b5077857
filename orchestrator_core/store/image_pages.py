"""Images of all runs, newest first, a page at a time: those that a run made itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, and_, or_, select

from orchestrator_core.store import schema
from orchestrator_core.store.queries import having_text
from orchestrator_core.store.rows import Stored

Place = tuple[str, int]  # the id of its run, and its position there


def page(
    connection: Connection, limit: int, after: Place | None = None, text: str = "", run_id: str = ""
) -> Sequence[Stored]:
    """Rows of images with their run's ``created_ms``; those after one, where that is given."""
    images, runs = schema.images, schema.runs
    statement: Select[Any] = (
        select(images, runs.c.created_ms)
        .join(runs, runs.c.id == images.c.run_id)
        .where(images.c.of_run == images.c.run_id)  # a run that was made from another holds that one's too
        .order_by(images.c.run_id.desc(), images.c.position.desc())
        .limit(limit)
    )
    if after is not None:
        same = and_(images.c.run_id == after[0], images.c.position < after[1])
        statement = statement.where(or_(images.c.run_id < after[0], same))
    if run_id:
        statement = statement.where(images.c.run_id == run_id)
    if text:
        statement = statement.where(having_text(text))
    return connection.execute(statement).mappings().all()


def one(connection: Connection, place: Place) -> Stored | None:
    """The row of this image."""
    images, runs = schema.images, schema.runs
    statement = select(images, runs.c.created_ms).join(runs, runs.c.id == images.c.run_id)
    wanted = (images.c.run_id == place[0], images.c.position == place[1])
    return connection.execute(statement.where(*wanted)).mappings().first()
