"""All that a query finds, as ids in its order; kept until something changes that it asks for.

Whole rows are looked at where a condition holds for few images. Where each holds for many, the ids of each come from
an index, and what is in all of them is picked from the ids of all images in the order that is asked for. A mark leaves
what was found as it is, unless it was found by marks.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import filterfalse, pairwise
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    String,
    and_,
    any_,
    cast,
    func,
    literal,
    select,
    true,
)

from orchestrator_core.store import gallery_search
from orchestrator_core.store.gallery_conditions import Condition, Wanted, wanted_by
from orchestrator_core.store.gallery_images import MARKS
from orchestrator_core.store.gallery_kept import Kept
from orchestrator_core.store.gallery_tables import images, state

FEW = 1500  # images whose rows are looked at one by one
_SOME = 20_000  # whose rows are looked at sooner than all rows are, where no index knows of a condition
_STEPS = (0, 2_000, 20_000)  # places of the order, up to which it is walked from an end
_THERE = (Condition("missing", (0,)),)
SORTS: Mapping[str, tuple[str, ...]] = {
    "date": ("made_ms", "id"), "score": ("score", "made_ms", "id"), "rating": ("rating", "made_ms", "id"),
}  # fmt: skip


class Search(NamedTuple):
    """What is asked for, and in which order. ``covered``: what the index of that order knows; ``others``: what not."""

    covered: tuple[Condition, ...]
    others: tuple[Condition, ...]
    sort: str
    backwards: bool

    @classmethod
    def of(cls, conditions: Iterable[Condition], sort: str, backwards: bool) -> Search:
        asked = [_plain_missing(one._replace(values=tuple(one.values))) for one in conditions]
        if all(one.field != "missing" for one in asked):  # what is not there is shown to those who ask for it
            asked.append(Condition("missing", (0,)))
        known = ("missing", "date", sort)
        covered = tuple(one for one in asked if one.field in known)
        return cls(covered, tuple(_joined([one for one in asked if one.field not in known])), sort, backwards)

    def order(self) -> list[ColumnElement[Any]]:
        columns: list[ColumnElement[Any]] = [images.c[name] for name in SORTS[self.sort]]
        return columns if self.backwards else [column.desc() for column in columns]

    def asks_for_marks(self) -> bool:
        return self.sort in MARKS or any(one.field in MARKS for one in (*self.covered, *self.others))


def _plain_missing(condition: Condition) -> Condition:
    if condition.field != "missing" or not condition.negated:
        return condition
    return Condition("missing", (1 - int(condition.values[0]),))


def _joined(conditions: Sequence[Condition]) -> list[Condition]:
    """All words that have to be there as one condition; those that are too short for an index as another."""
    words = [value for one in conditions if one.field == "text" and not one.negated for value in one.values]
    others = [one for one in conditions if one.field != "text" or one.negated]
    return [*(Condition("text", some) for some in gallery_search.by_index(words) if some), *others]


def known(connection: Connection, kept: Kept, search: Search) -> array[int] | None:
    """As ``found``, if it was found already."""
    return kept.get(search, _stamp(connection, marks=search.asks_for_marks()))


def found(connection: Connection, kept: Kept, search: Search) -> array[int]:
    """The ids of all that is found, in its order."""
    stamp = _stamp(connection, marks=search.asks_for_marks())
    return kept.of(
        search, stamp, lambda: _ordered(connection, kept, search, stamp, _some(connection, kept, search, stamp))
    )


def total(connection: Connection, kept: Kept, search: Search) -> int:
    """How many are found. They are not put in order for that, where it can be known without."""
    stamp = _stamp(connection, marks=search.asks_for_marks())
    ids = kept.get(search, stamp)
    if ids is None:
        some = _some(connection, kept, search, stamp)
        if some.is_found:
            return len(some.ids)
        ids = kept.of(search, stamp, lambda: _ordered(connection, kept, search, stamp, some))
    return len(ids)


def cut(connection: Connection, kept: Kept, search: Search, start: int, most: int) -> Sequence[int]:
    """At most so many ids, from this place on. Near an end of the order it is walked from there until they are met."""
    stamp = _stamp(connection, marks=search.asks_for_marks())
    ids = kept.get(search, stamp)
    if ids is None:
        some = _some(connection, kept, search, stamp)
        walked = _from_an_end(connection, search, some, start, most)
        if walked is not None:
            return walked
        ids = kept.of(search, stamp, lambda: _ordered(connection, kept, search, stamp, some))
    return ids[start : start + most]


def _stamp(connection: Connection, *, marks: bool) -> int:
    return int(connection.execute(select(state.c.revision if marks else state.c.content)).scalar_one())


class _Some(NamedTuple):
    """What ``others`` hold for, in no order; or, ``but``, all else. ``is_found``: that is all that is asked for."""

    ids: Collection[int]
    but: bool = False
    is_found: bool = False

    @property
    def are_few(self) -> bool:
        return not self.but and len(self.ids) <= FEW


def _some(connection: Connection, kept: Kept, search: Search, stamp: int) -> _Some:
    key = ("some", search.covered, search.others)
    known_ids = kept.get(key, stamp)
    if known_ids is not None:
        return _Some(frozenset(known_ids), is_found=True)
    taken, left = _of_indexes(connection, [wanted_by(connection, one) for one in search.others])
    if taken is None:
        return _Some(left, but=True)
    if search.covered != _THERE:
        return _Some(taken)
    taken.difference_update(_ids(connection, select(images.c.id).where(images.c.missing == 1)))
    kept.put(key, stamp, array("q", taken))
    return _Some(taken, is_found=True)


def _ordered(connection: Connection, kept: Kept, search: Search, stamp: int, some: _Some) -> array[int]:
    if some.are_few:
        return _in_order(connection, search, some.ids)
    every = search._replace(others=(), backwards=False)
    ordered: Iterable[int] = kept.of(every, stamp, lambda: _ids(connection, covered(connection, every)))
    if search.backwards:
        ordered = reversed(ordered)  # type: ignore[call-overload]
    return array("q", _those(some, ordered))


def _those(some: _Some, ids: Iterable[int]) -> Iterator[int]:
    return (filterfalse if some.but else filter)(some.ids.__contains__, ids)


def _from_an_end(connection: Connection, search: Search, some: _Some, start: int, most: int) -> Sequence[int] | None:
    """None where all are put in order sooner."""
    if some.are_few:
        return None
    behind = len(some.ids) - start if some.is_found else None  # how many there are from this place on
    if behind is None or start < behind:
        walked = _walked(connection, search, some, start + most)
        return walked[start:] if len(walked) == start + most else None
    walked = _walked(connection, search._replace(backwards=not search.backwards), some, max(0, behind))
    return walked[::-1][:most] if len(walked) == max(0, behind) else None


def _walked(connection: Connection, search: Search, some: _Some, most: int) -> list[int]:
    """The first so many, or less where they are far apart."""
    found: list[int] = []
    for step, (begin, end) in enumerate(pairwise(_STEPS)):
        if step and len(found) * _STEPS[-1] < most * begin:
            break  # so far apart that the last step would not be enough
        ids = _ids(connection, covered(connection, search).limit(end - begin).offset(begin))
        found += _those(some, ids)
        if len(found) >= most:
            break
    return found[:most]


def _of_indexes(connection: Connection, wanted: Sequence[Wanted]) -> tuple[set[int] | None, set[int]]:
    """What all conditions hold for, None for whatever; and what is to be left out of that."""
    taken, rest = _rarest(connection, wanted)
    left: set[int] = set()
    while rest and (taken is None or len(taken) > FEW):
        if rest[0].ids is None and rest[0].but is None and taken is not None and len(taken) <= _SOME:
            break  # no index knows of the ones that are left
        one = rest.pop(0)
        if one.but is not None and one.ids is None:
            left.update(_ids(connection, one.but))
        else:
            ids = _all(connection, one)
            taken = set(ids) if taken is None else taken.intersection(ids)
    if taken is None:
        return None, left
    taken -= left
    if taken and rest:  # the rows of a few are looked at
        holds = _plain([one.holds for one in rest])
        taken = set(_ids(connection, select(images.c.id).where(among(connection, taken), holds)))
    return taken, left


def _rarest(connection: Connection, wanted: Sequence[Wanted]) -> tuple[set[int] | None, list[Wanted]]:
    """The ids of what the rarest holds for, None where each holds for many; and the others, those of an index first."""
    best: tuple[set[int] | None, Wanted | None] = (None, None)
    for one in wanted:
        if one.ids is not None:
            most = FEW if best[0] is None else len(best[0])
            ids = _ids(connection, one.ids.limit(most + 1))
            if len(ids) <= most:
                best = (set(ids), one)
    rest = [one for one in wanted if one is not best[1]]
    return best[0], sorted(rest, key=lambda one: (one.ids is None, one.but is None))


def _in_order(connection: Connection, search: Search, few: Collection[int]) -> array[int]:
    holds = [wanted_by(connection, one).holds for one in search.covered]
    # An expression keeps SQLite from walking an index through all rows to spare itself the sorting of a few.
    first, *others = (images.c[name] for name in SORTS[search.sort])
    ordered = [first + 0, *others]
    order = ordered if search.backwards else [column.desc() for column in ordered]
    return _ids(connection, select(images.c.id).where(among(connection, few), _plain(holds)).order_by(*order))


def _plain(holds: Sequence[ColumnElement[bool]]) -> ColumnElement[bool]:
    """All of these, in a form that no index is looked for by: without statistics SQLite prefers the wrong one."""
    return and_(*holds).is_(true())


def covered(connection: Connection, search: Search) -> Select[tuple[int]]:
    holds = [wanted_by(connection, one).holds for one in search.covered]
    return select(images.c.id).where(*holds).order_by(*search.order())


def among(connection: Connection, ids: Collection[int]) -> ColumnElement[bool]:
    """As one value: to bind a thousand takes longer than to find them."""
    if connection.dialect.name == "postgresql":
        return images.c.id == any_(literal(list(ids), ARRAY(BigInteger)))
    values = func.json_each(json.dumps(list(ids))).table_valued("value")
    return images.c.id.in_(select(values.c.value))


def _ids(connection: Connection, statement: Select[Any]) -> array[int]:
    """As one text: to fetch a hundred thousand rows takes twice as long. Both databases keep the order."""
    (one,) = statement.subquery().c
    is_postgresql = connection.dialect.name == "postgresql"
    joined = func.string_agg(cast(one, String), ",") if is_postgresql else func.group_concat(one)
    text = connection.execute(select(joined)).scalar() or ""
    return array("q", json.loads(f"[{text}]"))


def ids_where(connection: Connection, condition: Condition) -> array[int]:
    """In no order, missing ones too."""
    return _all(connection, wanted_by(connection, condition))


def _all(connection: Connection, wanted: Wanted) -> array[int]:
    return _ids(connection, select(images.c.id).where(wanted.holds) if wanted.ids is None else wanted.ids)
