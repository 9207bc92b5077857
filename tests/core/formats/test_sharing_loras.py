"""LoRA nodes in a template for others: a stock one loads what the run has loaded, a live one chooses anew."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.formats.comfy_graph_reader import request_from_graph
from orchestrator_core.formats.comfy_links import Graph
from orchestrator_core.formats.comfy_workflow import workflow_from_graph
from orchestrator_core.formats.sharing import Host, Kind, Shared, share_workflow
from orchestrator_core.formats.sharing_clean import node_types_in
from orchestrator_core.formats.sharing_loras import LOADED, LoadedLoras, loaded_of
from orchestrator_core.formats.sharing_nodes import OUR_NODES
from orchestrator_core.prompt import LoraUse
from orchestrator_core.request import GenerationRequest
from orchestrator_core.stages.select_loras import Options
from tests.core.formats.test_sharing import canvas, check_links, graph, graph_of, node, note

TEXT = "a crimson fox, inkstyle"
LOADED_LORAS = {"text": TEXT, "loras": [["styles/ink.safetensors", 0.8, 0.6], ["fox.safetensors", 0.5, 0.5]]}
LISTED = {"LoraLoader": {"input": {"required": {"lora_name": [["styles/ink.safetensors", "fox.safetensors"], {}]}}}}
LISTING = Host({"LoraLoader": {**LISTED["LoraLoader"], "output": ["MODEL", "CLIP"]}}, names=())
REQUEST = GenerationRequest(TEXT, loras=(LoraUse("styles/ink", 0.8, 0.6),))


def with_selector(**inputs: Any) -> Graph:
    """The workflow of the other tests with a LoRA Selector between prompt, loader, and the rest."""
    found = graph()
    chosen = {"model": ["1", 0], "clip": ["1", 1], "draft": ["2", 2], "include": "favourite", **inputs}
    found["11"] = {"class_type": "OrchestratorLoRASelector", "inputs": chosen}
    found["3"]["inputs"]["draft"] = ["11", 3]
    found["4"]["inputs"] |= {"text": ["11", 2], "clip": ["11", 1]}
    found["5"]["inputs"]["clip"] = ["11", 1]
    found["7"]["inputs"]["model"] = ["11", 0]
    return found


def with_stack() -> Graph:
    """The stack of the selector is put into another model too."""
    found = with_selector()
    found["12"] = {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "refiner.safetensors"}}
    found["13"] = {"class_type": "OrchestratorLoRAStackApply", "inputs": {"model": ["12", 0], "lora_stack": ["11", 4]}}
    found["14"] = {**found["7"], "inputs": {**found["7"]["inputs"], "model": ["13", 0], "latent_image": ["7", 0]}}
    found["8"]["inputs"]["samples"] = ["14", 0]
    return found


def drawn(found: Graph, **loaded: Any) -> dict[str, Any]:
    """The canvas, where each node, by its type's end, has noted what it loaded."""
    workflow = canvas(found)
    for item in workflow["nodes"]:
        for end, value in loaded.items():
            if item["type"].endswith(end):
                item["properties"][LOADED] = value
    return workflow


def share(
    workflow: Any, kind: Kind = "stock", request: GenerationRequest | None = None, host: Host = LISTING
) -> Shared:
    shared = share_workflow(workflow, kind, "A fox", host=host, request=request)
    check_links(shared.template)
    return shared


def test_a_stock_template_loads_what_the_run_has_loaded() -> None:
    shared = share(drawn(with_selector(), Selector=LOADED_LORAS))
    found = graph_of(shared)
    request = request_from_graph(found)
    assert request.positive == TEXT
    assert request.loras == (LoraUse("styles/ink.safetensors", 0.8, 0.6), LoraUse("fox.safetensors", 0.5, 0.5))
    assert {item["class_type"] for item in found.values()} == {
        "CLIPTextEncode", "CheckpointLoaderSimple", "EmptyLatentImage", "KSampler", "LoraLoader", "SaveImage",
        "VAEDecode",
    }  # fmt: skip
    assert "Orchestrator" not in shared.text
    assert shared.warnings == ()


def test_both_texts_are_encoded_with_the_loras() -> None:
    found = graph_of(share(drawn(with_selector(), Selector=LOADED_LORAS)))
    loaders = [key for key, item in found.items() if item["class_type"] == "LoraLoader"]
    encoders = [item["inputs"]["clip"] for item in found.values() if item["class_type"] == "CLIPTextEncode"]
    assert encoders == [[loaders[-1], 1], [loaders[-1], 1]]


