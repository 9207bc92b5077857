"""Finding images of the gallery: pages, counts, names with their counts; one image; what changed.

The first page of what many have is found by walking through the newest, or best, until it is full. All else is cut out
of the ids of all that is found: ``gallery_found.py``. Rows are read last, and of a page alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select

from orchestrator_core.store.gallery_conditions import Condition, wanted_by
from orchestrator_core.store.gallery_found import SORTS, Search, among, covered, cut, found, known, total
from orchestrator_core.store.gallery_kept import Kept
from orchestrator_core.store.gallery_tables import files, image_terms, images, terms
from orchestrator_core.store.rows import Stored

_WALK = 1000  # rows that are walked through for a first page
SHOWN = [column for column in images.c if column.name not in ("digest", "search_text", "own", "pixels")]


class Asked(NamedTuple):
    """``after``: the sort values and the id of the last row of the page before. ``offset``: rows to pass over."""

    conditions: Sequence[Condition] = ()
    sort: str = "date"
    backwards: bool = False
    limit: int = 50
    after: Sequence[Any] = ()
    offset: int = 0

    def search(self) -> Search:
        return Search.of(self.conditions, self.sort, self.backwards)


def page(connection: Connection, kept: Kept, asked: Asked) -> Sequence[Stored]:
    """At most ``limit`` rows, without what is large."""
    search = asked.search()
    if not search.others:
        return _rows(connection, _covered_page(connection, search, asked))
    is_first = not asked.after and not asked.offset
    if is_first and known(connection, kept, search) is None:
        walked = _walked(connection, search, asked.limit)
        if len(walked) == asked.limit:
            return _rows(connection, walked)
    if not asked.after:
        return _rows(connection, cut(connection, kept, search, asked.offset, asked.limit))
    ids = found(connection, kept, search)
    try:
        start = ids.index(asked.after[-1]) + 1
    except ValueError:  # it is found no more
        return _rows(connection, _behind_place(connection, search, asked))
    return _rows(connection, ids[start : start + asked.limit])


def _covered_page(connection: Connection, search: Search, asked: Asked) -> Sequence[int]:
    statement = covered(connection, search)
    if asked.after:
        statement = statement.where(_behind(search, asked))
    return _numbers(connection, statement.limit(asked.limit).offset(asked.offset))


def _walked(connection: Connection, search: Search, limit: int) -> Sequence[int]:
    """Those of the first rows in this order that are found."""
    first = covered(connection, search).limit(_WALK).subquery()
    holds = [wanted_by(connection, one).holds for one in search.others]
    statement = select(images.c.id).where(images.c.id.in_(select(first.c.id)), *holds).order_by(*search.order())
    return _numbers(connection, statement.limit(limit))


def _behind_place(connection: Connection, search: Search, asked: Asked) -> Sequence[int]:
    holds = [wanted_by(connection, one).holds for one in search.others]
    statement = covered(connection, search).where(_behind(search, asked), *holds)
    return _numbers(connection, statement.limit(asked.limit))


def _numbers(connection: Connection, statement: Select[Any]) -> Sequence[int]:
    return connection.execute(statement).scalars().all()


def _rows(connection: Connection, ids: Sequence[int]) -> Sequence[Stored]:
    rows = {row["id"]: row for row in connection.execute(select(*SHOWN).where(among(connection, ids))).mappings()}
    return [rows[id_] for id_ in ids]


def place_of(row: Stored, sort: str) -> list[Any]:
    """Of a row in an order: what ``Asked.after`` takes."""
    return [row[name] for name in SORTS[sort]]


def _behind(search: Search, asked: Asked) -> ColumnElement[bool]:
    columns = [images.c[name] for name in SORTS[search.sort]]
    return _beyond(columns, asked.after, search.backwards)


def _beyond(columns: Sequence[ColumnElement[Any]], after: Sequence[Any], backwards: bool) -> ColumnElement[bool]:
    """(a, b, id) < (x, y, z), spelled out so that an index is seen to begin with a: a <= x and (a < x or …)."""
    first, value = columns[0], after[0]
    beyond: ColumnElement[bool] = first > value if backwards else first < value
    if len(columns) == 1:
        return beyond
    further = _beyond(columns[1:], after[1:], backwards)
    reached = first >= value if backwards else first <= value
    return and_(reached, or_(beyond, further))


def count(connection: Connection, kept: Kept, asked: Asked) -> int:
    search = asked.search()
    if search.others:
        return total(connection, kept, search)
    statement = covered(connection, search).order_by(None).subquery()
    return int(connection.execute(select(func.count()).select_from(statement)).scalar_one())


# one image, and what changed


def images_of(connection: Connection, column: str, values: Sequence[Any]) -> list[Stored]:
    """The whole rows whose ``id`` or ``key`` is one of these."""
    statement = select(*SHOWN).where(images.c[column].in_(values))
    return list(connection.execute(statement).mappings())


def paths_of(connection: Connection, image_id: int) -> list[Stored]:
    """The files with this content, those that are there first."""
    statement = select(files).where(files.c.image_id == image_id).order_by(files.c.missing, files.c.path)
    return list(connection.execute(statement).mappings())


def terms_of(connection: Connection, ids: Sequence[int]) -> dict[int, list[tuple[str, str]]]:
    """What each image can be found by: (kind, name)."""
    known = terms.c.id == image_terms.c.term_id
    of_images = image_terms.c.image_id.in_(ids)
    statement = select(image_terms.c.image_id, terms.c.kind, terms.c.name).join(terms, known).where(of_images)
    found: dict[int, list[tuple[str, str]]] = {}
    joined = statement.order_by(image_terms.c.image_id, terms.c.kind, terms.c.name)
    for image_id, kind, name in connection.execute(joined):
        found.setdefault(image_id, []).append((kind, name))
    return found


def changed(connection: Connection, since: int, limit: int) -> Sequence[Stored]:
    """Rows that were changed after that revision, in the order in which they were."""
    statement = select(*SHOWN).where(images.c.revision > since).order_by(images.c.revision).limit(limit)
    return connection.execute(statement).mappings().all()


def marked(connection: Connection, since: int, limit: int) -> Sequence[Stored]:
    """Images with a mark that were changed after that revision, in the order in which they were."""
    has = or_(images.c.favourite != 0, images.c.reject != 0, images.c.rating != 0)
    columns = [images.c[name] for name in ("key", "name", "revision", "favourite", "reject", "rating")]
    statement = select(*columns).where(has, images.c.revision > since).order_by(images.c.revision).limit(limit)
    return connection.execute(statement).mappings().all()
