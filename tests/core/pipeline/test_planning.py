from __future__ import annotations

from typing import Any

import pytest

from orchestrator_core.context import StageContext
from orchestrator_core.errors import PipelineError
from orchestrator_core.loras.ranking import LoraIndex
from orchestrator_core.loras.record import LoraRecord
from orchestrator_core.loras.semantic import SemanticPhrases
from orchestrator_core.pipeline import run_pipeline
from orchestrator_core.pipeline.batches import Items
from orchestrator_core.pipeline.planning import plan_of, plan_stages
from orchestrator_core.spec import pipeline_from
from orchestrator_core.template import Wildcards
from tests.fakes import FakeGenerator, FakeLanguageModel

DRAW = {"id": "draw", "type": "generatePrompt", "options": {"template": "a {red|white} fox, watercolor", "seed": 5}}
LORAS = {"id": "loras", "type": "selectLoras"}
RENDER = {"id": "render", "type": "dispatch", "options": {"width": 640}}
RECORD = LoraRecord("watercolor", "/loras/watercolor.safetensors", trigger_words=("watercolor",))


def context(**more: Any) -> StageContext:
    return StageContext(Wildcards([]), FakeGenerator(), loras=LoraIndex([RECORD]), **more)


def test_a_plan_has_the_prompts_seeds_loras_and_requests_of_the_run():
    pipeline, given = pipeline_from([DRAW, LORAS, RENDER]), context()
    plan = plan_stages(pipeline, given)
    assert given.generator.history == []
    assert [stage.state for stage in plan] == ["done", "done", "renders"]
    assert plan[-1].request == run_pipeline(pipeline, given).run.images[0].request
    assert [lora.name for lora in plan[-1].request.loras] == ["watercolor"]


def test_no_language_model_is_asked_and_the_plan_says_so():
    model = FakeLanguageModel()
    plan = plan_stages(pipeline_from([DRAW, {"id": "e", "type": "llmEnhance"}, RENDER]), context(llm=model))
    assert model.history == []
    assert (plan[1].state, plan[1].detail) == ("asks", "asks fake:1")
    assert plan[2].request.positive == plan[0].draft.positive


def test_what_is_known_only_later_is_told_with_its_condition():
    stages = [DRAW, RENDER, {"id": "score", "type": "scoreImages"}, {**RENDER, "id": "again", "when": "score < 0.8"}]
    plan = plan_stages(pipeline_from(stages), context())
    assert (plan[3].state, plan[3].detail) == ("renders", "only when score < 0.8, which is known later")
    plan = plan_stages(pipeline_from([*stages[:2], {**stages[2], "enabled": False}, stages[3]]), context())
    assert plan[3].state == "skipped"  # without a score there never is one


def test_what_becomes_of_a_rendering_is_known_later():
    stages = [DRAW, RENDER, {**RENDER, "id": "again", "when": "stage.render == 'failed'"}]
    assert plan_stages(pipeline_from(stages), context())[2].detail.startswith("only when stage.render")
    off = {**stages[2], "enabled": False}
    assert plan_stages(pipeline_from([*stages[:2], off]), context())[2].state == "off"


def test_what_is_known_now_is_decided_now():
    stages = [DRAW, {**LORAS, "when": "'owl' in positive"}, {**RENDER, "enabled": False}]
    plan = plan_stages(pipeline_from(stages), context())
    assert [stage.state for stage in plan] == ["done", "skipped", "off"]
    assert plan[2].request is None


def test_a_plan_waits_for_no_other_try():
    slow = {**LORAS, "on_error": "retry", "wait_s": 3600, "then": "skip"}
    plan = plan_stages(pipeline_from([DRAW, slow, RENDER]), StageContext(Wildcards([])))
    assert (plan[1].state, "no library" in plan[1].detail) == ("failed", True)


def test_a_plan_says_that_it_chooses_by_words_alone():
    encoder = SemanticPhrases(NoEmbedder())
    stages = [DRAW, {**LORAS, "options": {"semantic": True}}, RENDER]
    plan = plan_stages(pipeline_from(stages), context(meanings=encoder))
    assert plan[1].detail.startswith("by words alone")


class NoEmbedder:
    """Nothing may be asked of it."""

    name = "none"

    def embed(self, texts):
        raise AssertionError(texts)


def test_each_item_of_a_batch_has_a_plan():
    data = {"stages": [DRAW, RENDER], "batch": [{"vary": "seeds", "values": [1, 2]}]}
    plans = [plan_of(item, context()) for item in Items(pipeline_from(data))]
    assert [(plan.number, plan.values, plan.draft.seed) for plan in plans] == [
        (1, {"draw.seed": 1}, 1),
        (2, {"draw.seed": 2}, 2),
    ]
    assert [request.seed for plan in plans for request in plan.requests] == [1, 2]


def test_a_pipeline_that_cannot_run_has_no_plan():
    with pytest.raises(PipelineError, match="'paint'"):
        plan_stages(pipeline_from([{"id": "a", "type": "paint"}]), context())