def test_the_loras_are_named_as_models_that_it_needs() -> None:
    shared = share(drawn(with_selector(), Selector=LOADED_LORAS))
    models = [item["properties"]["models"] for item in shared.template["nodes"] if item["type"] == "LoraLoader"]
    assert models == [
        [{"name": "styles/ink.safetensors", "directory": "loras"}],
        [{"name": "fox.safetensors", "directory": "loras"}],
    ]
    assert "`styles/ink.safetensors` in `models/loras`" in note(shared)


def test_a_folder_that_the_host_does_not_list_does_not_go_along() -> None:
    shared = share(drawn(with_selector(), Selector=LOADED_LORAS), host=Host(names=()))
    assert "styles/" not in shared.text
    assert any("styles/ink.safetensors" in line for line in shared.taken_out)


def test_a_list_in_a_tuple_as_node_classes_have_it_is_a_list() -> None:
    """ComfyUI's own nodes give their choices so, inside of the server."""
    kinds = {"LoraLoader": {"input": {"required": {"lora_name": (["styles/ink.safetensors"], {})}}, "output": ()}}
    shared = share(drawn(with_selector(), Selector=LOADED_LORAS), host=Host(kinds, names=()))
    assert "styles/ink.safetensors" in shared.text


def test_the_server_is_asked_for_its_loras_where_a_node_of_ours_chooses_them() -> None:
    assert {"LoraLoader", "LoraLoaderModelOnly"} <= node_types_in(canvas(with_selector()))
    assert "LoraLoader" not in node_types_in(canvas())


def test_no_lora_is_no_loader() -> None:
    found = graph_of(share(drawn(with_selector(), Selector={"text": "a crimson fox", "loras": []})))
    request = request_from_graph(found)
    assert (request.positive, request.loras) == ("a crimson fox", ())


def test_a_stack_is_loaded_into_the_other_model_by_loaders_without_clip() -> None:
    shared = share(drawn(with_stack(), Selector=LOADED_LORAS, Apply={"loras": LOADED_LORAS["loras"]}))
    found = graph_of(shared)
    only = [item["inputs"] for item in found.values() if item["class_type"] == "LoraLoaderModelOnly"]
    assert [(item["lora_name"], item["strength_model"]) for item in only] == [
        ("styles/ink.safetensors", 0.8),
        ("fox.safetensors", 0.5),
    ]
    assert only[0]["model"] == [next(key for key, item in found.items() if "refiner" in str(item)), 0]
    assert shared.warnings == ()


def test_where_a_run_noted_nothing_its_request_tells() -> None:
    request = request_from_graph(graph_of(share(canvas(with_selector()), request=REQUEST)))
    assert (request.positive, request.loras) == (TEXT, (LoraUse("styles/ink.safetensors", 0.8, 0.6),))


def test_what_a_loader_of_the_workflow_loads_is_not_loaded_twice() -> None:
    found = with_selector()
    values = {"lora_name": "styles/ink.safetensors", "strength_model": 0.8, "strength_clip": 0.6}
    found["15"] = {"class_type": "LoraLoader", "inputs": {"model": ["1", 0], "clip": ["1", 1], **values}}
    found["11"]["inputs"] |= {"model": ["15", 0], "clip": ["15", 1]}
    request = request_from_graph(graph_of(share(canvas(found), request=REQUEST)))
    assert request.loras == (LoraUse("styles/ink.safetensors", 0.8, 0.6),)


@pytest.mark.parametrize("request_of_run", [None, REQUEST])
def test_where_nobody_knows_the_nodes_are_left_out_and_it_is_said(request_of_run: GenerationRequest | None) -> None:
    """A request cannot say which of two nodes loaded what."""
    found = with_stack() if request_of_run else with_selector()
    shared = share(canvas(found), request=request_of_run)
    assert "LoRA Selector (11) is left out: it does not say which LoRAs it loaded." in shared.warnings[0]
    request = request_from_graph(graph_of(shared))
    assert (request.positive, request.loras) == ("a crimson fox", ())
    assert "Orchestrator" not in shared.text


def test_a_bypassed_node_is_left_out_without_a_word() -> None:
    workflow = drawn(with_selector(), Selector=LOADED_LORAS)
    node(workflow, "OrchestratorLoRASelector")  # there is one
    for item in workflow["nodes"]:
        item["mode"] = 4 if item["type"] == "OrchestratorLoRASelector" else 0
    shared = share(workflow)
    request = request_from_graph(graph_of(shared))
    assert (request.positive, request.loras, shared.warnings) == ("a crimson fox", (), ())


