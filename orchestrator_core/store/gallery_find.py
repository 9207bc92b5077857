"""Finding images of the gallery: conditions as SQL, pages by the last row of the page before, names with their counts.

A page is found in one of two ways. Where a condition holds for few images, their ids are asked for first, and only
these are looked at. Where each holds for many, the images are walked through in the order that is asked for until a
page is full, which is soon, as many hold.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Connection,
    and_,
    any_,
    func,
    literal,
    or_,
    select,
    true,
)

from orchestrator_core.store.gallery_conditions import Condition, Wanted, wanted_by
from orchestrator_core.store.gallery_tables import files, image_terms, images, terms
from orchestrator_core.store.rows import Stored

FEW = 1500  # images whose ids are looked at one by one
FACETS = ("tool", "model", "lora", "profile", "story", "wildcard")
_SORTS: Mapping[str, tuple[str, ...]] = {
    "date": ("made_ms", "id"), "score": ("score", "made_ms", "id"), "rating": ("rating", "made_ms", "id"),
}  # fmt: skip
SHOWN = [column for column in images.c if column.name not in ("digest", "search_text", "own")]


class Asked(NamedTuple):
    """``after``: the sort values and the id of the last row of the page before. ``offset``: rows to pass over."""

    conditions: Sequence[Condition] = ()
    sort: str = "date"
    backwards: bool = False
    limit: int = 50
    after: Sequence[Any] = ()
    offset: int = 0


def page(connection: Connection, asked: Asked) -> Sequence[Stored]:
    """At most ``limit`` rows, without what is large."""
    wanted = [wanted_by(connection, one) for one in _with_missing(asked.conditions)]
    few = _few(connection, wanted)
    if few == []:
        return []
    columns = [images.c[name] for name in _SORTS[asked.sort]]
    # An expression keeps SQLite from walking an index through all rows to spare itself the sorting of a few.
    ordered = columns if few is None else [columns[0] + 0, *columns[1:]]
    order = [column if asked.backwards else column.desc() for column in ordered]
    holds = [condition for condition, _ in wanted]
    if asked.after:
        holds.append(_behind(columns, asked.after, asked.backwards))
    where = holds if few is None else [_among(connection, few), _plain(holds)]
    statement = select(*SHOWN).where(*where).order_by(*order).limit(asked.limit).offset(asked.offset)
    return connection.execute(statement).mappings().all()


def _plain(holds: Sequence[ColumnElement[bool]]) -> ColumnElement[bool]:
    """All of these, in a form that no index is looked for by: without statistics SQLite prefers the wrong one."""
    return and_(*holds).is_(true())


def place_of(row: Stored, sort: str) -> list[Any]:
    """Of a row in an order: what ``Asked.after`` takes."""
    return [row[name] for name in _SORTS[sort]]


def _behind(columns: Sequence[ColumnElement[Any]], after: Sequence[Any], backwards: bool) -> ColumnElement[bool]:
    """(a, b, id) < (x, y, z), spelled out so that an index is seen to begin with a: a <= x and (a < x or …)."""
    first, value = columns[0], after[0]
    beyond: ColumnElement[bool] = first > value if backwards else first < value
    if len(columns) == 1:
        return beyond
    further = _behind(columns[1:], after[1:], backwards)
    reached = first >= value if backwards else first <= value
    return and_(reached, or_(beyond, further))


def _with_missing(conditions: Sequence[Condition]) -> list[Condition]:
    """Images that are not there are shown to those who ask for them."""
    if any(one.field == "missing" for one in conditions):
        return list(conditions)
    return [*conditions, Condition("missing", [0])]


def _few(connection: Connection, wanted: Sequence[Wanted]) -> list[int] | None:
    """The ids of what the rarest condition holds for; None where each holds for many."""
    best: list[int] | None = None
    for _, ids in wanted:
        if ids is not None:
            most = FEW if best is None else len(best)
            found = list(connection.execute(ids.limit(most + 1)).scalars())
            if len(found) <= most:
                best = found
    return best


def count(connection: Connection, conditions: Sequence[Condition]) -> int:
    statement = select(func.count()).select_from(images).where(*_where(connection, conditions))
    return int(connection.execute(statement).scalar_one())


def _where(connection: Connection, conditions: Sequence[Condition]) -> list[ColumnElement[bool]]:
    """All conditions, and the ids where there are few: for what looks at all that is found."""
    wanted = [wanted_by(connection, one) for one in _with_missing(conditions)]
    few = _few(connection, wanted)
    if few is not None:
        return [_among(connection, few), _plain([condition for condition, _ in wanted])]
    return [condition for condition, _ in wanted]


def _among(connection: Connection, ids: Sequence[int]) -> ColumnElement[bool]:
    """As one value: to bind a thousand takes longer than to find them."""
    if connection.dialect.name == "postgresql":
        return images.c.id == any_(literal(list(ids), ARRAY(BigInteger)))
    values = func.json_each(json.dumps(list(ids))).table_valued("value")
    return images.c.id.in_(select(values.c.value))


def ids_of(connection: Connection, conditions: Sequence[Condition], most: int) -> list[int]:
    statement = select(images.c.id).where(*_where(connection, conditions)).order_by(images.c.id).limit(most)
    return list(connection.execute(statement).scalars())


def facets(connection: Connection, conditions: Sequence[Condition], most: int) -> dict[str, list[tuple[str, int]]]:
    """Of each kind the names that are found most often, with their counts."""
    found = select(images.c.id).where(*_where(connection, conditions))
    counted = (
        select(image_terms.c.term_id, func.count().label("number"))
        .where(image_terms.c.image_id.in_(found))
        .group_by(image_terms.c.term_id)
        .subquery()
    )
    statement = select(terms.c.kind, terms.c.name, counted.c.number).join(counted, counted.c.term_id == terms.c.id)
    told: dict[str, list[tuple[str, int]]] = {kind: [] for kind in FACETS}
    for kind, name, number in connection.execute(statement.order_by(counted.c.number.desc(), terms.c.name)):
        if kind in told and len(told[kind]) < most:
            told[kind].append((name, number))
    return told


def marks_counted(connection: Connection, conditions: Sequence[Condition]) -> dict[str, int]:
    """How many of those found are favourites, rejected, broken, and have 1 to 5 stars."""
    sums: dict[str, ColumnElement[Any]] = {name: func.sum(images.c[name]) for name in ("favourite", "reject")}
    sums["broken"] = func.count(func.nullif(images.c.broken, ""))
    sums |= {f"rating{stars}": func.count(func.nullif(images.c.rating == stars, False)) for stars in range(1, 6)}
    statement = select(*(value.label(name) for name, value in sums.items())).where(*_where(connection, conditions))
    row = connection.execute(statement).mappings().one()
    return {name: int(row[name] or 0) for name in sums}


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
