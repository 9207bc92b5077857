from __future__ import annotations

import pytest

from orchestrator_app.bundled import bundled_folder
from orchestrator_core.context import StageContext
from orchestrator_core.errors import PipelineError
from orchestrator_core.memory.story import Story
from orchestrator_core.pipeline.batches import Items
from orchestrator_core.pipeline.bundled import bundled_files, bundled_pipeline
from orchestrator_core.pipeline.planning import plan_of
from orchestrator_core.template import Wildcards


class NoStories:
    def open(self, name: str) -> Story:
        return Story(name)


@pytest.mark.parametrize("name", list(bundled_files()))
def test_a_bundled_pipeline_can_be_planned_and_finds_its_wildcards(name: str):
    pipeline = bundled_pipeline(name)
    assert pipeline.name
    assert pipeline.description
    context = StageContext(Wildcards([bundled_folder("wildcards")]), stories=NoStories())
    stages = [
        stage.model_copy(update={"when": "has_loras"}) if stage.type == "selectLoras" else stage
        for stage in pipeline.stages
    ]
    plan = plan_of(Items(pipeline.model_copy(update={"stages": tuple(stages)}))[0], context)
    assert plan.requests
    assert plan.draft.diagnostics == ()
    assert "__" not in plan.draft.positive


def test_the_ones_of_the_roadmap_are_there():
    assert list(bundled_files()) == ["quick", "explore-and-learn", "lora-test", "story"]


def test_a_name_that_is_not_there_is_told_with_the_nearest():
    with pytest.raises(PipelineError, match="Did you mean 'lora-test'"):
        bundled_pipeline("lora_test")
