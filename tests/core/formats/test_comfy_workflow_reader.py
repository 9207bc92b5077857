"""Workflows as people save them: muted, bypassed, rerouted, with primitives and subgraphs."""

from __future__ import annotations

import copy
import json
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

REQUEST = GenerationRequest("a fox", "bad", (LoraUse("ink.pt"),), "sd15.ckpt", seed=9)
GRAPH = text_to_image_graph(REQUEST)


def workflow() -> dict[str, Any]:
    return workflow_from_graph(GRAPH)


def node(flow: dict[str, Any], kind: str) -> dict[str, Any]:
    return next(item for item in flow["nodes"] if item["type"] == kind)


def test_a_bypassed_lora_is_passed_through() -> None:
    flow = workflow()
    node(flow, "LoraLoader")["mode"] = 4
    graph = graph_from_workflow(flow)
    assert "2" not in graph
    assert graph["3"]["inputs"]["clip"] == ["1", 1]
    assert graph["6"]["inputs"]["model"] == ["1", 0]


def test_a_muted_node_and_the_links_from_it_are_gone() -> None:
    flow = workflow()
    node(flow, "VAEDecode")["mode"] = 2
    graph = graph_from_workflow(flow)
    assert "VAEDecode" not in [item["class_type"] for item in graph.values()]
    assert "images" not in next(item for item in graph.values() if item["class_type"] == "SaveImage")["inputs"]


def reroute(flow: dict[str, Any], number: int, link: int) -> None:
    """Put a Reroute into a link."""
    old = next(item for item in flow["links"] if item[0] == link)
    new = [900 + number, *old[1:3], number, 0, old[5]]
    old[1:3] = [number, 0]
    flow["links"].append(new)
    entry = {
        "inputs": [{"name": "", "type": "*", "link": new[0]}],
        "outputs": [{"name": "", "type": "*", "links": [link]}],
    }
    flow["nodes"].append({"id": number, "type": "Reroute", "order": 0, "mode": 0, "widgets_values": [], **entry})


def test_reroutes_and_notes_leave_no_trace() -> None:
    flow = workflow_from_graph(GRAPH, note="read me")
    for number, link in enumerate([link[0] for link in flow["links"]], 100):
        reroute(flow, number, link)
        reroute(flow, number + 100, link)
    assert graph_from_workflow(flow) == GRAPH


def test_a_cycle_of_reroutes_is_an_error() -> None:
    flow = workflow()
    reroute(flow, 100, 1)
    flow["links"][-1][1:3] = [100, 0]
    with pytest.raises(FormatError, match="cycle"):
        graph_from_workflow(flow)


def test_a_primitive_gives_its_value() -> None:
    flow = workflow()
    sampler = node(flow, "KSampler")
    sampler["inputs"].append({"name": "seed", "type": "INT", "link": 500, "widget": {"name": "seed"}})
    flow["links"].append([500, 99, 0, sampler["id"], 4, "INT"])
    flow["nodes"].append({"id": 99, "type": "PrimitiveNode", "order": 0, "mode": 0, "widgets_values": [4711, "fixed"]})
    assert graph_from_workflow(flow)[str(sampler["id"])]["inputs"]["seed"] == 4711


def with_subgraph() -> dict[str, Any]:
    """The encoder inside a subgraph, whose inputs are the text and the clip, and whose output is its conditioning."""
    flow = workflow()
    encoder = node(flow, "CLIPTextEncode")
    inner = copy.deepcopy(encoder)
    inner["id"] = 3
    inner["inputs"] = [
        {"name": "clip", "type": "CLIP", "link": 1},
        {"name": "text", "type": "STRING", "link": 3, "widget": {"name": "text"}},
    ]
    keys = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")
    links = [(1, -10, 0, 3, 0, "CLIP"), (2, 3, 0, -20, 0, "CONDITIONING"), (3, -10, 1, 3, 1, "STRING")]
    definition = {"id": "uuid", "nodes": [inner], "links": [dict(zip(keys, link, strict=True)) for link in links]}
    encoder["type"] = "uuid"
    encoder["inputs"].append({"name": "text", "type": "STRING", "link": None, "widget": {"name": "text"}})
    return {**flow, "definitions": {"subgraphs": [definition]}}


