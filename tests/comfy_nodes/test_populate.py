"""Drawing before queueing, on what the browser and programs send."""

from __future__ import annotations

import json
import threading
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

DATA = Path(__file__).parents[1] / "data"
NODE = "OrchestratorWildcardPrompt"
TEMPLATE = "a __colour__ {fox|owl|lynx} in {snow|rain|fog|dust}"


class Window:
    """Browser windows, and what they were sent."""

    def __init__(self) -> None:
        self._got: list[tuple[str, dict[str, Any], str]] = []

    def send(self, event: str, data: Any, client: str) -> None:
        self._got.append((event, data, client))

    @property
    def got(self) -> list[tuple[str, dict[str, Any], str]]:
        """All of it; it is sent by threads."""
        for thread in threading.enumerate():
            if thread.name == "orchestrator-draw":
                thread.join(5)
        return self._got


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
    # all the time in the world: what a busy machine does is not what these tests are about
    return Populate(Services(wildcards, (window or Window()).send), patience=30)(sent)


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


def test_texts_that_core_puts_together_count_as_well(wildcards: Wildcards):
    prompt = {
        "1": {"class_type": "PrimitiveString", "inputs": {"value": "a {cat|dog}"}},
        "2": {"class_type": "StringConcatenate", "inputs": {"string_a": ["1", 0], "string_b": "x", "delimiter": ", "}},
        "4": wildcard_node(template=["2", 0]),
    }
    sent = populated(wildcards, body(prompt))
    assert sent["prompt"]["4"]["inputs"]["populated_text"] == drawn(wildcards, 7, "a {cat|dog}, x")


def test_texts_that_double_without_end_are_left_to_the_run(wildcards: Wildcards):
    prompt: dict[str, Any] = {"0": {"class_type": "PrimitiveString", "inputs": {"value": "x" * 1000}}}
    for number in range(1, 45):
        twice = [str(number - 1), 0]
        prompt[str(number)] = {"class_type": "StringConcatenate", "inputs": {"string_a": twice, "string_b": twice}}
    prompt["our"] = wildcard_node(template=["44", 0])
    start = time.monotonic()
    assert populated(wildcards, body(prompt))["prompt"]["our"]["inputs"]["populated_text"] == ""
    assert time.monotonic() - start < 0.5


def test_a_linked_seed_may_be_any_number(wildcards: Wildcards):
    prompt = {"1": {"class_type": "PrimitiveInt", "inputs": {"value": -5}}, "4": wildcard_node(seed=["1", 0])}
    assert populated(wildcards, body(prompt))["prompt"]["4"]["inputs"]["populated_text"] == drawn(wildcards, 2**64 - 5)


def test_a_node_that_draws_its_own_seed_is_not_guessed(wildcards: Wildcards):
    prompt = {"1": {"class_type": "Seed (rgthree)", "inputs": {"seed": -1}}, "4": wildcard_node(seed=["1", 0])}
    assert populated(wildcards, body(prompt))["prompt"]["4"]["inputs"]["populated_text"] == ""


def test_a_fixed_text_may_be_anothers_template(wildcards: Wildcards):
    prompt = {
        "9": wildcard_node(template=["4", 0], seed=["4", 3]),
        "4": wildcard_node(mode="fixed", populated_text="the {cat|dog}", seed=3),
    }
    sent = populated(wildcards, body(prompt))
    assert sent["prompt"]["9"]["inputs"]["populated_text"] == drawn(wildcards, 3, "the {cat|dog}")


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


def test_the_seed_of_a_fixed_text_is_no_part_of_the_caches_key_unless_it_is_used(wildcards: Wildcards):
    def seed_of(mine: dict[str, Any], **others: Any) -> int:
        prompt = {"4": mine, **{key: {"class_type": kind, "inputs": held} for key, (kind, held) in others.items()}}
        sent = json.loads(json.dumps(body(prompt)))
        return int(populated(wildcards, sent)["prompt"]["4"]["inputs"]["seed"])

    mine = wildcard_node(mode="fixed", seed=99, populated_text="mine")
    assert seed_of(mine) == 0
    assert seed_of(mine, a=("CLIPTextEncode", {"text": ["4", 0]})) == 0
    assert seed_of(mine, a=("KSampler", {"seed": ["4", 3]})) == 99
    assert seed_of(mine, a=("OrchestratorPromptInspector", {"draft": ["4", 2]})) == 99  # it tells where words are from


def test_a_constant_text_keeps_its_seed_where_llm_enhance_adds_words_by_it(wildcards: Wildcards):
    graph = {
        "2": wildcard_node(template="a fox", seed=41),
        "3": {"class_type": "OrchestratorLoRASelector", "inputs": {"draft": ["2", 2]}},
        "4": {"class_type": "OrchestratorLLMEnhance", "inputs": {"draft": ["3", 3]}},
    }
    Populate(Services(wildcards, Window().send), 5.0)({"prompt": graph})
    assert graph["2"]["inputs"]["seed"] == 41
    del graph["4"]
    Populate(Services(wildcards, Window().send), 5.0)({"prompt": graph})
    assert graph["2"]["inputs"]["seed"] == 0


def test_a_constant_text_keeps_its_seed_for_other_packs_that_read_the_draft(wildcards: Wildcards):
    plain = {"4": wildcard_node(template="a red fox", seed=1234), "5": {"class_type": "X", "inputs": {"d": ["4", 2]}}}
    assert populated(wildcards, body(plain))["prompt"]["4"]["inputs"]["seed"] == 1234
    plain["5"]["class_type"] = "OrchestratorSaveImage"
    assert populated(wildcards, body(plain))["prompt"]["4"]["inputs"]["seed"] == 0


