"""A pipeline as a workflow for the canvas, and back."""

from __future__ import annotations

import copy
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import PydanticUndefined

from orchestrator_core.errors import FormatError, PipelineError
from orchestrator_core.formats.comfy_workflow_reader import graph_from_workflow
from orchestrator_core.formats.pipeline_nodes import MARK, NODES, usual_options
from orchestrator_core.formats.pipeline_reader import pipeline_of
from orchestrator_core.formats.pipeline_workflow import workflow_of
from orchestrator_core.formats.sharing import share_workflow
from orchestrator_core.formats.sharing_nodes import OUR_NODES
from orchestrator_core.pipeline.bundled import bundled_files, bundled_pipeline
from orchestrator_core.pipeline.registry import STAGES, checked
from orchestrator_core.spec import PipelineSpec, pipeline_from, pipeline_to_json

SIX = ("generatePrompt", "followStory", "llmEnhance", "selectLoras", "dispatch", "scoreImages")

# strategies: options as people write them, whether they are as usual or not

texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=15)
OPTIONS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "generatePrompt": {
        "template": texts,
        "negative_template": texts,
        "method": st.sampled_from(["random", "combinatorial", "cyclical"]),
        "seed": st.integers(0, 2**53),
        "index": st.none() | st.integers(0, 99),
        "rerolls": st.just({}) | st.just({"9f3c07aa9f3c07aa": 2}),
        "profiles": texts,
    },
    "followStory": {"story": texts, "who": texts, "lore": st.booleans(), "recent_scenes": st.integers(0, 9)},
    "llmEnhance": {
        "amount": st.integers(1, 9),
        "seed": st.none() | st.integers(0, 9),
        "temperature": st.sampled_from([0, 0.7, 1.0]),
        "on_error": st.sampled_from(["keep", "stop"]),
    },
    "selectLoras": {"max_loras": st.integers(0, 5), "include": texts, "semantic": st.booleans()},
    "dispatch": {
        "checkpoint": st.sampled_from(["", "dream", "dream.safetensors", "sub/other.ckpt"]),
        "vae": st.sampled_from(["", "clear"]),
        "steps": st.integers(1, 40),
        "cfg": st.sampled_from([5, 7, 7.0, 8.5]),
        "width": st.sampled_from([64, 512, 768]),
        "batch_size": st.integers(1, 4),
        "clip_skip": st.integers(1, 3),
        "seed": st.none() | st.integers(0, 2**53),
        "extra": st.just({}) | st.just({"inputs": {"sampler.steps": 3}}),
    },
    "scoreImages": {"learn": st.booleans(), "style": texts, "compare": texts},
}


@st.composite
def stages(draw: st.DrawFn, number: int, kind: str) -> dict[str, Any]:
    options = draw(st.fixed_dictionaries({}, optional=OPTIONS[kind]))
    more = st.fixed_dictionaries({}, optional={
        "enabled": st.booleans() if number else st.just(True),
        "when": st.sampled_from(["", "images and score < 0.8"]),
        "on_error": st.sampled_from(["fail", "skip", "retry"]),
        "tries": st.integers(1, 5),
    })  # fmt: skip
    return {
        "id": draw(st.sampled_from([f"{kind}{number}", str(number)])),
        "type": kind,
        "options": options,
        **draw(more),
    }


@st.composite
def pipelines(draw: st.DrawFn) -> PipelineSpec:
    kinds = ["generatePrompt", *draw(st.lists(st.sampled_from(SIX), max_size=7))]
    data: dict[str, Any] = {"stages": [draw(stages(number, kind)) for number, kind in enumerate(kinds)]}
    data |= draw(st.fixed_dictionaries({}, optional={"name": texts, "description": texts}))
    if draw(st.booleans()):
        data["batch"] = [{"vary": "seeds", "first": 1, "count": 3}]
        data["layout"] = {data["stages"][0]["id"]: [0, 12.5]}
    return pipeline_from(data)


def again(pipeline: PipelineSpec, checkpoint: str = "") -> PipelineSpec:
    """Through the canvas, as its page saves it: as JSON."""
    return pipeline_of(json.loads(json.dumps(workflow_of(pipeline, checkpoint=checkpoint).workflow))).pipeline