def test_a_subgraph_is_flattened() -> None:
    flow = with_subgraph()
    number = str(node(flow, "uuid")["id"])
    node(flow, "uuid")["widgets_values"] = ["an owl"]
    graph = graph_from_workflow(flow)
    assert number not in graph
    assert graph[f"{number}:3"]["inputs"] == {"text": "an owl", "clip": GRAPH[number]["inputs"]["clip"]}
    assert [f"{number}:3", 0] in graph["6"]["inputs"].values()
    node(flow, "uuid")["widgets_values"] = []
    assert graph_from_workflow(flow)[f"{number}:3"]["inputs"]["text"] == "a fox"


def test_a_subgraph_that_contains_itself_is_an_error() -> None:
    flow = with_subgraph()
    flow["definitions"]["subgraphs"][0]["nodes"].append({"id": 8, "type": "uuid", "inputs": [], "outputs": []})
    with pytest.raises(FormatError, match="contain one another"):
        graph_from_workflow(flow)


def test_subgraphs_that_stand_for_billions_of_nodes_are_an_error() -> None:
    levels = [
        {"id": str(n), "nodes": [{"id": m, "type": str(n + 1), "inputs": []} for m in range(4)], "links": []}
        for n in range(30)
    ]
    leaf = {"id": "30", "nodes": [{"id": 1, "type": "VAEDecode", "inputs": []}], "links": []}
    flow = {"nodes": [{"id": 1, "type": "0"}], "links": [], "definitions": {"subgraphs": [*levels, leaf]}}
    with pytest.raises(FormatError, match="more than 20,000 nodes"):
        graph_from_workflow(flow)


def test_an_unknown_class_is_read_from_its_slots_or_named() -> None:
    widget = {"name": "amount", "type": "INT", "widget": {"name": "amount"}, "link": None}
    unknown = {"id": 1, "type": "Strange", "inputs": [widget], "widgets_values": [3]}
    assert graph_from_workflow({"nodes": [unknown]})["1"]["inputs"] == {"amount": 3}
    with pytest.raises(FormatError, match=r"Node 1 \(Strange\).*/object_info"):
        graph_from_workflow({"nodes": [{**unknown, "inputs": []}]})


def test_values_stored_by_name_and_lists_are_read() -> None:
    named = {"id": 1, "type": "VHS", "widgets_values": {"rate": 8, "list": [1, 2]}}
    assert graph_from_workflow({"nodes": [named]})["1"]["inputs"] == {"rate": 8, "list": {"__value__": [1, 2]}}


def test_a_workflow_that_forgot_the_control_of_its_seed_is_read() -> None:
    flow = workflow()
    node(flow, "KSampler")["widgets_values"].remove("fixed")
    assert graph_from_workflow(flow) == GRAPH


@pytest.mark.parametrize("value", [None, [], {}, {"nodes": {}}, {"nodes": [3]}, {"nodes": [{}]}, GRAPH])
def test_what_is_no_workflow_is_refused(value: Any) -> None:
    with pytest.raises(FormatError, match="workflow"):
        graph_from_workflow(value)


JUNK = st.recursive(
    st.none() | st.integers(-20, 9) | st.sampled_from(["KSampler", "Reroute", "*", "seed"]),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(
        st.sampled_from(["id", "type", "inputs", "outputs", "link", "links", "widgets_values", "mode", "name"]),
        inner,
    ),
    max_leaves=12,
)  # fmt: skip


@given(st.lists(JUNK), st.lists(JUNK))
def test_any_value_is_read_or_refused(nodes: list[Any], links: list[Any]) -> None:
    try:
        graph = graph_from_workflow({"nodes": nodes, "links": links})
    except FormatError:
        return
    json.dumps(graph)
