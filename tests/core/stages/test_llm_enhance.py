from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from orchestrator_core.base_models.names import BaseModel
from orchestrator_core.context import StageContext
from orchestrator_core.enhancing.caching import RememberedAnswers
from orchestrator_core.errors import LanguageModelError
from orchestrator_core.pipeline import new_run, run_pipeline
from orchestrator_core.prompt import Component, Origin, PromptDraft
from orchestrator_core.request import Progress
from orchestrator_core.spec import pipeline_from
from orchestrator_core.stages.llm_enhance import Options, stage
from orchestrator_core.store import Store
from orchestrator_core.store.answers import LlmAnswers
from orchestrator_core.template import Wildcards
from tests.fakes import FakeLanguageModel

RUN = new_run().replacing(draft=PromptDraft((Component("a fox in the snow"),), seed=3))
NOTHING = Wildcards([])
ADDS = json.dumps({"add": ["soft light"]})


def test_without_a_language_model_the_rules_write():
    draft = stage(RUN, StageContext(NOTHING), Options()).draft
    assert draft.positive.startswith("a fox in the snow, ")
    assert draft.components[-1].origin is Origin.llm
    assert draft.enhanced and (draft.enhanced.status, draft.enhanced.model) == ("enhanced", "rules:1")


def test_the_rules_need_no_memory():
    answers = RememberedAnswers()
    drafts = [stage(RUN, StageContext(NOTHING, answers=answers), Options()).draft for _ in range(2)]
    assert drafts[0] == drafts[1]


def test_the_language_model_of_the_host_writes_for_its_checkpoint_and_its_text_is_shown():
    seen: list[Progress] = []
    model = FakeLanguageModel(ADDS)
    context = StageContext(NOTHING, llm=model, checkpoint=BaseModel("SDXL", "Pony"), progress=seen.append)
    assert stage(RUN, context, Options()).draft.positive == "a fox in the snow, soft light"
    assert "Style: pony" in model.history[0].messages[-1].content
    assert [progress.step for progress in seen] == [len(ADDS)]
    assert not model.history[0].is_last


def test_the_last_of_a_batch_is_told_to_the_model():
    model = FakeLanguageModel(ADDS)
    stage(RUN, StageContext(NOTHING, llm=model, is_last=True), Options())
    assert model.history[0].is_last


def test_it_stands_in_a_pipeline_between_drawing_and_rendering():
    stages = [
        {"id": "draw", "type": "generatePrompt", "options": {"template": "a {fox|fox}", "seed": 3}},
        {"id": "more", "type": "llmEnhance", "options": {"amount": 1, "instruction": "fog"}},
    ]
    model = FakeLanguageModel(ADDS, json.dumps({"add": ["fog"]}))
    context = StageContext(NOTHING, llm=model)
    first = run_pipeline(pipeline_from(stages), context)
    assert first.run.draft.positive == "a fox, soft light"
    again = run_pipeline(pipeline_from(stages), context, first.run, start="more", before=first.snapshots)
    assert again.run.draft.positive == "a fox, fog"


def test_what_was_answered_once_is_answered_again_from_the_store(store: Store):
    context = StageContext(NOTHING, llm=FakeLanguageModel(ADDS), answers=LlmAnswers(store))
    first = stage(RUN, context, Options())
    again = stage(RUN, context, Options())
    assert again.draft.components == first.draft.components
    assert again.draft.enhanced and again.draft.enhanced.status == "cached"


def test_a_batch_goes_on_when_the_server_goes_down_in_its_middle():
    down = LanguageModelError("http://localhost:1 does not answer.", "unreachable")
    context = StageContext(NOTHING, llm=FakeLanguageModel(ADDS, down, down))
    drafts = [stage(RUN, context, Options()).draft for _ in range(3)]
    assert [draft.enhanced and draft.enhanced.status for draft in drafts] == ["enhanced", "kept", "kept"]
    assert drafts[2].positive == "a fox in the snow"


@pytest.mark.parametrize(
    "wrong", [{"mode": "improve"}, {"amount": 0}, {"temperature": 3}, {"style": "xl"}, {"seed": -1}, {"model": "x"}]
)
def test_options_that_cannot_be_are_refused(wrong: dict[str, object]):
    with pytest.raises(ValidationError):
        Options.model_validate(wrong)
