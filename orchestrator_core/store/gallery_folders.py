"""What was seen of folders: those that a person named, and in them folders and files, to be compared with the disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, delete, func, select, update

from orchestrator_core.store.gallery_images import take_turn
from orchestrator_core.store.gallery_tables import files, folders, roots
from orchestrator_core.store.jobs import now_ms
from orchestrator_core.store.queries import upsert
from orchestrator_core.store.rows import Stored

Place = tuple[str, str]  # a root, and a folder in it


def named(connection: Connection) -> list[str]:
    """The folders that a person named, in their order."""
    return list(connection.execute(select(roots.c.path).order_by(roots.c.path)).scalars())


def images_in(connection: Connection) -> dict[str, int]:
    """Of each root how many images are there."""
    number = func.count(files.c.image_id.distinct())
    statement = select(files.c.root, number).where(files.c.missing == 0).group_by(files.c.root)
    return {root: int(count) for root, count in connection.execute(statement)}


def add(connection: Connection, path: str, inside: Sequence[str]) -> None:
    """``inside``: the named folders that are part of this one, and named no more."""
    take_turn(connection)
    upsert(connection, roots, ("path",), [{"path": path, "added_ms": now_ms()}])
    for inner in inside:
        connection.execute(delete(roots).where(roots.c.path == inner))
        connection.execute(update(files).where(files.c.root == inner).values(root=path))
        connection.execute(delete(folders).where(folders.c.root == inner))


def remove(connection: Connection, path: str) -> list[str]:
    """The paths of the files that were seen in it."""
    take_turn(connection)
    found = list(connection.execute(select(files.c.path).where(files.c.root == path, files.c.missing == 0)).scalars())
    connection.execute(delete(roots).where(roots.c.path == path))
    connection.execute(delete(folders).where(folders.c.root == path))
    return found


def fingerprints(connection: Connection) -> dict[Place, str]:
    return {(row.root, row.path): row.fingerprint for row in connection.execute(select(folders))}


def keep_fingerprints(connection: Connection, found: Mapping[Place, str]) -> None:
    take_turn(connection)
    rows = [{"root": root, "path": path, "fingerprint": value} for (root, path), value in found.items()]
    upsert(connection, folders, ("root", "path"), rows)


def forget(connection: Connection, places: Sequence[Place]) -> None:
    take_turn(connection)
    for root, path in places:
        connection.execute(delete(folders).where(folders.c.root == root, folders.c.path == path))


def files_in(connection: Connection, folder: str) -> dict[str, Stored]:
    """The files that were seen in a folder, and not below it, by their names."""
    mark = "\\" if "\\" in folder and "/" not in folder else "/"
    start = folder if folder.endswith(mark) else folder + mark
    # All that begins so, as a range: the sign after the mark ends it.
    between = files.c.path.between(start, start[:-1] + chr(ord(mark) + 1))
    rows = connection.execute(select(files).where(between)).mappings()
    return {row["path"][len(start) :]: row for row in rows if mark not in row["path"][len(start) :]}


def files_of_runs(connection: Connection) -> Sequence[Stored]:
    """Those that only a run named, and that lie in no folder which is looked through."""
    return connection.execute(select(files).where(files.c.root == "")).mappings().all()