@given(pipelines())
@settings(max_examples=50)
def test_a_pipeline_comes_back_from_the_canvas_as_it_was(pipeline: PipelineSpec) -> None:
    assert pipeline_to_json(again(pipeline)) == pipeline_to_json(pipeline)


@pytest.mark.parametrize("name", list(bundled_files()))
def test_every_bundled_pipeline_comes_back_as_it_was(name: str) -> None:
    pipeline = bundled_pipeline(name)
    assert again(pipeline, "some.safetensors") == pipeline


@pytest.mark.parametrize("kind", SIX)
def test_the_canvas_shows_what_each_stage_does_where_nobody_says_another(kind: str) -> None:
    """The formats know the stages' defaults by the nodes; this is what keeps both the same."""
    fields = STAGES[kind].options.model_fields
    known = usual_options(kind)
    defaults = {name: info.get_default(call_default_factory=True) for name, info in fields.items() if name in known}
    assert PydanticUndefined not in defaults.values()
    assert known == defaults
    assert set(fields) - set(known) == {"dispatch": {"extra"}, "scoreImages": {"compare"}}.get(kind, set())


FULL = pipeline_from(
    [
        {"id": "draw", "type": "generatePrompt", "options": {"template": "a {red|white} fox", "seed": 5}},
        {"id": "tale", "type": "followStory", "options": {"story": "The lamp"}},
        {"id": "more", "type": "llmEnhance", "options": {"amount": 2}},
        {"id": "loras", "type": "selectLoras"},
        {"id": "go", "type": "dispatch", "options": {"checkpoint": "dream", "clip_skip": 2, "vae": "v", "steps": 9}},
        {"id": "look", "type": "scoreImages", "options": {"learn": False}},
    ]
)


def exported(*stages: dict[str, Any], **more: Any) -> tuple[dict[str, Any], str]:
    found = workflow_of(pipeline_from({"stages": list(stages), **more}))
    return found.workflow, "\n".join(found.told)


DRAW = {"id": "draw", "type": "generatePrompt", "options": {"template": "a fox", "seed": 3}}
GO = {"id": "go", "type": "dispatch", "options": {"checkpoint": "dream"}}


def of_class(workflow: dict[str, Any], kind: str) -> dict[str, Any]:
    return next(node for node in workflow["nodes"] if node["type"] == kind)


def test_each_stage_goes_on_from_the_one_before_it() -> None:
    graph = graph_from_workflow(workflow_of(FULL).workflow, OUR_NODES)
    by_class = {node["class_type"]: (key, node["inputs"]) for key, node in graph.items()}
    titled = {node["_meta"]["title"]: (key, node["inputs"]) for key, node in graph.items()}
    chain = [
        "OrchestratorWildcardPrompt",
        "OrchestratorStoryMemory",
        "OrchestratorLLMEnhance",
        "OrchestratorLoRASelector",
    ]
    slots = [2, 0, 0, 3]
    for one, slot, other in zip(chain, slots, [*chain[1:], "OrchestratorCLIPScorer"], strict=True):
        assert by_class[other][1]["draft"] == [by_class[one][0], slot]
    chosen, sampler = by_class[chain[-1]][0], by_class["KSampler"]
    assert sampler[1]["model"] == [chosen, 0]
    assert titled["positive"][1]["text"] == [chosen, 2]
    assert titled["negative"][1]["text"] == [by_class[chain[1]][0], 2]
    assert titled["clip skip"][1] == {"stop_at_clip_layer": -2, "clip": [chosen, 1]}
    assert sampler[1]["seed"] == [by_class[chain[0]][0], 3]
    assert (sampler[1]["steps"], titled["checkpoint"][1]["ckpt_name"]) == (9, "dream.safetensors")
    assert titled["decode"][1]["vae"] == [titled["VAE"][0], 0]
    assert by_class["OrchestratorFeedbackRecorder"][1]["saved"] == [by_class["OrchestratorSaveImage"][0], 0]
    assert "OrchestratorRunRecorder" not in by_class


