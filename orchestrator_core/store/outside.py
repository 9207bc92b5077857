"""Galleries elsewhere as rows, and what is read of the gallery for them; each takes a connection, as ``jobs.py``."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, delete, select

from orchestrator_core.store.gallery_images import MARKS
from orchestrator_core.store.gallery_tables import files, images
from orchestrator_core.store.jobs import now_ms
from orchestrator_core.store.outside_tables import places, posted
from orchestrator_core.store.queries import chunks, upsert
from orchestrator_core.store.rows import Row, Stored
from orchestrator_core.store.schema import scores


def key_of(name: str) -> str:
    return " ".join(name.split()).casefold()


def all_of(connection: Connection) -> Sequence[Stored]:
    return connection.execute(select(places).order_by(places.c.name_key)).mappings().all()


def place(connection: Connection, name: str) -> Stored | None:
    return connection.execute(select(places).where(places.c.name_key == key_of(name))).mappings().first()


def add(connection: Connection, name: str, url: str, secret: str) -> None:
    row: Row = {"name_key": key_of(name), "name": name, "url": url, "secret": secret, "created_ms": now_ms()}
    connection.execute(places.insert().values(**row))


def remove(connection: Connection, name: str) -> None:
    """With what is known of what was posted there."""
    connection.execute(delete(places).where(places.c.name_key == key_of(name)))


def there(connection: Connection, name: str, digests: Collection[str]) -> set[str]:
    """Those of these that were posted to it."""
    found: set[str] = set()
    for chunk in chunks(list(digests)):
        statement = select(posted.c.sha256).where(posted.c.place == key_of(name), posted.c.sha256.in_(chunk))
        found.update(connection.execute(statement).scalars())
    return found


def remember(connection: Connection, name: str, sha256: str, status: int) -> None:
    """Nothing where the place was removed meanwhile."""
    if place(connection, name) is not None:
        row: Row = {"place": key_of(name), "sha256": sha256, "posted_ms": now_ms(), "status": status}
        upsert(connection, posted, ("place", "sha256"), [row])


def scores_of(connection: Connection, run_id: str, image: str) -> list[tuple[str, float]]:
    """(metric, value) of the whole image, the last of each."""
    of_image = (scores.c.run_id == run_id, scores.c.image == image, scores.c.component.is_(None))
    rows = connection.execute(select(scores.c.metric, scores.c.value).where(*of_image).order_by(scores.c.position))
    return list({row.metric: row.value for row in rows}.items())


def files_of(connection: Connection, ids: Sequence[int]) -> list[tuple[int, str]]:
    """(image, path) of the files that are there."""
    found: list[tuple[int, str]] = []
    for chunk in chunks(ids):
        statement = select(files.c.image_id, files.c.path).where(files.c.image_id.in_(chunk), files.c.missing == 0)
        found += [(row.image_id, row.path) for row in connection.execute(statement.order_by(files.c.path))]
    return found


def set_here(connection: Connection, ids: Sequence[int]) -> dict[int, Collection[str]]:
    """Of each image the marks that somebody set here, whatever to."""
    found: dict[int, Collection[str]] = {}
    columns = (images.c.id, *(images.c[f"{mark}_rev"] for mark in MARKS))
    for chunk in chunks(ids):
        for row in connection.execute(select(*columns).where(images.c.id.in_(chunk))).mappings():
            found[row["id"]] = {mark for mark in MARKS if row[f"{mark}_rev"]}
    return found
