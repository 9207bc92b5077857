"""Images with marks that nobody has learned from, as nothing told yet which values they are of.

``weights/waiting.py`` looks at them when something of them changed: their run is stored, or a file of them is there.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import BigInteger, Column, Connection, Table, bindparam, delete, insert, or_, select, text, update

from orchestrator_core.store import schema
from orchestrator_core.store.gallery_images import MARKS
from orchestrator_core.store.gallery_tables import images
from orchestrator_core.store.queries import chunks
from orchestrator_core.store.rows import Stored

untaught = Table(
    "gallery_untaught",
    schema.metadata,
    Column("image_id", BigInteger),
    Column("tried", BigInteger),  # the revision of the image at which it told nothing
)
_COLUMNS = ("id", "revision", "run_id", "run_image", *MARKS)
_HAS_RUN = select(schema.runs.c.id).where(schema.runs.c.id == images.c.run_id).exists()
_HAS_FILE = (images.c.missing == 0) & (images.c.template != "")
# Made once, as each mark asks: to build a statement anew takes longer than to run it.
_AMONG = images.c.id.in_(bindparam("ids", expanding=True))
_BY_FILES = select(images.c.id, images.c.path, images.c.name).where(_AMONG, _HAS_FILE, ~_HAS_RUN)
_TAUGHT = delete(untaught).where(untaught.c.image_id.in_(bindparam("ids", expanding=True)))


def m017_gallery_untaught(connection: Connection) -> None:
    """Marks teach when their image comes. Those that were imported and still wait are known by having no file."""
    for statement in (
        """CREATE TABLE gallery_untaught (
            image_id BIGINT NOT NULL PRIMARY KEY REFERENCES gallery_images (id) ON DELETE CASCADE,
            tried BIGINT NOT NULL)""",
        """INSERT INTO gallery_untaught (image_id, tried) SELECT id, 0 FROM gallery_images
            WHERE path = '' AND run_id = '' AND (favourite = 1 OR reject = 1 OR rating > 0)""",
    ):
        connection.execute(text(statement))


def settle(connection: Connection, marked: Collection[int], waiting: Sequence[int]) -> None:
    """Of the images that were just marked these are waited for, and the others no more."""
    for chunk in chunks(sorted(marked)):
        connection.execute(_TAUGHT, {"ids": chunk})
    if waiting:
        connection.execute(insert(untaught), [{"image_id": id_, "tried": 0} for id_ in waiting])


def told_by_files(connection: Connection, ids: Sequence[int]) -> dict[int, tuple[str, str]]:
    """Of those of these images that only a file may tell of its path, and the image's name."""
    return {
        row.id: (row.path, row.name) for chunk in chunks(ids) for row in connection.execute(_BY_FILES, {"ids": chunk})
    }


def come(connection: Connection, after: int, most: int, *, with_files: bool) -> list[int]:
    """Ids above ``after`` that may tell now what they are of: by a stored run, or by a file too, if that is asked."""
    may_tell = or_(_HAS_RUN, _HAS_FILE) if with_files else _HAS_RUN
    changed = select(images.c.id).join(untaught, untaught.c.image_id == images.c.id)
    changed = changed.where(untaught.c.image_id > after, images.c.revision > untaught.c.tried, may_tell)
    return list(connection.execute(changed.order_by(untaught.c.image_id).limit(most)).scalars())


def still(connection: Connection, ids: Sequence[int]) -> list[Stored]:
    """Those of these images that wait, with their marks as they are now."""
    columns = [images.c[name] for name in _COLUMNS]
    waiting = select(*columns).join(untaught, untaught.c.image_id == images.c.id).where(images.c.id.in_(ids))
    return list(connection.execute(waiting.order_by(images.c.id)).mappings())


def set_tried(connection: Connection, at: Mapping[int, int]) -> None:
    """They told nothing at these revisions: they are asked again when they have changed."""
    if at:
        change = update(untaught).where(untaught.c.image_id == bindparam("_id")).values(tried=bindparam("_at"))
        connection.execute(change, [{"_id": id_, "_at": revision} for id_, revision in at.items()])
