from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.errors import FormatError
from orchestrator_core.formats.comfy_graph import text_to_image_graph
from orchestrator_core.formats.comfy_workflow import workflow_from_graph
from orchestrator_core.formats.comfy_workflow_reader import graph_from_workflow
from orchestrator_core.prompt import LoraUse
from orchestrator_core.request import GenerationRequest
from tests.core.formats.test_comfy_graph import REQUESTS, advanced_graph

OBJECT_INFO = json.loads((Path(__file__).parents[2] / "data" / "object_info.json").read_text())
REQUEST = GenerationRequest("a {fox}", "bad", (LoraUse("ink.pt", 0.5, 0.25),), "sd15", clip_skip=2, vae="v.pt", seed=9)
TITLE_BAR = 30  # pixels that a node has above its position
# Texts that have an escaped form; the others get a node of their own in text_to_image_graph.
TEXTS = st.text(st.characters(exclude_characters="\\/"))


def value_of(spec: list[Any]) -> st.SearchStrategy[Any]:
    kind = spec[0]
    numbers = {"INT": st.integers(-9, 2**53), "FLOAT": st.floats(-9, 9), "BOOLEAN": st.booleans()}
    return TEXTS if isinstance(kind, list) or kind in ("STRING", "COMBO") else numbers[kind]


def is_widget(spec: list[Any]) -> bool:
    return isinstance(spec[0], list) or spec[0] in ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO")


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, Any]:
    """Any wiring of the recorded classes without a cycle; a socket may stay open, a widget may be linked."""
    graph: dict[str, Any] = {}
    ids = draw(st.lists(st.integers(1, 99), min_size=1, max_size=6, unique=True))
    for number in ids:
        name = draw(st.sampled_from(sorted(OBJECT_INFO)))
        specs = {**OBJECT_INFO[name]["input"].get("required", {}), **OBJECT_INFO[name]["input"].get("optional", {})}
        earlier = [
            (key, slot) for key, node in graph.items() for slot in range(len(OBJECT_INFO[node["class_type"]]["output"]))
        ]
        inputs: dict[str, Any] = {}
        for key, spec in specs.items():
            linked = bool(earlier) and draw(st.booleans())
            if linked:
                inputs[key] = list(draw(st.sampled_from(earlier)))
            elif is_widget(spec):
                inputs[key] = draw(value_of(spec))
        graph[str(number)] = {
            "class_type": name,
            "inputs": inputs,
            "_meta": {"title": draw(st.text(min_size=1, max_size=3))},
        }
    return graph


@given(graphs())
def test_any_graph_comes_back_exactly(graph: dict[str, Any]) -> None:
    workflow = json.loads(json.dumps(workflow_from_graph(graph, OBJECT_INFO)))
    assert graph_from_workflow(workflow, OBJECT_INFO) == graph


@given(REQUESTS)
def test_our_own_graph_needs_no_server(request_: GenerationRequest) -> None:
    graph = text_to_image_graph(request_)
    assert graph_from_workflow(workflow_from_graph(graph)) == graph


def test_our_own_definitions_make_the_workflow_that_a_servers_make() -> None:
    graph = text_to_image_graph(REQUEST)
    assert workflow_from_graph(graph) == workflow_from_graph(graph, OBJECT_INFO)


def test_foreign_graphs_come_back() -> None:
    graph = {key: {**node, "_meta": {"title": f"node {key}"}} for key, node in advanced_graph().items()}
    back = graph_from_workflow(workflow_from_graph(graph, OBJECT_INFO), OBJECT_INFO)
    assert back.keys() == graph.keys()
    for key, node in graph.items():  # inputs that were left to their defaults are written out
        assert node["inputs"].items() <= back[key]["inputs"].items()


def test_seed_widgets_have_a_control_behind_them() -> None:
    workflow = workflow_from_graph(text_to_image_graph(REQUEST))
    sampler = next(node for node in workflow["nodes"] if node["type"] == "KSampler")
    assert sampler["widgets_values"] == [9, "fixed", 20, 7.0, "euler", "normal", 1.0]
    assert [item["name"] for item in sampler["inputs"]] == ["model", "positive", "negative", "latent_image"]


def test_braces_of_a_final_prompt_are_escaped_for_the_canvas() -> None:
    workflow = workflow_from_graph(text_to_image_graph(REQUEST))
    assert next(node for node in workflow["nodes"] if node["title"] == "positive")["widgets_values"] == ["a \\{fox}"]


def test_every_link_is_known_at_both_ends() -> None:
    workflow = workflow_from_graph(text_to_image_graph(REQUEST))
    nodes = {node["id"]: node for node in workflow["nodes"]}
    for number, origin, slot, target, target_slot, _ in workflow["links"]:
        assert number in nodes[origin]["outputs"][slot]["links"]
        assert nodes[target]["inputs"][target_slot]["link"] == number
    assert workflow["last_link_id"] == len(workflow["links"])
    assert workflow["last_node_id"] == max(nodes)


@given(graphs(), st.text(max_size=3))
def test_nodes_do_not_overlap_and_links_go_to_the_right_or_down(graph: dict[str, Any], note: str) -> None:
    workflow = workflow_from_graph(graph, OBJECT_INFO, note=note)
    nodes = {node["id"]: node for node in workflow["nodes"]}
    for link in workflow["links"]:
        assert nodes[link[1]]["pos"] < nodes[link[3]]["pos"]
    for one, other in combinations(workflow["nodes"], 2):
        (x, y), (width, height) = one["pos"], one["size"]
        (other_x, other_y), (other_width, other_height) = other["pos"], other["size"]
        beside = x + width < other_x or other_x + other_width < x
        assert beside or y + height + TITLE_BAR <= other_y or other_y + other_height + TITLE_BAR <= y


