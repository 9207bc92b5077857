from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.errors import PipelineError
from orchestrator_core.pipeline import STAGES, checked
from orchestrator_core.pipeline.schema import json_schema
from orchestrator_core.spec import TYPES, pipeline_from, pipeline_to_json
from tests import strategies

SCHEMA = Path(__file__).resolve().parents[3] / "docs" / "pipeline.schema.json"
ROADMAP = """[{"id":"wildcardGen","type":"generatePrompt"},{"id":"enhancePrompt","type":"llmEnhance"},
{"id":"matchLORA","type":"selectLoras"},{"id":"submitToForge","type":"dispatch"}]"""


def stage(stage_id: str, **more) -> dict:
    return {"id": stage_id, "type": "generatePrompt", **more}


def test_the_list_of_the_roadmap_is_a_pipeline():
    pipeline = checked(pipeline_from(json.loads(ROADMAP)))
    assert [spec.type for spec in pipeline.stages] == ["generatePrompt", "llmEnhance", "selectLoras", "dispatch"]
    assert pipeline.needs["matchLORA"] == ("enhancePrompt",)


def test_the_types_that_a_file_may_name_are_those_of_the_stages():
    assert tuple(STAGES) == TYPES


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("select_loras", "selectLoras"),
        ("selectLORAs", "selectLoras"),
        ("LLM-Enhance", "llmEnhance"),
        ("forge_dispatcher", "dispatch"),
        ("paint", "paint"),
    ],
)
def test_a_type_has_other_spellings(written: str, meant: str):
    assert pipeline_from([{"id": "a", "type": written}]).stages[0].type == meant


def test_an_older_file_becomes_one_of_today():
    old = {"schema_version": 1, "$schema": "pipeline.schema.json", "stages": [stage("a", enabled=False)]}
    assert pipeline_from(old) == pipeline_from([stage("a", enabled=False)])


def test_where_stages_are_drawn_is_kept():
    data = {"schema_version": 2, "stages": [stage("a")], "layout": {"a": [12.5, -3.0]}}
    assert pipeline_to_json(pipeline_from(data)) == data


def test_stages_that_need_later_ones_run_after_them():
    pipeline = pipeline_from([stage("a", needs=["c"]), stage("b", needs=[]), stage("c", needs=["b"])])
    assert [spec.id for spec in pipeline.ordered] == ["b", "c", "a"]


@given(st.lists(st.none() | st.lists(st.integers(0, 5), max_size=3), min_size=6, max_size=6))
def test_every_stage_comes_after_what_it_needs_or_the_way_round_is_told(needs: list[list[int] | None]):
    stages = [stage(str(at), needs=need and [str(one) for one in need]) for at, need in enumerate(needs)]
    before = {str(at): [str(at - 1)] if at else [] for at in range(6)}
    needed = {one["id"]: before[one["id"]] if one["needs"] is None else one["needs"] for one in stages}
    try:
        order = [spec.id for spec in pipeline_from(stages).ordered]
    except PipelineError as error:
        way = str(error).rpartition("another: ")[2].split(" → ")
        assert way[0] == way[-1]
        assert all(after in needed[one] for one, after in pairwise(way))
        return
    assert sorted(order) == sorted(needed)
    assert all(order.index(need) < order.index(one) for one, found in needed.items() for need in found)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"schema_version": 0, "stages": []}, "schema_version is 0"),
        ({"schema_version": "2", "stages": []}, "schema_version is '2'"),
        ([stage("a", needs=["c"]), stage("b"), stage("c")], "wait for one another: a → c → b → a"),
        ([stage("a", needs=["a"])], "a → a"),
        ([stage("draw"), stage("b", needs=["drow"])], "Did you mean 'draw'"),
        ([stage("a", when="imags > 1")], r"stages.0.when: there is no name 'imags'"),
        ([stage("a", on_error="fallback")], "'fallback' must say which options"),
        ([stage("a", on_error="retry", then="fallback")], "'fallback' must say which options"),
        ([stage("a", tries=0)], "tries"),
        ({"stages": [stage("a")], "layout": {"a": [1, float("nan")]}}, "layout.a.1"),
        ({"stages": [stage("a")], "layout": {"a": [1]}}, "layout.a.1: Field required"),
        ({"stages": [stage("a")], "batch": [{"vary": "b.seed", "count": 2}]}, "'b.seed' names no option of a stage"),
        ({"stages": [stage("a")], "batch": [{"vary": "loras", "values": [""]}]}, "a stage selectLoras is needed"),
        ({"stages": [stage("a")], "batch": [{"vary": "seeds"}]}, "either 'values' or a 'count'"),
        (
            {
                "stages": [stage("a")],
                "batch": [[{"vary": "seeds", "count": 2}, {"vary": "templates", "values": ["x"]}]],
            },
            "equally many: seeds has 2, templates has 1",
        ),
    ],
)
def test_what_is_wrong_in_a_pipeline_is_told(data: object, told: str):
    with pytest.raises(PipelineError, match=told):
        pipeline_from(data)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"type": "selectLore"}, "no type 'selectLore'. Did you mean 'selectLoras'"),
        ({"options": {"tempalte": "a fox"}}, "tempalte.*Did you mean 'template'"),
        ({"on_error": "fallback", "fallback": {"seed": -1}}, "seed"),
        ({"when": "stage.drew == 'done'"}, "when: there is no stage 'drew'. Did you mean 'draw'"),
    ],
)
def test_what_no_stage_can_do_is_told_before_anything_runs(wrong: dict, told: str):
    with pytest.raises(PipelineError, match=told):
        checked(pipeline_from([{**stage("draw"), **wrong}]))


@given(
    st.lists(
        st.fixed_dictionaries(
            {"id": st.sampled_from("abc"), "type": st.sampled_from(TYPES)},
            optional={
                "needs": st.lists(st.sampled_from("abc"), max_size=2),
                "when": st.sampled_from(["", "images > 1", "images >"]),
                "options": st.dictionaries(st.text(max_size=3), strategies.json_values, max_size=2),
                "enabled": st.booleans() | st.text(max_size=2),
            },
        )
        | strategies.json_values,
        max_size=3,
    )
    | strategies.json_values
)
def test_any_value_is_a_pipeline_that_can_be_saved_or_is_refused(data: object):
    try:
        pipeline = pipeline_from(data)
    except PipelineError:
        return
    try:
        assert pipeline_from(json.loads(json.dumps(pipeline_to_json(pipeline)))) == pipeline
    except PipelineError as error:
        assert "cannot be saved" in str(error)
    assert sorted(spec.id for spec in pipeline.ordered) == sorted(spec.id for spec in pipeline.stages)


def test_the_published_schema_is_the_models():
    assert json.loads(SCHEMA.read_text("utf-8")) == json_schema()
