"""The ledger's rows, on both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import insert

from orchestrator_core.errors import StoreError
from orchestrator_core.store import Store, schema
from orchestrator_core.store.learning import LearningLog, NewEntry
from orchestrator_core.store.marks import ImageMarks, StoredMarks


def test_entries_are_numbered_in_their_order_and_one_that_is_told_twice_is_there_once(store: Store) -> None:
    log = LearningLog(store)
    assert log.append([NewEntry("observe", "a", {"n": 1}), NewEntry("observe", "b", {"n": 2})]) == 2
    assert log.append([NewEntry("observe", "b", {"n": 2}), NewEntry("observe", "c", {"n": 3})]) == 3
    assert [(entry.number, entry.data["n"]) for entry in log.entries()] == [(1, 1), (2, 2), (3, 3)]
    assert [entry.number for entry in log.entries(1, 2)] == [2]
    assert log.last() == 3


@pytest.mark.parametrize("data", ["[1]", "null", "{", "[" * 100_000])
def test_an_entry_that_is_damaged_is_told_with_what_to_do(data: str, store: Store) -> None:
    row = {"number": 1, "at_ms": 0, "kind": "observe", "identity": "x", "data": data}
    with store.writing() as connection:
        connection.execute(insert(schema.learning_events).values(row))
    with pytest.raises(StoreError, match="the ledger of learning is damaged"):
        LearningLog(store).entries()


def test_the_last_word_of_a_mark_counts(store: Store) -> None:
    marks = ImageMarks(store)
    marks.put("r", "a.png", StoredMarks(favourite=True))
    marks.put("r", "a.png", StoredMarks(stars=4))
    assert marks.of_run("r") == {"a.png": StoredMarks(stars=4)}
