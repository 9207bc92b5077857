from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from orchestrator_core.context import StageContext
from orchestrator_core.errors import FormatError, OrchestratorError, PipelineError
from orchestrator_core.loras.ranking import LoraIndex
from orchestrator_core.loras.record import LoraRecord
from orchestrator_core.pipeline import run_pipeline
from orchestrator_core.pipeline.differences import changes_by_stage
from orchestrator_core.pipeline.rerunning import PipelineRecord, record_from_json, record_to_json, rerun
from orchestrator_core.spec import pipeline_from
from orchestrator_core.template import Wildcards
from tests import strategies
from tests.fakes import FakeGenerator, FakeLanguageModel

STAGES = [
    {"id": "draw", "type": "generatePrompt", "options": {"template": "a fox", "seed": 5}},
    {"id": "enhance", "type": "llmEnhance"},
    {"id": "loras", "type": "selectLoras", "options": {"include": "ink"}},
    {"id": "render", "type": "dispatch"},
]
INK = LoraRecord("ink", "/loras/ink.safetensors", trigger_words=("ink drawing",))
PASTEL = LoraRecord("pastel", "/loras/pastel.safetensors", trigger_words=("pastel colors",))


@pytest.fixture
def context() -> StageContext:
    llm = FakeLanguageModel('{"add": ["soft morning light"]}')
    return StageContext(Wildcards([]), FakeGenerator(), loras=LoraIndex([INK, PASTEL]), llm=llm)


@pytest.fixture
def record(context: StageContext) -> PipelineRecord:
    pipeline = pipeline_from(STAGES)
    return PipelineRecord(pipeline, run_pipeline(pipeline, context))


def texts_of(record: PipelineRecord) -> list[str]:
    return [image.request.positive for image in record.result.run.images]


def test_choosing_other_loras_renders_anew_keeps_the_enhanced_text_and_shows_what_changed(
    record: PipelineRecord, context: StageContext
):
    again = rerun(record, "loras", context, {"include": "pastel"})
    before, after = record.result.run, again.record.result.run
    assert len(context.llm.history) == 1  # not asked again
    assert after.draft.positive.startswith(record.result.snapshots["enhance"].draft.positive)
    assert [lora.name for lora in after.draft.loras] == ["pastel"]
    assert "pastel colors" in texts_of(again.record)[0]
    assert "soft morning light" in texts_of(again.record)[0]
    changed = [str(change) for change in again.changes]
    assert "LoRA: no longer ink at 0.8" in changed
    assert "LoRA: now pastel at 0.8" in changed
    assert any(line.startswith("images: 0001_0.png → 0002_0.png") for line in changed)
    assert (again.record.rerun_of, again.record.stale) == (before.id, ())
    assert after.id != before.id  # the run before and its image stay what they were
    assert after.images[0].run_id == after.id


def test_a_stage_alone_leaves_those_behind_it_stale_until_they_are_done_again(
    record: PipelineRecord, context: StageContext
):
    alone = rerun(record, "loras", context, {"include": "pastel"}, only=True).record
    assert alone.stale == ("render",)
    assert [lora.name for lora in alone.result.snapshots["loras"].draft.loras] == ["pastel"]
    assert [lora.name for lora in alone.result.snapshots["render"].draft.loras] == ["ink"]
    assert len(context.generator.history) == 1
    rest = rerun(alone, "render", context).record
    assert rest.stale == ()
    assert [lora.name for lora in rest.result.run.images[0].request.loras] == ["pastel"]


def test_stale_stages_before_one_are_done_again_first(record: PipelineRecord, context: StageContext):
    redrawn = rerun(record, "draw", context, {"template": "an owl"}, only=True).record
    assert redrawn.stale == ("enhance", "loras", "render")
    rest = rerun(redrawn, "render", context).record
    assert rest.stale == ()
    assert texts_of(rest)[0].startswith("an owl")


def test_stale_stages_before_one_that_is_done_alone_are_done_too(record: PipelineRecord, context: StageContext):
    redrawn = rerun(record, "draw", context, {"template": "an owl"}, only=True).record
    chosen = rerun(redrawn, "loras", context, only=True).record
    assert chosen.stale == ("render",)
    assert chosen.result.snapshots["loras"].draft.positive.startswith("an owl")
    assert texts_of(chosen) == []


def test_what_is_stale_in_another_branch_stays_so(context: StageContext):
    branches = [*STAGES, {"id": "plain", "type": "dispatch", "needs": ["draw"]}]
    pipeline = pipeline_from(branches)
    record = PipelineRecord(pipeline, run_pipeline(pipeline, context))
    redrawn = rerun(record, "draw", context, {"template": "an owl"}, only=True).record
    assert redrawn.stale == ("enhance", "loras", "render", "plain")
    assert rerun(redrawn, "render", context).record.stale == ("plain",)


def test_what_each_stage_changed_is_known(record: PipelineRecord):
    changes = changes_by_stage(record.pipeline, record.result)
    assert list(changes) == ["draw", "enhance", "loras", "render"]
    assert [str(change) for change in changes["draw"]] == ["prompt: now a fox", "seed: 0 → 5"]
    assert [change.what for change in changes["enhance"]] == ["prompt", "enhanced"]
    assert [change.what for change in changes["loras"]] == ["prompt", "LoRA"]
    assert [str(change) for change in changes["render"]] == ["images: now 0001_0.png"]


def test_a_record_that_was_saved_can_be_done_again(record: PipelineRecord, context: StageContext):
    again = record_from_json(json.loads(json.dumps(record_to_json(record))))
    assert again == record
    assert rerun(again, "render", context, {"steps": 3}).record.result.run.images[0].request.steps == 3


def test_what_cannot_be_done_again_is_told(record: PipelineRecord, context: StageContext):
    with pytest.raises(PipelineError, match=r"no stage 'lora' to do again\. Did you mean 'loras'"):
        rerun(record, "lora", context)
    with pytest.raises(PipelineError, match="max_loras"):
        rerun(record, "loras", context, {"max_loras": -1})


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"schema_version": 99}, "Update Orchestrator"),
        ({"run": {}}, "schema_version"),
        ({"snapshots": []}, "damaged"),
        ({"pipeline": {"stages": 5}}, "stages"),
    ],
)
def test_what_is_no_record_is_told(record: PipelineRecord, changes: dict[str, Any], told: str):
    with pytest.raises((FormatError, PipelineError), match=told):
        record_from_json({**record_to_json(record), **changes})


@given(strategies.json_values)
def test_any_other_value_is_refused(data: object):
    with pytest.raises(OrchestratorError):
        record_from_json(data)
