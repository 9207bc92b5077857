"""Drawing before queueing, on what the browser and programs send."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comfy_nodes.canvas import find_node
from comfy_nodes.populate import PATIENCE, Populate
from comfy_nodes.services import Services
from comfy_nodes.widgets import WIDGETS
from orchestrator_core.template import Template, Wildcards

NODE = "OrchestratorWildcardPrompt"
TEMPLATE = "a __colour__ {fox|owl|lynx} in {snow|rain|fog|dust}"


class Window:
    """A browser that remembers what it was sent."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, Any], str]] = []

    def send(self, event: str, data: Any, client: str) -> None:
        self.got.append((event, data, client))


@pytest.fixture
def wildcards(tmp_path: Path) -> Wildcards:
    (tmp_path / "colour.txt").write_text("red\nblue\ngreen\nochre\n")
    found = Wildcards(tmp_path)
    found.names()
    return found


def wildcard_node(**inputs: Any) -> dict[str, Any]:
    return {"class_type": NODE, "inputs": {"template": TEMPLATE, "mode": "populate", "seed": 7, **inputs}}


def canvas_node(node_id: int, **values: Any) -> dict[str, Any]:
    held = {"template": TEMPLATE, "mode": "populate", "seed": 7, "control_after_generate": "fixed", **values}
    return {"id": node_id, "type": NODE, "widgets_values": [held.get(name, "") for name in WIDGETS]}


def body(prompt: dict[str, Any], workflow: Any = None, client: str = "me") -> dict[str, Any]:
    return {"prompt": prompt, "client_id": client, "extra_data": {"extra_pnginfo": {"workflow": workflow}}}


def populated(wildcards: Wildcards, sent: dict[str, Any], window: Window | None = None) -> dict[str, Any]:
    return Populate(Services(wildcards, (window or Window()).send))(sent)


def drawn(wildcards: Wildcards, seed: int = 7, template: str = TEMPLATE) -> str:
    return Template(template).draw(wildcards, seed).positive


def widget(node: dict[str, Any], name: str) -> Any:
    return node["widgets_values"][WIDGETS.index(name)]


def test_the_text_is_in_the_prompt_the_workflow_the_image_and_the_window(wildcards: Wildcards):
    window, workflow = Window(), {"nodes": [canvas_node(4)]}
    sent = populated(wildcards, body({"4": wildcard_node()}, workflow), window)
    expected = drawn(wildcards)
    assert sent["prompt"]["4"]["inputs"]["populated_text"] == expected
    assert widget(workflow["nodes"][0], "populated_text") == expected
    assert widget(workflow["nodes"][0], "template") == TEMPLATE
    assert sent["extra_data"]["extra_pnginfo"]["orchestrator"]["template"] == TEMPLATE
    ((event, data, client),) = window.got
    assert (event, data["node"], data["positive"], client) == ("orchestrator.populated", "4", expected, "me")
    assert "".join(word["text"] for word in data["words"]) == expected


def test_only_the_window_that_asked_is_told(wildcards: Wildcards):
    window = Window()
    populated(wildcards, body({"4": wildcard_node()}, client=""), window)
    populated(wildcards, {"prompt": {"4": wildcard_node()}}, window)
    assert window.got == []


def test_a_program_without_a_workflow_gets_the_origin_into_its_images(wildcards: Wildcards):
    sent = populated(wildcards, {"prompt": {"4": wildcard_node()}})
    assert sent["extra_data"]["extra_pnginfo"]["orchestrator"]["prompt_seed"] == 7


def test_a_fixed_text_stays(wildcards: Wildcards):
    node = wildcard_node(mode="fixed", populated_text="mine")
    sent = populated(wildcards, body({"4": node}, {"nodes": [canvas_node(4, mode="fixed", populated_text="mine")]}))
    assert sent["prompt"]["4"]["inputs"]["populated_text"] == "mine"
    assert widget(sent["extra_data"]["extra_pnginfo"]["workflow"]["nodes"][0], "populated_text") == "mine"


def test_linked_constants_count_as_what_they_hold(wildcards: Wildcards):
    prompt = {
        "1": {"class_type": "PrimitiveInt", "inputs": {"value": 99}},
        "2": {"class_type": "Reroute", "inputs": {"": ["1", 0]}},
        "3": {"class_type": "PrimitiveStringMultiline", "inputs": {"value": "a {cat|dog|cow|hen}"}},
        "4": wildcard_node(seed=["2", 0], template=["3", 0]),
    }
    sent = populated(wildcards, body(prompt))
    assert sent["prompt"]["4"]["inputs"]["populated_text"] == drawn(wildcards, 99, "a {cat|dog|cow|hen}")
    assert sent["prompt"]["4"]["inputs"]["seed"] == ["2", 0]