def test_what_the_canvas_cannot_do_is_told() -> None:
    _, told = exported(
        {**DRAW, "options": {"template": "<lora:ink:1> fox", "seed": 2**60}},
        {"id": "loras", "type": "selectLoras", "when": "has_loras"},
        {"id": "go", "type": "dispatch", "on_error": "retry", "options": {"extra": {"inputs": {"a.b": 1}}}},
        {"id": "look", "type": "scoreImages", "options": {"compare": "tagger"}},
        batch=[{"vary": "go.cfg", "values": [5, 7]}],
    )
    for piece in (
        "The batch (it varies go.cfg)", "'loras' is done only when this is so: has_loras", "'go' has on_error: retry",
        "'go': its option 'extra'", "'look': its option 'compare'", "seed 1152921504606846976 is larger",
        "lora", "'go' names no checkpoint", "Scorer Model", "keeps what the canvas cannot do",
    ):  # fmt: skip
        assert piece in told


def test_what_it_can_do_needs_no_words() -> None:
    assert exported(DRAW, GO)[1] == ""


def test_stages_that_are_off_are_bypassed_and_what_renders_is_muted() -> None:
    off = {"enabled": False}
    workflow, _ = exported(
        DRAW,
        {"id": "tale", "type": "followStory", **off},
        {"id": "more", "type": "llmEnhance", **off},
        {"id": "loras", "type": "selectLoras", **off},
        GO,
        {"id": "again", "type": "dispatch", **off},
    )
    modes = {node["title"]: node["mode"] for node in workflow["nodes"]}
    assert [modes[name] for name in ("Story Memory", "LLM Enhance", "LoRA Selector")] == [4, 4, 4]
    assert (modes["sampler: go"], modes["sampler: again"], modes["Save Image With Origin: again"]) == (0, 2, 2)
    graph = graph_from_workflow(workflow, OUR_NODES)
    prompt = next(key for key, node in graph.items() if node["class_type"] == "OrchestratorWildcardPrompt")
    texts = {node["_meta"]["title"]: node["inputs"].get("text") for node in graph.values()}
    assert (texts["positive: go"], texts["negative: go"]) == ([prompt, 0], [prompt, 1])


def test_a_second_checkpoint_gets_the_loras_that_were_chosen() -> None:
    workflow, _ = exported(
        DRAW, {"id": "loras", "type": "selectLoras"}, GO,
        {"id": "other", "type": "dispatch", "options": {"checkpoint": "second"}},
    )  # fmt: skip
    graph = graph_from_workflow(workflow, OUR_NODES)
    titled = {node["_meta"]["title"]: node["inputs"] for node in graph.values()}
    stacked = graph[titled["sampler: other"]["model"][0]]
    assert stacked["class_type"] == "OrchestratorLoRAStackApply"
    assert graph[stacked["inputs"]["model"][0]]["inputs"]["ckpt_name"] == "second.safetensors"


def test_a_pipeline_that_is_given_its_prompt_is_refused() -> None:
    with pytest.raises(PipelineError, match=r"'go' \(dispatch\) begins with a prompt .* put a stage"):
        exported(GO)


# from the canvas


def test_what_is_changed_on_the_canvas_is_changed_in_the_pipeline_and_nothing_else() -> None:
    workflow = workflow_of(bundled_pipeline("story"), checkpoint="first.safetensors").workflow
    of_class(workflow, "KSampler")["widgets_values"][2] = 33
    of_class(workflow, "OrchestratorLLMEnhance")["mode"] = 4
    found = {stage.id: stage for stage in pipeline_of(workflow).pipeline.stages}
    before = {stage.id: stage for stage in bundled_pipeline("story").stages}
    assert found["render"].options == {"steps": 33}
    assert found["enhance"] == before["enhance"].model_copy(update={"enabled": False})
    assert [found[name] for name in ("draw", "scene", "loras")] == [before[name] for name in ("draw", "scene", "loras")]


def test_a_seed_by_chance_is_no_seed_however_often_it_ran() -> None:
    workflow = workflow_of(bundled_pipeline("quick")).workflow
    values = of_class(workflow, "OrchestratorWildcardPrompt")["widgets_values"]
    place = values.index("randomize") - 1
    values[place] = 8_273_649
    assert "seed" not in pipeline_of(workflow).pipeline.stages[0].options
    values[place + 1] = "fixed"
    assert pipeline_of(workflow).pipeline.stages[0].options["seed"] == 8_273_649


