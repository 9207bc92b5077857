"""Which of the scores in the store stands below the images of a test."""

from __future__ import annotations

from pathlib import Path

from orchestrator_app.lora_test.scores import scores_of
from orchestrator_core.prompt import PromptDraft
from orchestrator_core.run import COMPARED, Run, Score
from orchestrator_core.store import Store


def test_it_is_how_much_of_the_prompt_is_shown_and_not_what_is_told_beside_it(tmp_path: Path):
    def whole(run_id: str, metric: str, value: float) -> Score:
        return Score(run_id, "a.png", None, metric, value, calibrated=False)

    def open_store() -> Store:
        return Store.open(tmp_path / "x.db")

    with open_store() as store:
        for run_id in ("1" * 32, "2" * 32):
            told = ((COMPARED + "unasked", 0.9), ("aesthetic", 5.5), ("fulfilment", 0.75))
            scores = tuple(whole(run_id, metric, value) for metric, value in told)
            store.save_run(Run(run_id, PromptDraft(()), scores=scores))
    found = scores_of(["1" * 32, "2" * 32], open_store)
    assert (found.metric, set(found.values.values())) == ("fulfilment", {0.75})
