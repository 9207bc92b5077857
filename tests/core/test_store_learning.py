"""The ledger's rows, on both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import insert

from orchestrator_core.errors import StoreError
from orchestrator_core.store import Store, schema
from orchestrator_core.store.learning import LearningLog, NewEntry, append
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


def test_what_was_told_before_is_not_looked_at_for_each_new_entry(sqlite_store: Store) -> None:
    """Where nothing was ever undone, the last undo would be looked for among all entries."""
    log = LearningLog(sqlite_store)
    log.append([NewEntry("mark", str(number), {}) for number in range(3000)])
    with sqlite_store.writing() as connection:
        steps: list[int] = []
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.set_progress_handler(lambda: steps.append(1), 100)
        append(connection, [NewEntry("mark", "another", {})], 0)
        driver.set_progress_handler(None, 0)
    assert len(steps) < 20, "some hundred steps of SQLite's machine; 3,000 entries would take some thousand"
