"""Images of the gallery as rows: told of by runs and by files, found again by content. Marks are never written here.

Each takes a connection, inside whose transaction it works. Who writes takes the row of ``gallery_state`` first and
keeps it to the end, so that revisions become visible in their order.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from orchestrator_core.store import gallery_search
from orchestrator_core.store.gallery_tables import files, image_terms, images, state, terms
from orchestrator_core.store.jobs import now_ms
from orchestrator_core.store.queries import chunks, upsert
from orchestrator_core.store.rows import Row, Stored

LONGEST_NAME = 255  # characters of a term; PostgreSQL's indexes take no more than 2,704 bytes
Terms = Sequence[tuple[str, str]]  # kind and name
_OF_A_COPY: Row = {"made_ms": 0, "run_image": ""}  # differs between two files of one content, and is no news
MARKS = ("favourite", "reject", "rating")


class Told(NamedTuple):
    """What somebody says of a content: columns of ``gallery_images``. ``path``: where it was seen."""

    key: str
    values: Row
    path: str
    terms: Terms = ()
    is_there: bool = True


# Made once: to build a statement anew takes longer than to run it.
_COUNT = {
    counter: update(state).values({counter: state.c[counter] + bindparam("_by")}).returning(state.c[counter])
    for counter in ("revision", "images", "terms")
}
_REVISION = select(state.c.revision)


def count_on(connection: Connection, counter: str, by: int) -> int:
    """The counter, after it grew; nobody else counts until the transaction ends."""
    return int(connection.execute(_COUNT[counter], {"_by": by}).scalar_one())


def count_changes(connection: Connection, by: int) -> int:
    """The revision after so many changes of what images are, or where. Marks count the revision alone."""
    grown = state.c.revision + by
    statement = update(state).values(revision=grown, content=grown).returning(state.c.revision)
    return int(connection.execute(statement).scalar_one())


def take_turn(connection: Connection) -> None:
    """Before anything else is locked: two that lock the same rows in different orders would wait for ever.

    On SQLite a transaction that writes is alone from its beginning.
    """
    if connection.dialect.name != "sqlite":
        count_on(connection, "revision", 0)


def revision(connection: Connection) -> int:
    return int(connection.execute(_REVISION).scalar_one())


def put(connection: Connection, told: Iterable[Told]) -> dict[str, int]:
    """The id of each content, by its key. What a run told is not replaced by what the file says."""
    last = {one.key: one for one in told}
    take_turn(connection)
    known = _known(connection, list(last))
    new = [one for key, one in last.items() if key not in known]
    changed = [one for key, one in last.items() if key in known and _is_news(one, known[key])]
    found = {key: int(row["id"]) for key, row in known.items()}
    if new or changed:
        at = count_changes(connection, len(new) + len(changed)) - len(new) - len(changed)
        first = count_on(connection, "images", len(new)) - len(new) + 1
        found |= {one.key: id_ for id_, one in enumerate(new, first)}
        _insert(connection, new, first, at)
        _update(connection, changed, known, at + len(new))
        _put_terms(connection, [(found[one.key], one.terms) for one in new], are_new=True)
        _put_terms(connection, [(found[one.key], one.terms) for one in changed], are_new=False)
    return found


def _is_news(told: Told, known: Stored) -> bool:
    if known["own"] and not told.values.get("own"):
        return False
    return bool(known["digest"] != digest_of(told))


def digest_of(told: Told) -> str:
    said = json.dumps([{**told.values, **_OF_A_COPY}, sorted(told.terms)], sort_keys=True)
    return hashlib.blake2b(said.encode(), digest_size=16).hexdigest()


def _known(connection: Connection, keys: Sequence[str]) -> dict[str, Stored]:
    columns = (images.c.id, images.c.key, images.c.digest, images.c.own, images.c.search_text)
    return {
        row["key"]: row
        for chunk in chunks(keys)
        for row in connection.execute(select(*columns).where(images.c.key.in_(chunk))).mappings()
    }


def _insert(connection: Connection, new: Sequence[Told], first: int, at: int) -> None:
    if not new:
        return
    now = now_ms()
    rows = [
        {"id": first + n, "revision": at + n + 1, "added_ms": now, **_placed(one), **one.values}
        for n, one in enumerate(new)
    ]
    connection.execute(insert(images), rows)
    gallery_search.replace(connection, [], [(row["id"], row["search_text"]) for row in rows])
    gallery_search.add_paths(connection, [row["id"] for row in rows])


def _place(path: str) -> Row:
    return {"path": path, "name": PurePath(path).name}


def _placed(told: Told) -> Row:
    there = {"missing": int(not told.is_there), **_place(told.path)}
    return {"key": told.key, "digest": digest_of(told), **there}


def _update(connection: Connection, changed: Sequence[Told], known: Mapping[str, Stored], at: int) -> None:
    if not changed:
        return
    rows = [
        {"_id": known[one.key]["id"], "digest": digest_of(one), "revision": at + n + 1, **one.values}
        for n, one in enumerate(changed)
    ]
    connection.execute(update(images).where(images.c.id == bindparam("_id")), rows)
    before = {row["_id"]: known[one.key]["search_text"] for row, one in zip(rows, changed, strict=True)}
    now = {row["_id"]: row["search_text"] for row in rows if row["search_text"] != before[row["_id"]]}
    gallery_search.replace(connection, [(id_, before[id_]) for id_ in now], list(now.items()))


def set_broken(connection: Connection, key: str, why: str) -> bool:
    """Keep why an image cannot be shown, which nobody knew before it was tried. False where there is no such image."""
    found = connection.execute(select(images.c.broken).where(images.c.key == key)).scalar()
    if found is None or found == why:
        return found is not None
    at = count_changes(connection, 1)
    connection.execute(update(images).where(images.c.key == key).values(broken=why, revision=at))
    return True


# what an image can be found by


def name_key(name: str) -> str:
    return name[:LONGEST_NAME].casefold()


def _put_terms(connection: Connection, of_images: Sequence[tuple[int, Terms]], *, are_new: bool) -> None:
    for chunk in () if are_new else chunks([id_ for id_, _ in of_images]):
        connection.execute(delete(image_terms).where(image_terms.c.image_id.in_(chunk)))
    ids = _term_ids(connection, {(kind, name) for _, pairs in of_images for kind, name in pairs if name})
    rows = {(ids[kind, name_key(name)], id_) for id_, pairs in of_images for kind, name in pairs if name}
    if rows:
        connection.execute(insert(image_terms), [{"term_id": term, "image_id": id_} for term, id_ in sorted(rows)])


def _term_ids(connection: Connection, wanted: set[tuple[str, str]]) -> dict[tuple[str, str], int]:
    named = {(kind, name_key(name)): name[:LONGEST_NAME] for kind, name in sorted(wanted)}
    found = _known_terms(connection, named)
    new = [pair for pair in named if pair not in found]
    if new:
        first = count_on(connection, "terms", len(new)) - len(new) + 1
        rows = [
            {"id": id_, "kind": kind, "name_key": key, "name": named[kind, key]}
            for id_, (kind, key) in enumerate(new, first)
        ]
        connection.execute(insert(terms), rows)
        found |= {pair: id_ for id_, pair in enumerate(new, first)}
    return found


def _known_terms(connection: Connection, named: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
    return {
        (row.kind, row.name_key): row.id
        for chunk in chunks(sorted({key for _, key in named}))
        for row in connection.execute(select(terms).where(terms.c.name_key.in_(chunk)))
    }


# files


def put_files(connection: Connection, rows: Sequence[Row]) -> None:
    """Where contents are; what was at one of these paths before is there no more."""
    if not rows:
        return
    before = _images_at(connection, [row["path"] for row in rows])
    upsert(connection, files, ("path",), list(rows))
    settle(connection, before | {row["image_id"] for row in rows})


def known_paths(connection: Connection, paths: Sequence[str]) -> dict[str, int]:
    """The image that is at each of these paths, where one is known."""
    columns = (files.c.path, files.c.image_id)
    return {
        row.path: row.image_id
        for chunk in chunks(paths)
        for row in connection.execute(select(*columns).where(files.c.path.in_(chunk), files.c.missing == 0))
    }


def ensure(connection: Connection, key: str, name: str, run_id: str = "") -> int:
    """As ``ensure_all``, of one."""
    return ensure_all(connection, {key: name}, run_id)[key]


def ensure_all(connection: Connection, names: Mapping[str, str], run_id: str = "") -> dict[str, int]:
    """The ids of these contents. What nobody has seen yet is missing, and has what is said of it here alone."""
    take_turn(connection)
    found = ids_of(connection, list(names))
    new = [key for key in names if key not in found]
    if new:
        at = count_changes(connection, len(new)) - len(new)
        first, now = count_on(connection, "images", len(new)) - len(new), now_ms()
        same: Row = {"missing": 1, "added_ms": now, "made_ms": now, "run_id": run_id}
        rows = [
            {"id": first + n, "revision": at + n, "key": key, "name": names[key], **same}
            for n, key in enumerate(new, 1)
        ]
        connection.execute(insert(images), [row | {"run_image": row["name"] if run_id else ""} for row in rows])
        found |= {row["key"]: row["id"] for row in rows}
    return found


def ids_of(connection: Connection, keys: Sequence[str]) -> dict[str, int]:
    """Of those of these contents that are known."""
    return {
        row.key: row.id
        for chunk in chunks(keys)
        for row in connection.execute(select(images.c.key, images.c.id).where(images.c.key.in_(chunk)))
    }


def _images_at(connection: Connection, paths: Sequence[str]) -> set[int]:
    return {
        found
        for chunk in chunks(paths)
        for found in connection.execute(select(files.c.image_id).where(files.c.path.in_(chunk))).scalars()
    }


def forget_files(connection: Connection, paths: Sequence[str]) -> None:
    """They are gone: their rows stay, so that nothing of what was said is lost."""
    take_turn(connection)
    gone = _images_at(connection, paths)
    for chunk in chunks(paths):
        connection.execute(update(files).where(files.c.path.in_(chunk)).values(missing=1))
    settle(connection, gone)


def settle(connection: Connection, ids: Iterable[int]) -> None:
    """Whether these images are there, and under which path: that of a file that is."""
    for chunk in chunks(sorted(ids)):
        there = (files.c.image_id == images.c.id) & (files.c.missing == 0)
        best = select(func.min(files.c.path)).where(there).scalar_subquery()
        columns = (images.c.id, images.c.missing, images.c.path, best.label("best"))
        rows = connection.execute(select(*columns).where(images.c.id.in_(chunk))).all()
        moved = [row for row in rows if (row.best is None) != bool(row.missing) or (row.best and row.best != row.path)]
        if moved:
            at = count_changes(connection, len(moved)) - len(moved)
            changes = [
                {"_id": row.id, "revision": at + n, "missing": int(row.best is None), **_place(row.best or row.path)}
                for n, row in enumerate(moved, 1)
            ]
            renamed = [row.id for row in moved if row.best and row.best != row.path]
            gallery_search.forget_paths(connection, renamed)
            connection.execute(update(images).where(images.c.id == bindparam("_id")), changes)
            gallery_search.add_paths(connection, renamed)
