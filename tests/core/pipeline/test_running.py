from typing import Any

import pytest

from orchestrator_core.context import StageContext
from orchestrator_core.errors import PipelineError
from orchestrator_core.pipeline import run_pipeline
from orchestrator_core.request import Progress
from orchestrator_core.spec import PipelineSpec, pipeline_from
from orchestrator_core.template import Wildcards
from tests.fakes import FakeGenerator


def pipeline(**changes: Any) -> PipelineSpec:
    draw = {"id": "draw", "type": "generatePrompt", "options": {"template": "a {fox|owl|hare}", "seed": 5}}
    render: dict[str, Any] = {"id": "render", "type": "dispatch", "options": {"width": 64, "height": 64}}
    return pipeline_from([draw, {**render, **changes}])


def context(generator: FakeGenerator | None = None) -> StageContext:
    return StageContext(Wildcards([]), generator or FakeGenerator())


def test_stages_run_in_order_and_leave_a_snapshot_each() -> None:
    result = run_pipeline(pipeline(), context())
    assert list(result.snapshots) == ["draw", "render"]
    assert result.snapshots["draw"].images == ()
    assert result.snapshots["draw"].draft == result.run.draft
    assert len(result.run.images) == 1
    assert result.run.images[0].request.positive == result.run.draft.positive


def test_a_stage_that_is_switched_off_is_skipped() -> None:
    generator = FakeGenerator()
    result = run_pipeline(pipeline(enabled=False), context(generator))
    assert result.run.images == ()
    assert generator.history == []


def test_a_rerun_from_a_stage_starts_from_the_snapshot_before_it() -> None:
    generator = FakeGenerator()
    first = run_pipeline(pipeline(), context(generator))
    again = run_pipeline(pipeline(options={"width": 128}), context(generator), start="render", before=first.snapshots)
    assert again.run.draft == first.run.draft
    assert again.run.id == first.run.id
    assert again.run.images[0].request.width == 128
    assert len(again.run.images) == 1  # from the snapshot before rendering, not after it
    assert list(again.snapshots) == ["draw", "render"]


def test_a_rerun_without_what_came_before_is_refused() -> None:
    with pytest.raises(PipelineError, match="'draw'"):
        run_pipeline(pipeline(), context(), start="render")


def test_a_rerun_from_a_stage_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(PipelineError, match="draw, render"):
        run_pipeline(pipeline(), context(), start="paint")


def test_no_stage_runs_before_all_options_are_checked() -> None:
    generator = FakeGenerator()
    spec = pipeline_from([*pipeline().model_dump()["stages"], {"id": "x", "type": "dispatch", "options": {"steps": 0}}])
    with pytest.raises(PipelineError, match=r"'x' \(dispatch\).*steps"):
        run_pipeline(spec, context(generator))
    assert generator.history == []


def test_an_unknown_type_names_those_that_are_known() -> None:
    known = "generatePrompt, followStory, llmEnhance, selectLoras, dispatch"
    with pytest.raises(PipelineError, match=rf"no type 'paint'.*{known}"):
        run_pipeline(pipeline_from([{"id": "a", "type": "paint"}]), context())


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"stages": [{"id": "a"}]}, "stages.0.type"),
        ([{"id": "a", "type": "x"}, {"id": "a", "type": "y"}], "used twice: a"),
        ([{"id": "a", "type": "x", "colour": 1}], "colour"),
        ({"schema_version": 99, "stages": []}, "Update Orchestrator"),
        ("nonsense", "no pipeline"),
        (None, "no pipeline"),
    ],
)
def test_what_is_no_pipeline_is_refused_with_the_place(data: object, message: str) -> None:
    with pytest.raises(PipelineError, match=message):
        pipeline_from(data)


def test_progress_reaches_the_caller() -> None:
    seen: list[Progress] = []
    given = StageContext(Wildcards([]), FakeGenerator(), progress=seen.append)
    run_pipeline(pipeline(), given)
    assert seen == [Progress("rendering", 1, 1)]
