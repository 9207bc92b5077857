from __future__ import annotations

from orchestrator_core.store import Store
from orchestrator_core.store.civitai import CivitaiAnswers


def test_answers_last_and_the_newest_counts(store: Store) -> None:
    answers = CivitaiAnswers(store)
    assert answers.get("ab" * 32) is None
    answers.put("ab" * 32, 5, "")
    answers.put("ab" * 32, 7, '{"id": 1, "name": "\\ud800"}')
    assert CivitaiAnswers(store).get("ab" * 32) == (7, '{"id": 1, "name": "\\ud800"}')
