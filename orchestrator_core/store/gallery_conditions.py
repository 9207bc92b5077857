"""Conditions on images of the gallery as SQL: what holds for a row, and for which ids, where an index knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, and_, func, literal, literal_column, not_, or_, select, true

from orchestrator_core.store import gallery_search
from orchestrator_core.store.gallery_tables import image_terms, images, terms

MOST_TERMS = 10_000  # names that one part of a name may mean; SQLite takes no more than three times as many
# Written out: SQLite uses an index of a part of the rows only where it sees that these are asked for.
_EMPTY: ColumnElement[str] = literal_column("''")
_ANY = images.c.missing.in_([literal_column("0"), literal_column("1")])  # with which some indexes begin


class Condition(NamedTuple):
    """``values``: any of them; a date is a span of milliseconds."""

    field: str
    values: Sequence[Any]
    sign: str = "="
    negated: bool = False


class Wanted(NamedTuple):
    """A condition on a row; the ids of those that it holds for, or ``but``: of all others, where an index knows."""

    holds: ColumnElement[bool]
    ids: Select[Any] | None = None
    but: Select[Any] | None = None


def wanted_by(connection: Connection, condition: Condition) -> Wanted:
    found = _READERS.get(condition.field, _number)(connection, condition)
    return Wanted(not_(found.holds), found.but, found.ids) if condition.negated else found


def _text(connection: Connection, condition: Condition) -> Wanted:
    """All of these words: one index finds what has them all sooner than what has each."""
    words = [str(value) for value in condition.values]
    is_postgresql = connection.dialect.name == "postgresql"
    holds = and_(*(gallery_search.having(one, postgresql=is_postgresql) for one in words))
    return Wanted(holds, gallery_search.matching(connection, words))


def _name(connection: Connection, condition: Condition) -> Wanted:
    parts = [str(value).casefold() for value in condition.values]
    named = or_(*(terms.c.name_key.contains(part, autoescape=True) for part in parts))
    return _of_terms(connection, condition.field, named)


def _choice(connection: Connection, condition: Condition) -> Wanted:
    """``colors/warm`` with any value, or ``colors/warm=crimson``, as ``colors/warm#crimson`` is written too."""
    named = []
    for value in condition.values:
        wildcard, mark, chosen = str(value).casefold().replace("=", "#", 1).partition("#")
        key = terms.c.name_key
        named.append(key == f"{wildcard}#{chosen}" if mark else key.startswith(f"{wildcard}#", autoescape=True))
    return _of_terms(connection, "wildcard", or_(*named))


def _of_terms(connection: Connection, kind: str, named: ColumnElement[bool]) -> Wanted:
    ids = list(connection.execute(select(terms.c.id).where(terms.c.kind == kind, named).limit(MOST_TERMS)).scalars())
    has = image_terms.c.term_id.in_(ids)
    holds = select(literal(1)).where(image_terms.c.image_id == images.c.id, has).exists()
    found = select(image_terms.c.image_id.label("id")).where(has)
    return Wanted(holds, found if len(ids) == 1 else found.distinct())


def _run(_connection: Connection, condition: Condition) -> Wanted:
    holds = or_(*(images.c.run_id.startswith(str(value), autoescape=True) for value in condition.values))
    begins = or_(*(images.c.run_id.between(str(value), f"{value}\U0010ffff") for value in condition.values))
    return Wanted(holds, select(images.c.id).where(images.c.run_id != _EMPTY, begins))


def _seed(_connection: Connection, condition: Condition) -> Wanted:
    holds = images.c.seed.in_([str(value) for value in condition.values])
    return Wanted(holds, select(images.c.id).where(images.c.seed != _EMPTY, holds))


def _format(_connection: Connection, condition: Condition) -> Wanted:
    holds = func.lower(images.c.format).in_([str(value).lower() for value in condition.values])
    return Wanted(holds, select(images.c.id).where(holds))


def _file_name(connection: Connection, condition: Condition) -> Wanted:
    parts = [str(value) for value in condition.values]
    is_postgresql = connection.dialect.name == "postgresql"
    holds = or_(*(gallery_search.in_path(part, postgresql=is_postgresql) for part in parts))
    return Wanted(holds, gallery_search.matching_paths(connection, parts))


def _date(_connection: Connection, condition: Condition) -> Wanted:
    made = images.c.made_ms
    spans: Mapping[str, Callable[[int, int], ColumnElement[bool]]] = {
        "=": lambda first, end: and_(made >= first, made < end),
        ">": lambda _, end: made >= end,
        ">=": lambda first, _: made >= first,
        "<": lambda first, _: made < first,
        "<=": lambda _, end: made < end,
    }
    holds = or_(*(spans[condition.sign](*span) for span in condition.values))
    return Wanted(holds, select(images.c.id).where(_ANY, holds))


def _flag(_connection: Connection, condition: Condition) -> Wanted:
    """Those that have it are few, and in an index of their own."""
    column, value = images.c[condition.field], int(condition.values[0])
    has = column != _EMPTY if condition.field == "broken" else column == literal_column("1")
    having = select(images.c.id).where(has)
    if value:
        return Wanted(has, having)
    return Wanted(column == _EMPTY if condition.field == "broken" else column == literal_column("0"), but=having)


def _number(_connection: Connection, condition: Condition) -> Wanted:
    column = images.c[condition.field]
    holds = or_(*(column.op(condition.sign)(value) for value in condition.values)) if condition.values else true()
    if condition.sign in ("<", "<="):  # what has no score and no stars has not few
        holds = and_(holds, column > (-1 if condition.field == "score" else 0))
    indexed = (_ANY,) if condition.field in ("score", "rating") else ()
    return Wanted(holds, select(images.c.id).where(*indexed, holds))


_READERS: Mapping[str, Callable[[Connection, Condition], Wanted]] = {
    **dict.fromkeys(("lora", "model", "profile", "story", "tool"), _name),
    **dict.fromkeys(("favourite", "reject", "broken", "missing"), _flag),
    "seed": _seed, "format": _format,
    "text": _text, "wildcard": _choice, "run": _run, "name": _file_name, "date": _date,
}  # fmt: skip