def test_two_selectors_in_a_row_load_what_each_has_loaded() -> None:
    found = with_selector()
    second = {"model": ["11", 0], "clip": ["11", 1], "draft": ["11", 3], "text": ["11", 2]}
    found["16"] = {"class_type": "OrchestratorLoRASelector", "inputs": second}
    found["4"]["inputs"] |= {"text": ["16", 2], "clip": ["16", 1]}
    found["7"]["inputs"]["model"] = ["16", 0]
    workflow = drawn(found)
    for item in workflow["nodes"]:
        if item["id"] == 11:
            item["properties"][LOADED] = {"text": "a crimson fox, inkstyle", "loras": [["ink.safetensors", 1, 1]]}
        if item["id"] == 16:
            item["properties"][LOADED] = {"text": TEXT, "loras": [["fox.safetensors", 0.5, 0.5]]}
    shared = share(workflow)
    request = request_from_graph(graph_of(shared))
    assert request.loras == (LoraUse("ink.safetensors", 1.0, 1.0), LoraUse("fox.safetensors", 0.5, 0.5))
    assert request.positive == TEXT
    assert [item["type"] for item in shared.template["nodes"] if "String" in item["type"]] == []


def test_a_report_that_is_shown_stays_as_the_names() -> None:
    found = with_selector()
    found["17"] = {"class_type": "PreviewAny", "inputs": {"source": ["11", 5]}}
    preview = {"PreviewAny": {"input": {"required": {"source": ["*", {}]}}, "output": []}}
    workflow = workflow_from_graph(found, {**OUR_NODES, **preview})
    for item in workflow["nodes"]:
        item["properties"][LOADED] = LOADED_LORAS
    shared = share(workflow)
    (told,) = [item for item in shared.template["nodes"] if item["type"] == "PrimitiveStringMultiline"]
    assert told["title"] == "LoRAs"
    assert "fox.safetensors at 0.5" in told["widgets_values"][0]


def test_a_stack_for_another_packs_node_is_missed_and_it_is_said() -> None:
    found = with_selector()
    found["18"] = {"class_type": "TheirApply", "inputs": {"lora_stack": ["11", 4]}}
    theirs = {"TheirApply": {"input": {"required": {"lora_stack": ["LORA_STACK", {}]}}, "output": []}}
    workflow = workflow_from_graph(found, {**OUR_NODES, **theirs})
    for item in workflow["nodes"]:
        item["properties"][LOADED] = LOADED_LORAS
    (warning,) = share(workflow).warnings
    assert "TheirApply (18) gets no LoRAs any more" in warning


def test_a_live_template_keeps_the_nodes_and_nothing_of_what_they_chose() -> None:
    shared = share(drawn(with_stack(), Selector=LOADED_LORAS, Apply={"loras": LOADED_LORAS["loras"]}), "live")
    found = graph_of(shared)
    assert found["11"]["inputs"]["include"] == "favourite"
    assert found["13"]["inputs"]["lora_stack"] == ["11", 4]
    assert "inkstyle" not in shared.text
    assert "fox.safetensors" not in shared.text
    assert LOADED not in shared.text
    assert "sd-orchestrator" in shared.text


def test_our_picture_of_the_selector_has_the_options_of_the_stage_in_their_order() -> None:
    optional = OUR_NODES["OrchestratorLoRASelector"]["input"]["optional"]
    assert [name for name in optional if name not in ("clip", "draft", "text", "lora_stack")] == [*Options.model_fields]
    for name, info in Options.model_fields.items():
        assert optional[name][1]["default"] == info.default


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["text", "loras", "x"]), inner),
)


@given(ANY_JSON)
def test_whatever_stands_in_the_property_a_workflow_is_shared(value: Any) -> None:
    for kind in get_args(Kind):
        shared = share_workflow(drawn(with_selector(), Selector=value), kind, host=Host(names=()))
        check_links(shared.template)
        assert LOADED not in shared.text


@given(st.lists(st.tuples(st.text(min_size=1, max_size=20), st.floats(-10, 10), st.floats(-10, 10)), max_size=5))
def test_what_is_noted_is_read_again(rows: list[tuple[str, float, float]]) -> None:
    loaded = LoadedLoras(tuple(LoraUse(*row) for row in rows), "text")
    held = json.loads(json.dumps(loaded.as_property()))
    assert loaded_of({"properties": {LOADED: held}}) == loaded