def test_an_image_seed_by_chance_is_the_prompts() -> None:
    workflow = workflow_of(pipeline_from([DRAW, {**GO, "options": {"checkpoint": "dream", "seed": 9}}])).workflow
    sampler = of_class(workflow, "KSampler")
    del sampler["properties"][MARK]
    assert pipeline_of(workflow).pipeline.stages[1].options == {"checkpoint": "dream.safetensors", "seed": 9}
    sampler["widgets_values"][1] = "randomize"
    assert pipeline_of(workflow).pipeline.stages[1].options == {"checkpoint": "dream.safetensors"}


def test_what_the_canvas_does_not_show_is_told_when_it_comes_back() -> None:
    """A workflow may be a stranger's."""
    go = {**GO, "on_error": "skip", "options": {"extra": {"inputs": {"a.b": 1}}}}
    stages = [DRAW, {"id": "loras", "type": "selectLoras", "when": "has_loras"}, go]
    pipeline = pipeline_from({"stages": stages, "batch": [{"vary": "seeds", "first": 1, "count": 3}]})
    assert pipeline_of(workflow_of(pipeline).workflow).kept == (
        "Stage 'loras' is done only when this is so: has_loras.",
        "Stage 'go' has on_error: skip.",
        'Stage \'go\' has extra: {"inputs": {"a.b": 1}}.',
        "A batch varies seeds: 3 items.",
    )
    assert pipeline_of(workflow_of(FULL).workflow).kept == ()


def test_a_workflow_that_is_shared_says_nothing_of_the_pipeline_that_it_was() -> None:
    workflow = workflow_of(pipeline_from([DRAW, {**GO, "options": {"checkpoint": "ann/secret"}}])).workflow
    assert "ann/" in json.dumps(workflow)
    shared = share_workflow(workflow, "live").template
    assert MARK not in json.dumps(shared)
    assert "ann/" not in json.dumps(shared)


EXAMPLES = Path(__file__).parents[3] / "example_workflows"


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("03_negative_follows", "draw render"),
        ("08_loras_that_fit", "draw loras render"),
        ("09_a_story_of_scenes", "draw scene render"),
        ("10_enhanced_prompts", "draw enhance loras render"),
        ("11_prompts_that_get_better", "draw render score"),
    ],
)
def test_the_bundled_workflows_are_pipelines(name: str, ids: str) -> None:
    found = pipeline_of(json.loads((EXAMPLES / f"{name}.json").read_text("utf-8")), name=name)
    assert " ".join(stage.id for stage in checked(found.pipeline).stages) == ids
    assert found.told == ()


def test_a_graph_says_what_it_does_without_the_canvas() -> None:
    graph = graph_from_workflow(workflow_of(FULL).workflow, OUR_NODES)
    found = pipeline_of(graph, name="Mine").pipeline
    assert found.name == "Mine"
    assert [(stage.id, stage.type) for stage in found.stages] == [
        (name, kind) for name, kind in zip(("draw", "scene", "enhance", "loras", "render", "score"), SIX, strict=True)
    ]
    assert dict(found.stages[4].options) == {
        "checkpoint": "dream.safetensors", "clip_skip": 2, "vae": "v.safetensors", "steps": 9,
    }  # fmt: skip
    assert checked(found)


def test_foreign_nodes_are_passed_over_and_told() -> None:
    workflow = workflow_of(pipeline_from([DRAW, GO])).workflow
    sampler = of_class(workflow, "KSampler")
    number = sampler["inputs"][0]["link"]
    link = next(link for link in workflow["links"] if link[0] == number)
    foreign = {
        "id": 77, "type": "FreeU_Foreign", "mode": 0, "order": 5, "widgets_values": [1.3, "x"],
        "inputs": [{"name": "model", "type": "MODEL", "link": 900}],
        "outputs": [{"name": "MODEL", "type": "MODEL", "links": [number]}],
    }  # fmt: skip
    workflow["nodes"].append(foreign)
    workflow["links"].append([900, link[1], link[2], 77, 0, "MODEL"])
    link[1], link[2] = 77, 0
    found = pipeline_of(workflow)
    assert found.pipeline == pipeline_from([DRAW, GO])
    assert found.told == ("Passed over, as no pipeline has them: FreeU_Foreign.",)


