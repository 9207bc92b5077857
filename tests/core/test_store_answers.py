from __future__ import annotations

from orchestrator_core.store import Store
from orchestrator_core.store.answers import LlmAnswers


def test_an_answer_lasts_and_the_newest_counts(store: Store) -> None:
    kept = LlmAnswers(store)
    kept.put("a" * 64, "openai:qwen3", "first")
    kept.put("b" * 64, "openai:qwen3", "another, 狐")
    kept.put("a" * 64, "openai:qwen3", "second")
    assert LlmAnswers(store).get("a" * 64) == "second"
    assert kept.get("b" * 64) == "another, 狐"
    assert kept.get("c" * 64) is None