@pytest.mark.parametrize("request_", [REQUEST, GenerationRequest("a fox", "a hen")])
def test_our_own_graph_with_its_note_is_readable_on_a_screen(request_: GenerationRequest) -> None:
    """ComfyUI opens a workflow so that all of it is seen; much smaller than 60 %, its words are not drawn any more."""
    nodes = workflow_from_graph(text_to_image_graph(request_), note="# Fox")["nodes"]
    right = max(node["pos"][0] + node["size"][0] for node in nodes) - min(node["pos"][0] for node in nodes)
    below = max(node["pos"][1] + node["size"][1] for node in nodes) - min(node["pos"][1] for node in nodes)
    assert right <= 1_700
    assert below <= 950
    sampler, decode, save = (
        next(node for node in nodes if node["title"] == title) for title in ("sampler", "decode", "save")
    )
    assert sampler["pos"][0] == decode["pos"][0] == save["pos"][0]
    assert sampler["pos"][1] < decode["pos"][1] < save["pos"][1]


def test_a_long_chain_of_nodes_begins_a_new_column_before_it_leaves_the_screen() -> None:
    graph: dict[str, Any] = {"1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "a"}}}
    for number in range(2, 20):
        inputs = {"model": [str(number - 1), 0], "clip": [str(number - 1), 1], "lora_name": f"{number}"}
        graph[str(number)] = {"class_type": "LoraLoader", "inputs": inputs}
    nodes = workflow_from_graph(graph, OBJECT_INFO)["nodes"]
    assert max(node["pos"][1] + node["size"][1] for node in nodes) <= 1_000
    assert len({node["pos"][0] for node in nodes}) < len(nodes) / 3


def test_a_node_can_be_placed_by_hand_and_its_group_goes_with_it() -> None:
    graph = text_to_image_graph(REQUEST)
    workflow = workflow_from_graph(graph, boxes={"1": (5, 600, 320, 98)}, groups={"Model": ["1"]})
    loader, *others = workflow["nodes"]
    assert (loader["pos"], loader["size"]) == ([5, 600], [320, 98])
    assert workflow["groups"][0]["bounding"] == [-15, 520, 360, 198]
    assert [node["pos"] for node in others] == [node["pos"] for node in workflow_from_graph(graph)["nodes"][1:]]


def test_what_makes_a_workflow_good_to_share() -> None:
    graph = text_to_image_graph(REQUEST)
    models = {"sd15.safetensors": {"url": "https://example.org/sd15", "directory": "checkpoints"}}
    workflow = workflow_from_graph(
        graph, note="# Fox", groups={"Prompt": ["4", "5"]}, models=models, extra={"run_id": "r", "template": "a"}
    )
    note = next(node for node in workflow["nodes"] if node["type"] == "MarkdownNote")
    assert note["widgets_values"] == ["# Fox"]
    assert note["title"] == "About this workflow"
    assert workflow["extra"] == {"orchestrator": {"run_id": "r", "template": "a"}}
    loader = next(node for node in workflow["nodes"] if node["type"] == "CheckpointLoaderSimple")
    assert loader["properties"] == {
        "Node name for S&R": "CheckpointLoaderSimple",
        "cnr_id": "comfy-core",
        "models": [{"name": "sd15.safetensors", "url": "https://example.org/sd15", "directory": "checkpoints"}],
    }
    left, top, width, height = workflow["groups"][0]["bounding"]
    inside = [node for node in workflow["nodes"] if node["id"] in (4, 5)]
    assert all(left < node["pos"][0] and node["pos"][0] + node["size"][0] < left + width for node in inside)
    assert all(top < node["pos"][1] and node["pos"][1] + node["size"][1] < top + height for node in inside)
    assert graph_from_workflow(workflow) == graph


def test_ids_that_are_no_numbers_are_replaced() -> None:
    graph = {
        "12:3": {"class_type": "VAELoader", "inputs": {"vae_name": "a"}, "_meta": {"title": "v"}},
        "7": {"class_type": "VAEDecode", "inputs": {"vae": ["12:3", 0]}, "_meta": {"title": "d"}},
    }
    back = graph_from_workflow(workflow_from_graph(graph))
    assert back["7"]["inputs"]["vae"] == ["8", 0]
    assert back["8"]["class_type"] == "VAELoader"


def test_an_unknown_class_is_named() -> None:
    with pytest.raises(FormatError, match="definition of Strange, Stranger: give the /object_info"):
        workflow_from_graph({key: {"class_type": key, "inputs": {}} for key in ("Stranger", "Strange", "KSampler")})


def test_a_cycle_is_laid_out_too() -> None:
    graph = {
        key: {"class_type": "VAEDecode", "inputs": {"vae": [other, 0]}, "_meta": {"title": "t"}}
        for key, other in (("1", "2"), ("2", "1"), ("3", "3"))
    }
    assert graph_from_workflow(workflow_from_graph(graph)) == graph


@pytest.mark.parametrize("info", [{"X": {"input": 5}}, {"X": {"input": {"required": {"a": []}}}}])
def test_a_description_that_is_not_understood_is_an_error(info: dict[str, Any]) -> None:
    with pytest.raises(FormatError, match="node class X"):
        workflow_from_graph({"1": {"class_type": "X", "inputs": {}}}, info)