def test_profiles_that_a_loader_chose_are_the_stages() -> None:
    graph = graph_from_workflow(workflow_of(pipeline_from([DRAW, GO])).workflow, OUR_NODES)
    loader = {"character": "mira", "style": "gouache", "more": "tom, ann"}
    graph["80"] = {"class_type": "OrchestratorProfileLoader", "inputs": {**loader, "profiles": ["81", 0]}}
    graph["81"] = {"class_type": "OrchestratorProfileLoader", "inputs": {"character": "first"}}
    prompt = next(node for node in graph.values() if node["class_type"] == NODES["generatePrompt"])
    prompt["inputs"]["profiles"] = ["80", 0]
    found = pipeline_of(graph)
    assert found.pipeline.stages[0].options["profiles"] == "first, mira, gouache, tom, ann"
    assert found.told == ()


def test_a_value_that_another_node_makes_is_told_and_one_that_it_holds_is_taken() -> None:
    graph = graph_from_workflow(workflow_of(pipeline_from([DRAW, GO])).workflow, OUR_NODES)
    graph["80"] = {"class_type": "PrimitiveInt", "inputs": {"value": 31}}
    graph["81"] = {"class_type": "Foreign", "inputs": {"a": 1, "b": 2}}
    sampler = next(node for node in graph.values() if node["class_type"] == "KSampler")
    sampler["inputs"] |= {"steps": ["80", 0], "cfg": ["81", 0]}
    found = pipeline_of(graph)
    assert found.pipeline.stages[1].options == {"checkpoint": "dream.safetensors", "steps": 31}
    assert "What 'sampler' has as cfg comes from another node, and is not in the pipeline." in found.told


def test_a_second_pass_and_what_else_no_pipeline_has_is_told() -> None:
    graph = graph_from_workflow(
        workflow_of(pipeline_from([DRAW, {"id": "more", "type": "llmEnhance"}, GO])).workflow, OUR_NODES
    )
    first = next(key for key, node in graph.items() if node["class_type"] == "KSampler")
    graph["80"] = {"class_type": "LatentUpscaleBy", "inputs": {"samples": [first, 0]}}
    second = copy.deepcopy(graph[first])
    graph["81"] = {**second, "inputs": {**second["inputs"], "latent_image": ["80", 0]}, "_meta": {"title": "larger"}}
    graph["82"] = {"class_type": "SamplerCustomAdvanced", "inputs": {"latent_image": ["80", 0]}}
    graph["83"] = {"class_type": "OrchestratorRetryUntil", "inputs": {}}
    next(node for node in graph.values() if node["class_type"] == "OrchestratorLLMModel")["inputs"]["backend"] = (
        "openai"
    )
    found = pipeline_of(graph)
    assert [stage.id for stage in found.pipeline.stages] == ["draw", "enhance", "render"]
    assert found.told == (
        "'larger' renders on what 'sampler' rendered, and is left out.",
        "Passed over, as no pipeline has them: OrchestratorRetryUntil, SamplerCustomAdvanced.",
        "Which language model is asked is not in the pipeline: it is set where the pipeline runs.",
    )


def test_one_inside_a_subgraph_is_found() -> None:
    inner = workflow_of(pipeline_from([DRAW, GO])).workflow
    links = [dict(zip(("id", "origin_id", "origin_slot", "target_id", "target_slot", "type"), link, strict=True))
             for link in inner["links"]]  # fmt: skip
    definition = {"id": "abc", "nodes": inner["nodes"], "links": links, "inputs": [], "outputs": []}
    outer = {"nodes": [{"id": 500, "type": "abc", "mode": 0}], "links": [], "definitions": {"subgraphs": [definition]}}
    assert [stage.id for stage in pipeline_of(outer).pipeline.stages] == ["draw", "go"]


