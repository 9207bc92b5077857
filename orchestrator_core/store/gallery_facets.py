"""What the found images can be narrowed by: names with their counts, and how many have which mark."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Connection, Select, any_, func, literal, select

from orchestrator_core.store.gallery_conditions import Condition
from orchestrator_core.store.gallery_find import Asked
from orchestrator_core.store.gallery_found import found, ids_where
from orchestrator_core.store.gallery_kept import Kept
from orchestrator_core.store.gallery_tables import image_terms, images, terms

FACETS = ("tool", "model", "lora", "profile", "story", "wildcard")
_MARKS = {name: Condition(name, (1,)) for name in ("favourite", "reject", "broken")}
_MARKS |= {f"rating{stars}": Condition("rating", (stars,)) for stars in range(1, 6)}


def facets(connection: Connection, kept: Kept, asked: Asked, most: int) -> dict[str, list[tuple[str, int]]]:
    """Of each kind the names that are found most often, with their counts."""
    counts = _of_all(connection) if _is_all(asked) else _of_these(connection, found(connection, kept, asked.search()))
    named: dict[str, list[tuple[str, int]]] = {kind: [] for kind in FACETS}
    for id_, kind, name in connection.execute(select(terms.c.id, terms.c.kind, terms.c.name)):
        if counts.get(id_) and kind in named:
            named[kind].append((name, counts[id_]))
    return {kind: sorted(pairs, key=lambda pair: (-pair[1], pair[0]))[:most] for kind, pairs in named.items()}


def names_with(connection: Connection, kind: str, part: str, most: int) -> list[tuple[str, int]]:
    """The names of a kind with this in them, of images that are there, with counts: for a person who is typing one.

    Names that begin with it come first, also behind a folder; of those the most frequent. Of a wildcard ``#`` or ``=``
    stands before its value.
    """
    key = part.casefold()
    if kind == "wildcard":
        key = key.replace("=", "#", 1)
    has = terms.c.name_key.contains(key, autoescape=True)
    rows = connection.execute(select(terms.c.id, terms.c.name, terms.c.name_key).where(terms.c.kind == kind, has)).all()
    counts = _of_all(connection) if rows else {}
    ranked = sorted((not _begins(name_key, key), -counts[id_], name) for id_, name, name_key in rows if counts.get(id_))
    return [(name, -count) for _, count, name in ranked[:most]]


def _begins(name: str, part: str) -> bool:
    return any(each.startswith(part) for each in (name, *re.split(r"[/\\#]", name)[1:]))


def _is_all(asked: Asked) -> bool:
    search = asked.search()
    return not search.others and len(search.covered) == 1 and search.covered[0].values == (0,)


def _of_all(connection: Connection) -> dict[int, int]:
    """Of each term how many images that are there have it: all, without the few that are not there."""
    number = (image_terms.c.term_id, func.count())
    counts = _pairs(connection, select(*number).group_by(image_terms.c.term_id))
    gone = select(images.c.id).where(images.c.missing == 1)
    of_gone = select(*number).where(image_terms.c.image_id.in_(gone)).group_by(image_terms.c.term_id)
    for id_, count in _pairs(connection, of_gone).items():
        counts[id_] -= count
    return counts


def _of_these(connection: Connection, ids: Sequence[int]) -> dict[int, int]:
    number: tuple[Any, ...] = (image_terms.c.term_id, func.count())
    if connection.dialect.name == "postgresql":
        among = image_terms.c.image_id == any_(literal(list(ids), ARRAY(BigInteger)))
        statement = select(*number).where(among)
    else:
        these = func.json_each(json.dumps(list(ids))).table_valued("value")
        statement = select(*number).select_from(these).join(image_terms, image_terms.c.image_id == these.c.value)
    return _pairs(connection, statement.group_by(image_terms.c.term_id))


def _pairs(connection: Connection, statement: Select[Any]) -> dict[int, int]:
    return {row[0]: row[1] for row in connection.execute(statement)}


def marks_counted(connection: Connection, kept: Kept, asked: Asked) -> dict[str, int]:
    """How many of those found are favourites, rejected, broken, and have 1 to 5 stars."""
    having = {name: ids_where(connection, condition) for name, condition in _MARKS.items()}
    if _is_all(asked):
        gone = set(ids_where(connection, Condition("missing", (1,))))
        return {name: len(ids) - len(gone.intersection(ids)) for name, ids in having.items()}
    these = set(found(connection, kept, asked.search()))
    return {name: len(these.intersection(ids)) for name, ids in having.items()}