def test_a_program_that_sends_null_as_extra_data_gets_its_images_told_too(wildcards: Wildcards):
    sent = populated(wildcards, {"prompt": {"4": wildcard_node()}, "extra_data": None})
    assert sent["extra_data"]["extra_pnginfo"]["orchestrator"]["template"] == TEMPLATE


def test_the_origin_is_noted_for_one_node_and_for_no_one_of_several(wildcards: Wildcards):
    def noted(prompt: dict[str, Any], **info: Any) -> Any:
        sent = {"prompt": prompt, "extra_data": {"extra_pnginfo": info}}
        return populated(wildcards, sent)["extra_data"]["extra_pnginfo"].get("orchestrator")

    fixed = wildcard_node(mode="fixed", populated_text=drawn(wildcards))
    assert noted({"4": wildcard_node()})["prompt_seed"] == 7
    assert noted({"4": fixed})["template"] == TEMPLATE
    assert noted({"4": fixed | {"inputs": fixed["inputs"] | {"populated_text": "mine"}}}) is None
    assert noted({"4": wildcard_node(), "5": fixed}) is None
    assert noted({"4": wildcard_node()}, orchestrator={"run_id": "of a program"}) == {"run_id": "of a program"}


def test_what_the_real_page_sends_is_populated_at_every_level(wildcards: Wildcards):
    """Captured from ComfyUI 0.3.64 with frontend 1.27.10: a node at the top, one in a subgraph of a subgraph."""
    sent = json.loads((DATA / "comfy_request.json").read_text("utf-8"))
    before = json.loads(json.dumps(sent))
    window = Window()
    populated(wildcards, sent, window)
    workflow = sent["extra_data"]["extra_pnginfo"]["workflow"]
    for node_id in ("1", "6:5:3"):
        text = sent["prompt"][node_id]["inputs"]["populated_text"]
        assert text == drawn(wildcards, 0, before["prompt"][node_id]["inputs"]["template"])
        node = find_node(workflow, node_id)
        assert node is not None
        assert widget(node, "populated_text") == text
        node["widgets_values"][WIDGETS.index("populated_text")] = ""
    assert workflow == before["extra_data"]["extra_pnginfo"]["workflow"]
    assert [data["node"] for _, data, _ in window.got] == ["1", "6:5:3"]


def test_a_subgraph_that_stands_there_twice_holds_no_text_that_is_wrong_for_one(wildcards: Wildcards):
    def texts(*seeds: int) -> Any:
        inner = {"id": "g", "nodes": [canvas_node(3, populated_text="old")]}
        workflow = {"nodes": [{"id": 1, "type": "g"}, {"id": 2, "type": "g"}], "definitions": {"subgraphs": [inner]}}
        nodes = {f"{number}:3": wildcard_node(seed=seed) for number, seed in enumerate(seeds, 1)}
        populated(wildcards, body(nodes, workflow))
        return widget(inner["nodes"][0], "populated_text")

    assert texts(7, 7) == drawn(wildcards)
    assert drawn(wildcards, 1) != drawn(wildcards, 2)
    assert texts(1, 2) == ""


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


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        ({"dialect": "klingon"}, "dialect: Input should be 'dynamicprompts' or 'impact'"),
        ({"seed": "x"}, "seed: Input should be a valid integer"),
        ({"method": "combinatorial", "index": 10**9}, "There is no combination 1000000000"),
        ({"template": "a __no/such__", "missing": "error"}, "There is no wildcard 'no/such'"),
        ({"template": ["a", "b", "c"]}, "template: Input should be a valid string"),
    ],
)
def test_a_setting_that_cannot_be_used_is_explained_in_the_window(
    wildcards: Wildcards, inputs: dict[str, Any], told: str
):
    window = Window()
    sent = populated(
        wildcards, body({"4": wildcard_node(populated_text="old", **inputs), "5": wildcard_node()}), window
    )
    assert sent["prompt"]["4"]["inputs"]["populated_text"] == ""
    assert sent["prompt"]["5"]["inputs"]["populated_text"] == drawn(wildcards)
    (message,) = [data for _, data, _ in window.got if data["node"] == "4"]
    assert (message["positive"], message["diagnostics"][0]["kind"]) == ("", "error")
    assert told in message["diagnostics"][0]["message"]


def test_a_broken_template_is_drawn_with_what_is_odd_about_it(wildcards: Wildcards):
    window = Window()
    sent = populated(wildcards, body({"4": wildcard_node(template="a {fox|owl in __../../etc__")}), window)
    ((_, message, _),) = window.got
    assert sent["prompt"]["4"]["inputs"]["populated_text"] == message["positive"]
    assert {found["kind"] for found in message["diagnostics"]} >= {"unclosed-variant"}


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


@pytest.mark.parametrize("odd", [{"a": 1}, [], 3, None])
def test_a_window_s_id_that_would_end_the_server_does_not_reach_it(wildcards: Wildcards, odd: Any):
    sent = body({"4": wildcard_node()}) | {"client_id": odd}
    sent["extra_data"]["client_id"] = odd
    populated(wildcards, sent)
    assert "client_id" not in sent
    assert "client_id" not in sent["extra_data"]


def test_a_graph_without_our_nodes_is_left_as_it_was_sent(wildcards: Wildcards):
    sent = {"prompt": {"4": {"class_type": "SaveImage", "inputs": {}}}, "client_id": {"a": 1}, "extra_data": None}
    assert populated(wildcards, dict(sent)) == sent


def test_a_subgraph_inside_itself_ends():
    workflow = {"nodes": [{"id": 1, "type": "g"}], "definitions": {"subgraphs": [
        {"id": "g", "nodes": [{"id": 1, "type": "g"}]}]}}  # fmt: skip
    assert find_node(workflow, ":".join("1" * 500)) is None