def test_two_prompts_in_one_image_are_refused() -> None:
    graph = graph_from_workflow(workflow_of(pipeline_from([DRAW, GO])).workflow, OUR_NODES)
    second = copy.deepcopy(next(node for node in graph.values() if node["class_type"] == NODES["generatePrompt"]))
    graph["90"] = {**second, "_meta": {"title": "he"}}
    encoder = next(node for node in graph.values() if node["_meta"]["title"] == "negative")
    encoder["inputs"]["text"] = ["90", 1]
    with pytest.raises(PipelineError, match="of 'Wildcard Prompt' and of 'he': a pipeline has one prompt at a time"):
        pipeline_of(graph)


def test_a_prompt_that_goes_two_ways_is_refused() -> None:
    workflow, told = exported(
        DRAW, {"id": "a", "type": "llmEnhance"}, {"id": "b", "type": "llmEnhance", "needs": ["draw"]}, GO
    )  # fmt: skip
    assert "'b' does not go on from the one before it" in told
    with pytest.raises(PipelineError, match="goes two ways, through 'LLM Enhance: a' and through 'LLM Enhance: b'"):
        pipeline_of(workflow)


def test_a_workflow_of_more_stages_than_a_pipeline_has_is_refused_before_it_is_followed() -> None:
    graph = {str(n): {"class_type": "KSampler", "inputs": {"model": [str(n + 1), 0]}} for n in range(20_000)}
    with pytest.raises(PipelineError, match="has 20,000 nodes that are stages, and 200 are the most"):
        pipeline_of(graph)


def test_a_few_subgraphs_that_stand_for_billions_of_nodes_are_refused_before_they_are_opened() -> None:
    levels = [[{"id": n, "type": str(level + 1), "inputs": [], "outputs": []} for n in range(10)] for level in range(9)]
    subgraphs = [{"id": str(level), "nodes": nodes, "links": []} for level, nodes in enumerate(levels)]
    workflow = {"nodes": levels[0], "links": [], "definitions": {"subgraphs": subgraphs[1:]}}
    with pytest.raises(FormatError, match="stands for more than 20,000 nodes"):
        pipeline_of(workflow)


@pytest.mark.parametrize("source", [{"nodes": []}, {"1": {"class_type": "KSampler", "inputs": {}}}])
def test_without_a_prompt_of_ours_there_is_no_pipeline(source: Any) -> None:
    with pytest.raises(PipelineError, match="no Wildcard Prompt, which a pipeline begins with"):
        pipeline_of(source)


@pytest.mark.parametrize("source", [[], {}, "x", {"nodes": [3]}, {"nodes": [{"id": 1, "type": None}], "links": [7]}])
def test_what_is_no_workflow_is_refused(source: Any) -> None:
    with pytest.raises((FormatError, PipelineError)):
        pipeline_of(source)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


@given(st.data())
@settings(max_examples=50)
def test_a_damaged_workflow_gives_an_error_for_people_or_a_pipeline(data: st.DataObject) -> None:
    workflow = workflow_of(FULL).workflow
    node = data.draw(st.sampled_from(workflow["nodes"]))
    place = data.draw(st.sampled_from([*node, "properties.mark"]))
    value = data.draw(json_values)
    if place == "properties.mark":
        node["properties"][MARK] = value
    else:
        node[place] = value
    with suppress(FormatError, PipelineError):
        pipeline_of(workflow)


def test_a_node_that_was_copied_is_a_stage_of_its_own() -> None:
    graph_of = workflow_of(pipeline_from([DRAW, {"id": "more", "type": "llmEnhance", "options": {"amount": 4}}, GO]))
    workflow = graph_of.workflow
    node = copy.deepcopy(of_class(workflow, "OrchestratorLLMEnhance"))
    before = next(link for link in workflow["links"] if link[0] == node["inputs"][0]["link"])
    workflow["nodes"].append({**node, "id": 300, "inputs": [{"name": "draft", "type": "PROMPT_DRAFT", "link": 901}]})
    workflow["links"].append([901, of_class(workflow, "OrchestratorLLMEnhance")["id"], 0, 300, 0, before[5]])
    found = pipeline_of(workflow).pipeline.stages
    assert [(stage.id, stage.options) for stage in found if stage.type == "llmEnhance"] == [
        ("more", {"amount": 4}), ("more2", {"amount": 4}),
    ]  # fmt: skip
