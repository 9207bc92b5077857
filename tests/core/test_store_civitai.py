from __future__ import annotations

from orchestrator_core.store import Store
from orchestrator_core.store.civitai import CivitaiAnswers


def test_answers_last_and_the_newest_counts(store: Store) -> None:
    answers = CivitaiAnswers(store)
    assert answers.get("ab" * 32) is None
    answers.put("ab" * 32, 5, "")
    answers.put("ab" * 32, 7, '{"id": 1, "name": "\\ud800"}')
    assert CivitaiAnswers(store).get("ab" * 32) == (7, '{"id": 1, "name": "\\ud800"}')


def test_what_was_not_found_lately_is_listed(store: Store) -> None:
    answers = CivitaiAnswers(store)
    for digest, answered_ms, answer in (("a", 5, ""), ("b", 4, ""), ("c", 9, "{}")):
        answers.put(digest * 64, answered_ms, answer)
    assert answers.not_found_since(5) == {"a" * 64}
