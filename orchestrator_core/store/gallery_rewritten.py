"""Files that were written anew in place with the same picture and other words: that is the image that it was.

Known by the digest of what it shows. Only where the content of before has no other file: else that is the image still.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, bindparam, func, select, update

from orchestrator_core.store.gallery_images import count_changes, ids_of, take_turn
from orchestrator_core.store.gallery_tables import files, images
from orchestrator_core.store.queries import chunks


def follow(connection: Connection, keys: Mapping[str, str], pixels: Mapping[str, str]) -> None:
    """``keys``: what is at each path now; ``pixels``: of each key what it shows. Images keep their marks, place and
    run, under the key of their new content."""
    take_turn(connection)
    there = set(ids_of(connection, list(keys.values())))
    for chunk in chunks(list(keys)):
        at_path = (files.c.path, images.c.id, images.c.key, images.c.pixels)
        joined = select(*at_path).join(images, images.c.id == files.c.image_id)
        for row in connection.execute(joined.where(files.c.path.in_(chunk), images.c.pixels != "")).all():
            key = keys[row.path]
            if key != row.key and key not in there and pixels[key] == row.pixels and _files(connection, row.id) == 1:
                renamed = {"key": key, "digest": "", "revision": count_changes(connection, 1)}
                connection.execute(update(images).where(images.c.id == row.id).values(renamed))
                there.add(key)


def _files(connection: Connection, image_id: int) -> int:
    there = (files.c.image_id == image_id, files.c.missing == 0)
    return int(connection.execute(select(func.count()).where(*there)).scalar_one())


def keep(connection: Connection, pixels: Mapping[int, str]) -> None:
    """What each image shows, as its file was read."""
    rows = [{"_id": id_, "_pixels": digest} for id_, digest in pixels.items() if digest]
    if rows:
        differs = (images.c.id == bindparam("_id")) & (images.c.pixels != bindparam("_pixels"))
        connection.execute(update(images).where(differs).values(pixels=bindparam("_pixels")), rows)
