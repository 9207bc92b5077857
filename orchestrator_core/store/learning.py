"""The ledger of learning as rows: a log that is only added to. ``weights/ledger.py`` gives its entries their types."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, func, insert, select, text

from orchestrator_core.errors import StoreError
from orchestrator_core.store import schema
from orchestrator_core.store.database import Store

_TURNS = ("undo", "reset")  # after one, what was told before may be told again
# Made once: to build a statement anew takes longer than to run it.
_TABLE = schema.learning_events.c
_LAST = select(func.max(_TABLE.number))
_LAST_TURN = _LAST.where(_TABLE.kind.in_(_TURNS))
_KNOWN = select(_TABLE.identity).where(_TABLE.identity.in_(bindparam("identities", expanding=True)))
_NEW = insert(schema.learning_events)
_AT_ONCE = 500
_MOST_NUMBER = 2**63 - 1  # that a database can hold


@dataclass(frozen=True, slots=True)
class NewEntry:
    """``identity``: of what it tells; the same one told twice since the last undo or reset is there once."""

    kind: str
    identity: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """``number``: from 1, what orders entries; ``at_ms`` is for people alone, as clocks may be set back. ``identity``:
    no two of a ledger have the same."""

    number: int
    at_ms: int
    kind: str
    data: Mapping[str, Any]
    identity: str = ""


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class LearningLog:
    """Every method is one transaction. Raises StoreError. ``now``: what a person's clock says, in milliseconds."""

    def __init__(self, store: Store, now: Callable[[], int] = _now_ms) -> None:
        self.store, self._now = store, now

    def append(self, entries: Sequence[NewEntry]) -> int:
        """All of them or, on an error, none; several processes may at once. The number of the last entry then."""
        with self.store.writing() as connection:
            return append(connection, entries, self._now())

    def last(self) -> int:
        """The number of the last entry; 0 where there is none."""
        with self.store.reading() as connection:
            return int(connection.execute(_LAST).scalar() or 0)

    def entries(self, after: int = 0, to: int | None = None) -> list[Entry]:
        """Those with a number after ``after``, up to ``to`` with it, in their order."""
        table = schema.learning_events
        statement = select(table).where(table.c.number > after).order_by(table.c.number)
        if to is not None:
            statement = statement.where(table.c.number <= min(to, _MOST_NUMBER))
        with self.store.reading() as connection:
            rows = list(connection.execute(statement).mappings())
        try:
            return [_entry(row) for row in rows]
        except (ValueError, RecursionError) as error:
            raise StoreError(f"{self.store.place}: the ledger of learning is damaged. Restore a backup.") from error


def append(connection: Connection, entries: Sequence[NewEntry], at_ms: int) -> int:
    """As ``LearningLog.append``, in the transaction of whoever else writes what the entries tell of."""
    _only_writer(connection)
    last, turn = (int(connection.execute(one).scalar() or 0) for one in (_LAST, _LAST_TURN))
    named = {f"{entry.identity}@{turn}": entry for entry in reversed(entries)}
    known = _known(connection, list(named))
    rows = [
        {"kind": entry.kind, "identity": name, "data": json.dumps(dict(entry.data), ensure_ascii=False)}
        for name, entry in reversed(named.items())
        if name not in known
    ]
    if rows:
        numbers = range(last + 1, last + 1 + len(rows))
        numbered = [{"number": n, "at_ms": at_ms, **row} for n, row in zip(numbers, rows, strict=True)]
        connection.execute(_NEW, numbered)
    return last + len(rows)


def _entry(row: RowMapping) -> Entry:
    data = json.loads(row["data"])
    if not isinstance(data, dict):
        raise ValueError("no object")
    return Entry(row["number"], row["at_ms"], row["kind"], data, row["identity"])


def _only_writer(connection: Connection) -> None:
    # On SQLite a transaction that writes is alone already.
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE learning_events IN EXCLUSIVE MODE"))


def _known(connection: Connection, identities: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(identities), _AT_ONCE):
        some = identities[start : start + _AT_ONCE]
        found |= set(connection.execute(_KNOWN, {"identities": some}).scalars())
    return found