def test_a_node_of_ours_may_feed_another(wildcards: Wildcards):
    prompt = {"9": wildcard_node(template=["4", 0], seed=["4", 3]), "4": wildcard_node(template="{{a|b}|{c|d}}")}
    sent = populated(wildcards, body(prompt))
    assert sent["prompt"]["9"]["inputs"]["populated_text"] == drawn(wildcards, 7, "{{a|b}|{c|d}}")


@pytest.mark.parametrize(
    "link",
    [["8", 0], ["missing", 0], ["4", 0], ["1", 1]],
    ids=["a node that computes", "no node", "itself", "another output"],
)
def test_what_only_the_run_can_tell_is_left_to_it(wildcards: Wildcards, link: list[Any]):
    prompt = {
        "1": {"class_type": "PrimitiveInt", "inputs": {"value": 99}},
        "8": {"class_type": "LLM", "inputs": {"text": "x"}},
        "4": wildcard_node(template=link, populated_text="of an earlier run"),
        "5": wildcard_node(),
    }
    sent = populated(wildcards, body(prompt))
    assert sent["prompt"]["4"]["inputs"]["populated_text"] == ""
    assert sent["prompt"]["5"]["inputs"]["populated_text"] == drawn(wildcards)


def test_a_seed_that_changes_nothing_is_taken_out_of_the_caches_key(wildcards: Wildcards):
    plain = wildcard_node(template="a red fox", seed=1234)
    assert populated(wildcards, body({"4": plain}))["prompt"]["4"]["inputs"]["seed"] == 0
    used = {"4": wildcard_node(template="a red fox", seed=1234), "5": {"inputs": {"seed": ["4", 3]}}}
    assert populated(wildcards, body(used))["prompt"]["4"]["inputs"]["seed"] == 1234
    drawn_from = {"4": wildcard_node(seed=1234)}
    assert populated(wildcards, body(drawn_from))["prompt"]["4"]["inputs"]["seed"] == 1234


def test_nodes_in_subgraphs_are_found(wildcards: Wildcards):
    inner = {"id": "inner-id", "nodes": [canvas_node(3)]}
    outer = {"id": "outer-id", "nodes": [{"id": 5, "type": "inner-id"}]}
    workflow = {"nodes": [{"id": 12, "type": "outer-id"}], "definitions": {"subgraphs": [inner, outer]}}
    populated(wildcards, body({"12:5:3": wildcard_node()}, workflow))
    assert widget(inner["nodes"][0], "populated_text") == drawn(wildcards)
    assert find_node(workflow, "12:5:4") is None


def test_a_workflow_with_other_widgets_is_left_as_it_is(wildcards: Wildcards):
    old = {"nodes": [{"id": 4, "type": NODE, "widgets_values": ["a {fox|owl}", "", "populate"]}]}
    other = {"nodes": [{"id": 4, "type": "KSampler", "widgets_values": [1] * 20}]}
    for workflow in (old, other):
        before = json.loads(json.dumps(workflow))
        populated(wildcards, body({"4": wildcard_node()}, workflow))
        assert workflow == before


def test_a_slow_draw_does_not_hold_up_the_server(wildcards: Wildcards):
    class Slow(Wildcards):
        def look(self) -> None:
            time.sleep(0.4)

    sent = body({"4": wildcard_node(populated_text="of an earlier run")})
    start = time.monotonic()
    Populate(Services(Slow(wildcards.roots), Window().send))(sent)
    assert time.monotonic() - start < 0.3 > PATIENCE
    assert sent["prompt"]["4"]["inputs"]["populated_text"] == ""
    time.sleep(0.5)
    assert sent["prompt"]["4"]["inputs"]["populated_text"] == ""  # the late draw changes nothing


def test_a_broken_setting_is_left_for_the_node_to_explain(wildcards: Wildcards):
    for inputs in ({"dialect": "klingon"}, {"seed": -1}, {"method": "combinatorial", "index": 10**9}, {"seed": "x"}):
        sent = populated(wildcards, body({"4": wildcard_node(**inputs)}))
        assert sent["prompt"]["4"]["inputs"]["populated_text"] == ""


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from([NODE, "4", "nodes"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["4", "nodes", "id", "type", "definitions", "subgraphs", "x"]), inner, max_size=4
        )
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["prompt", "extra_data", "client_id"]), JSON), JSON, JSON)
def test_nothing_that_is_sent_stops_the_queue(sent: dict[str, Any], workflow: Any, inputs: Any):
    handler = Populate(Services(Wildcards([]), Window().send))
    assert handler(sent) is sent
    node = {"class_type": NODE, "inputs": inputs}
    for hostile in ({"prompt": {"4": node}}, body({"4": wildcard_node()}, workflow), body({"4": node}, workflow)):
        assert handler(hostile) is hostile


def test_a_subgraph_inside_itself_ends():
    workflow = {"nodes": [{"id": 1, "type": "g"}], "definitions": {"subgraphs": [
        {"id": "g", "nodes": [{"id": 1, "type": "g"}]}]}}  # fmt: skip
    assert find_node(workflow, ":".join("1" * 500)) is None
