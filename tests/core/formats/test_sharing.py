"""A workflow as a template for others: it still renders the same, and tells nothing of the one who made it."""

from __future__ import annotations

import copy
import json
import string
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from orchestrator_core import __version__
from orchestrator_core.errors import FormatError
from orchestrator_core.formats.comfy_graph_reader import request_from_graph
from orchestrator_core.formats.comfy_links import Graph
from orchestrator_core.formats.comfy_workflow import workflow_from_graph
from orchestrator_core.formats.comfy_workflow_reader import graph_from_workflow
from orchestrator_core.formats.infotext import MODEL_SUFFIXES
from orchestrator_core.formats.sharing import Host, Kind, Shared, share_run, share_workflow
from orchestrator_core.formats.sharing_nodes import OUR_NODES
from orchestrator_core.formats.sharing_words import Scrubber, names_of_this_machine
from orchestrator_core.prompt import Component, LoraUse, PromptDraft, PromptSource
from orchestrator_core.request import GenerationRequest
from orchestrator_core.run import Run

NAMES = ("jane_doe", "janesdesktop")
HOST = Host(names=NAMES)
TEMPLATE, NEGATIVE = "a __colors/warm__ {fox|owl}", "{blurry|dark}"
# What may never be found in a template, each spelled so that this file itself holds no such thing.
HOME = "/ho" + "me/jane_doe"
PRIVATE = [
    HOME + "/ComfyUI/models/loras/x.safetensors",
    HOME,
    "/Use" + "rs/Jane Doe/Pictures/holiday.png",
    "C:\\Users\\Jane Doe\\Pictures\\holiday 2024.png",
    "D:/models/private.safetensors",
    "\\\\nas\\jane\\models",
    "~/ComfyUI/output",
    "/mnt/big disk/models/",
    "/opt/secret-project/run.sh",
    "file://" + HOME + "/a.png",
    "sk-" + "abcdefghijklmnop1234",
    "hf_" + "aBcDeFgHiJkLmNoPqRsT",
    "ghp_" + "a1B2c3D4e5F6g7H8i9J0",
    "api_key=" + "0123456789",
    "Bearer " + "abc123def456",
    "http://192.168.1.20:8188/view?filename=a.png",
    "http://127.0.0.1:11434",
    "192.168.1.20:7860",
    "localhost:8188",
    "https://jane.trycloudflare.com/prompt",
    "ws://janesdesktop.lan:8188/ws",
    "postgresql://jane:hunter2@db.example.org/orchestrator",
    "jane@example.org",
    "jane_doe",
    "janesdesktop",
    "6f2a9d7e-1c3b-4d5e-8f90-aabbccddeeff",
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAUA",
    "0123456789abcdef" + "0123456789abcdef",
]
# Pieces of the above that would still tell: looked for in the file's text, whatever is before and behind them.
TRACES = [
    *("jane_doe", "jane doe", "\\users\\", "/mnt/", "/opt/", "nas\\", "~/", "sk-abc", "hf_abc", "ghp_a1", "0123456789"),
    *(
        "192.168",
        "127.0.0.1",
        "localhost",
        "trycloudflare",
        "janesdesktop",
        "hunter2",
        "jane@",
        "6f2a9d7e",
        "ivborw0kg",
    ),
    *("abc123def456", "d:/models", "holiday"),
]


def graph(**prompt: Any) -> Graph:
    """Wildcard Prompt → encoders → sampler → Save Image With Origin → Run Recorder, with an inspector between."""
    values = {
        "template": TEMPLATE,
        "negative_template": NEGATIVE,
        "populated_text": "a crimson fox",
        "populated_negative": "blurry",
        "seed": 7,
        **prompt,
    }
    nodes = {
        "1": ("CheckpointLoaderSimple", {"ckpt_name": "v1-5.safetensors"}),
        "2": ("OrchestratorWildcardPrompt", values),
        "3": ("OrchestratorPromptInspector", {"draft": ["2", 2], "clip": ["1", 1]}),
        "4": ("CLIPTextEncode", {"text": ["2", 0], "clip": ["1", 1]}),
        "5": ("CLIPTextEncode", {"text": ["2", 1], "clip": ["1", 1]}),
        "6": ("EmptyLatentImage", {"width": 512, "height": 512, "batch_size": 1}),
        "7": (
            "KSampler",
            {"model": ["1", 0], "positive": ["4", 0], "negative": ["5", 0], "latent_image": ["6", 0], "seed": ["2", 3],
             "steps": 4, "cfg": 5.5, "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0},
        ),
        "8": ("VAEDecode", {"samples": ["7", 0], "vae": ["1", 2]}),
        "9": ("OrchestratorSaveImage", {"images": ["8", 0], "draft": ["3", 0], "filename_prefix": "fox"}),
        "10": ("OrchestratorRunRecorder", {"draft": ["3", 0], "saved": ["9", 0]}),
    }  # fmt: skip
    return {key: {"class_type": kind, "inputs": dict(inputs)} for key, (kind, inputs) in nodes.items()}


def canvas(found: Graph | None = None) -> dict[str, Any]:
    return workflow_from_graph(found or graph(), OUR_NODES)


def share(workflow: Any, kind: Kind = "stock", **more: Any) -> Shared:
    return share_workflow(workflow, kind, more.pop("name", "A fox"), host=Host(**{"names": NAMES, **more}))


def node(found: dict[str, Any], kind: str) -> dict[str, Any]:
    (only,) = [node for node in found["nodes"] if node["type"] == kind]
    return dict(only)


def note(shared: Shared) -> str:
    return str(node(shared.template, "MarkdownNote")["widgets_values"][0])


def graph_of(shared: Shared) -> Graph:
    return graph_from_workflow(shared.template, OUR_NODES)


def check_links(found: dict[str, Any]) -> None:
    """Every link is in the list and in both slots that it joins, on every level."""
    for level in [found, *found.get("definitions", {}).get("subgraphs", [])]:
        nodes = {node["id"]: node for node in level["nodes"]}
        rows = [list(row.values()) if isinstance(row, dict) else row for row in level["links"]]
        assert len({row[0] for row in rows}) == len(rows)
        for number, origin, slot, target, target_slot, _ in rows:
            if origin != -10:
                assert number in nodes[origin]["outputs"][slot]["links"]
            if target != -20:
                assert nodes[target]["inputs"][target_slot]["link"] == number
        known = {row[0] for row in rows}
        for item in nodes.values():
            assert {slot["link"] for slot in item["inputs"] if slot.get("link") is not None} <= known
            assert {number for slot in item["outputs"] for number in slot.get("links") or []} <= known


# --- stock


def test_a_stock_template_renders_what_was_drawn_with_core_nodes_alone():
    shared = share(canvas())
    check_links(shared.template)
    found = graph_of(shared)
    assert sorted(item["class_type"] for item in found.values()) == [
        "CLIPTextEncode", "CLIPTextEncode", "CheckpointLoaderSimple", "EmptyLatentImage", "KSampler", "SaveImage",
        "VAEDecode",
    ]  # fmt: skip
    request = request_from_graph(found)
    assert (request.positive, request.negative, request.seed) == ("a crimson fox", "blurry", 7)
    assert (request.steps, request.cfg, request.checkpoint) == (4, 5.5, "v1-5.safetensors")
    assert found["9"] == {
        "class_type": "SaveImage",
        "inputs": {"images": ["8", 0], "filename_prefix": "fox"},
        "_meta": {"title": "Save Image"},
    }
    assert "Orchestrator" not in shared.text
    assert shared.warnings == ()


def test_the_graph_that_was_sent_has_the_texts_that_the_canvas_has_not():
    sent = graph(populated_text="a pink owl", populated_negative="dark", seed=8)
    blank = canvas(graph(populated_text="", populated_negative=""))
    request = request_from_graph(graph_of(share_workflow(blank, "stock", graph=sent, host=HOST)))
    assert (request.positive, request.negative, request.seed) == ("a pink owl", "dark", 8)


def test_seeds_are_those_that_were_sent_and_not_those_of_the_next_run():
    found, sent = graph(), graph()
    for here, seed in ((found, 1000), (sent, 42)):
        here["7"]["inputs"]["seed"] = seed
    workflow = canvas(found)
    node(workflow, "KSampler")["widgets_values"][1] = "randomize"
    shared = share_workflow(workflow, "stock", graph=sent, host=HOST)
    assert node(shared.template, "KSampler")["widgets_values"][:2] == [42, "fixed"]
    assert node(share(workflow).template, "KSampler")["widgets_values"][:2] == [1000, "randomize"]


def test_a_prompt_that_never_ran_is_drawn_by_whoever_can():
    asked: list[dict[str, Any]] = []

    def draw(values: dict[str, Any]) -> tuple[str, str]:
        asked.append(values)
        return "a drawn fox", "dark"

    shared = share(canvas(graph(populated_text="", populated_negative="")), draw=draw)
    assert request_from_graph(graph_of(shared)).positive == "a drawn fox"
    assert (asked[0]["template"], asked[0]["seed"], shared.warnings) == (TEMPLATE, 7, ())


def test_a_prompt_that_nobody_can_draw_keeps_its_template_and_says_so():
    shared = share(canvas(graph(populated_text="", populated_negative="")))
    # The canvas would draw {fox|owl} itself: escaped, it is the text that stands in the template.
    assert request_from_graph(graph_of(shared)).positive == TEMPLATE
    assert len(shared.warnings) == 1
    assert "was not drawn yet" in shared.warnings[0]


def test_a_text_that_the_canvas_would_rewrite_gets_a_node_of_its_own():
    shared = share(canvas(graph(populated_text="a fox // by night")))
    check_links(shared.template)
    assert node(shared.template, "PrimitiveStringMultiline")["widgets_values"] == ["a fox // by night"]
    assert request_from_graph(graph_of(shared)).positive == "a fox // by night"


def test_braces_of_a_drawn_text_are_not_drawn_again():
    shared = share(canvas(graph(populated_text="a {fox|owl}")))
    assert request_from_graph(graph_of(shared)).positive == "a {fox|owl}"
    encoders = [item for item in shared.template["nodes"] if item["type"] == "CLIPTextEncode"]
    assert "a \\{fox|owl}" in [item["widgets_values"][0] for item in encoders]


def test_a_text_that_several_nodes_use_is_one_node_to_edit():
    found = graph()
    found["11"] = {"class_type": "CLIPTextEncode", "inputs": {"text": ["2", 0], "clip": ["1", 1]}}
    shared = share(canvas(found))
    check_links(shared.template)
    text = node(shared.template, "PrimitiveStringMultiline")
    result = graph_of(shared)
    assert {result[key]["inputs"]["text"][0] for key in ("4", "11")} == {str(text["id"])}
    assert text["title"] == "positive text"


def test_what_an_inspector_passed_on_is_fed_by_what_fed_it():
    found = graph()
    found["3"]["inputs"]["text"] = ["2", 0]
    found["4"]["inputs"]["text"] = ["3", 1]
    shared = share(canvas(found))
    check_links(shared.template)
    assert request_from_graph(graph_of(shared)).positive == "a crimson fox"


def test_the_text_of_an_inspected_draft_is_the_drafts():
    found = graph()
    found["4"]["inputs"]["text"] = ["3", 1]
    assert request_from_graph(graph_of(share(canvas(found)))).positive == "a crimson fox"


def test_a_seed_from_another_node_still_comes_from_there():
    found = graph()
    found["11"] = {"class_type": "PrimitiveInt", "inputs": {"value": 42}}
    found["2"]["inputs"]["seed"] = ["11", 0]
    integers = {
        "PrimitiveInt": {
            "input": {"required": {"value": ["INT", {"control_after_generate": True}]}},
            "output": ["INT"],
            "python_module": "comfy_extras.nodes_primitive",
        }
    }
    shared = share(workflow_from_graph(found, {**OUR_NODES, **integers}), object_info=integers)
    check_links(shared.template)
    assert graph_from_workflow(shared.template, integers)["7"]["inputs"]["seed"] == ["11", 0]


def test_a_seed_for_a_node_that_is_not_known_comes_from_a_number_node():
    found = canvas()
    found["nodes"].append(
        {"id": 50, "type": "SomebodysNoise", "inputs": [{"name": "noise", "type": "INT", "link": 99}], "outputs": []}
    )
    prompt = next(item for item in found["nodes"] if item["id"] == 2)
    prompt["outputs"][3]["links"].append(99)
    found["links"].append([99, 2, 3, 50, 0, "INT"])
    shared = share(found)
    check_links(shared.template)
    assert node(shared.template, "PrimitiveInt")["widgets_values"] == [7, "fixed"]


def subgraph() -> dict[str, Any]:
    """Prompt and encoder inside a subgraph, with its text also given to the outside; links as newer frontends write."""
    uid = "11111111-2222-1333-8444-0123456789ab"
    prompt = canvas()["nodes"]
    inner = copy.deepcopy(next(item for item in prompt if item["id"] == 2))
    encoder = copy.deepcopy(next(item for item in prompt if item["id"] == 4))
    inner["outputs"][0]["links"], inner["outputs"][1]["links"] = [1, 3], None
    inner["outputs"][2]["links"] = inner["outputs"][3]["links"] = None
    encoder["inputs"] = [
        {"name": "clip", "type": "CLIP", "link": 2},
        {"name": "text", "type": "STRING", "link": 1, "widget": {"name": "text"}},
    ]
    encoder["outputs"][0]["links"] = [4]
    names = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")
    rows = [(1, 2, 0, 4, 1, "STRING"), (2, -10, 0, 4, 0, "CLIP"), (3, 2, 0, -20, 1, "STRING"),
            (4, 4, 0, -20, 0, "CONDITIONING")]  # fmt: skip
    definition = {
        "id": uid,
        "version": 1,
        "state": {"lastNodeId": 4, "lastLinkId": 4, "lastGroupId": 0, "lastRerouteId": 0},
        "revision": 0,
        "config": {},
        "name": "jane_doe's encoder",
        "inputNode": {"id": -10, "bounding": [0, 0, 120, 60]},
        "outputNode": {"id": -20, "bounding": [900, 0, 120, 60]},
        "inputs": [{"id": "aaaaaaaa-0000-1000-8000-0123456789ab", "name": "clip", "type": "CLIP", "linkIds": [2]}],
        "outputs": [
            {
                "id": "bbbbbbbb-0000-1000-8000-0123456789ab",
                "name": "CONDITIONING",
                "type": "CONDITIONING",
                "linkIds": [4],
            },
            {"id": "cccccccc-0000-1000-8000-0123456789ab", "name": "text", "type": "STRING", "linkIds": [3]},
        ],
        "widgets": [],
        "nodes": [inner, encoder],
        "groups": [],
        "links": [dict(zip(names, row, strict=True)) for row in rows],
        "extra": {"workflowRendererVersion": "LG"},
    }
    outer = {
        "id": 20,
        "type": uid,
        "pos": [0, 0],
        "size": [200, 100],
        "flags": {},
        "order": 1,
        "mode": 0,
        "inputs": [{"name": "clip", "type": "CLIP", "link": 1}],
        "outputs": [{"name": "CONDITIONING", "type": "CONDITIONING", "links": None},
                    {"name": "text", "type": "STRING", "links": [2]}],
        "properties": {"proxyWidgets": [["2", "template"], ["4", "text"], ["-1", "clip"]]},
        "widgets_values": [TEMPLATE],
    }  # fmt: skip
    loader = copy.deepcopy(next(item for item in prompt if item["id"] == 1))
    loader["outputs"][0]["links"], loader["outputs"][1]["links"], loader["outputs"][2]["links"] = None, [1], None
    shown = {"id": 21, "type": "CLIPTextEncode", "pos": [0, 0], "size": [1, 1], "order": 2, "mode": 0,
             "inputs": [{"name": "clip", "type": "CLIP", "link": None},
                        {"name": "text", "type": "STRING", "link": 2, "widget": {"name": "text"}}],
             "outputs": [], "properties": {}, "widgets_values": [""]}  # fmt: skip
    return {
        "nodes": [loader, outer, shown],
        "links": [[1, 1, 1, 20, 0, "CLIP"], [2, 20, 1, 21, 1, "STRING"]],
        "groups": [],
        "version": 0.4,
        "definitions": {"subgraphs": [definition]},
    }


def test_prompts_inside_a_subgraph_become_stock_there():
    shared = share(subgraph())
    check_links(shared.template)
    (inner,) = shared.template["definitions"]["subgraphs"]
    text = node(inner, "PrimitiveStringMultiline")
    assert [(link["origin_id"], link["target_id"]) for link in inner["links"] if link["type"] == "STRING"] == [
        (text["id"], 4), (text["id"], -20),
    ]  # fmt: skip
    assert inner["outputs"][1]["linkIds"] == [link["id"] for link in inner["links"] if link["target_id"] == -20][1:]
    assert inner["state"]["lastNodeId"] >= text["id"]
    found = graph_of(shared)
    assert found["20:4"]["inputs"]["text"] == found["21"]["inputs"]["text"] == [f"20:{text['id']}", 0]
    assert found[f"20:{text['id']}"]["inputs"]["value"] == "a crimson fox"


def test_a_subgraph_shows_no_widget_of_a_node_that_is_gone():
    outer = next(item for item in share(subgraph()).template["nodes"] if item["id"] == 20)
    assert outer["properties"]["proxyWidgets"] == [["4", "text"], ["-1", "clip"]]


def test_ids_of_subgraphs_are_made_anew_since_some_tell_the_network_card():
    shared = share(subgraph(), "live")
    assert "0123456789ab" not in shared.text
    (definition,) = shared.template["definitions"]["subgraphs"]
    outer = next(item for item in shared.template["nodes"] if item["id"] == 20)
    assert outer["type"] == definition["id"]
    assert len({definition["id"], *(item["id"] for item in definition["inputs"] + definition["outputs"])}) == 4
    assert definition["name"] == "…'s encoder"


# --- live


def test_a_live_template_is_the_same_graph_without_what_was_drawn():
    shared = share(canvas(), "live")
    check_links(shared.template)
    wanted = graph(populated_text="", populated_negative="")
    found = graph_of(shared)
    assert {key: found[key]["inputs"] | wanted[key]["inputs"] for key in wanted} == {
        key: item["inputs"] for key, item in found.items()
    }
    assert "crimson" not in shared.text
    assert "Each run draws a new prompt" in note(shared)


def test_after_its_first_run_a_live_template_draws_with_other_seeds():
    assert node(canvas(), "OrchestratorWildcardPrompt")["widgets_values"][7:9] == [7, "fixed"]
    assert node(share(canvas(), "live").template, "OrchestratorWildcardPrompt")["widgets_values"][7:9] == [
        7,
        "randomize",
    ]


def test_a_prompt_that_a_person_fixed_goes_along_in_a_live_template():
    shared = share(canvas(graph(mode="fixed")), "live")
    values = node(shared.template, "OrchestratorWildcardPrompt")["widgets_values"]
    assert values[2:5] == ["a crimson fox", "blurry", "fixed"]


def test_a_node_saved_by_a_version_with_fewer_widgets_is_not_mangled():
    found = canvas()
    prompt = next(item for item in found["nodes"] if item["id"] == 2)
    prompt["widgets_values"] = [TEMPLATE, NEGATIVE]
    assert node(share(found, "live").template, "OrchestratorWildcardPrompt")["widgets_values"] == [TEMPLATE, NEGATIVE]


def test_a_workflow_that_we_wrote_from_a_template_gets_the_node_that_draws_it():
    notes = {"template": TEMPLATE, "negative_template": NEGATIVE, "dialect": "impact", "prompt_seed": 5, "run_id": "x"}
    shared = share(workflow_from_graph(graph_of(share(canvas())), extra=notes), "live")
    check_links(shared.template)
    found = graph_of(shared)
    (key,) = [key for key, item in found.items() if item["class_type"] == "OrchestratorWildcardPrompt"]
    inputs = found[key]["inputs"]
    assert (inputs["template"], inputs["negative_template"]) == (TEMPLATE, NEGATIVE)
    assert (inputs["dialect"], inputs["seed"]) == ("impact", 5)
    assert found["4"]["inputs"]["text"] == [key, 0]
    assert found["5"]["inputs"]["text"] == [key, 1]
    assert shared.warnings == ()
    prompt = node(shared.template, "OrchestratorWildcardPrompt")
    others = [
        item["pos"][0] for item in shared.template["nodes"] if item["type"] not in ("MarkdownNote", prompt["type"])
    ]
    assert prompt["pos"][0] + prompt["size"][0] < min(others)


def test_a_live_template_without_anything_that_draws_says_so():
    shared = share(workflow_from_graph(graph_of(share(canvas()))), "live")
    assert shared.warnings == ("There is no Wildcard Prompt in it, so nothing is drawn anew.",)


# --- what it needs


def test_nodes_say_which_pack_and_version_they_are_of():
    found = canvas()
    other = {"id": 50, "type": "Somebodys", "inputs": [], "outputs": [], "widgets_values": []}
    found["nodes"] += [
        {**other, "properties": {"cnr_id": "some-pack", "ver": "1.2.3"}},
        {**other, "id": 51, "type": "Nobodys", "properties": {"cnr_id": "no id!", "ver": HOME}},
    ]
    shared = share(found, "live", version="0.4.1")
    properties = {item["id"]: item["properties"] for item in shared.template["nodes"]}
    assert (properties[1]["cnr_id"], properties[1]["ver"]) == ("comfy-core", "0.4.1")
    assert (properties[2]["cnr_id"], properties[2]["ver"]) == ("sd-orchestrator", __version__)
    assert (properties[50]["cnr_id"], properties[50]["ver"]) == ("some-pack", "1.2.3")
    assert properties[51].keys() == {"Node name for S&R"}
    assert "`some-pack`" in note(shared)
    assert "`Nobodys`" in note(shared)


def test_models_are_named_with_their_folder_and_an_address_only_where_one_was():
    request = GenerationRequest("a fox", loras=(LoraUse("ink"),), checkpoint="base", vae="v.pt")
    shared = share_run(Run("", PromptDraft((Component("a fox"),))), request, "stock", host=HOST)
    found = {item["type"]: item["properties"].get("models") for item in shared.template["nodes"]}
    assert found["CheckpointLoaderSimple"] == [{"name": "base.safetensors", "directory": "checkpoints"}]
    assert found["LoraLoader"] == [{"name": "ink.safetensors", "directory": "loras"}]
    assert found["VAELoader"] == [{"name": "v.pt", "directory": "vae"}]
    url = "https://huggingface.co/someone/base/resolve/main/base.safetensors"
    again = copy.deepcopy(shared.template)
    node(again, "CheckpointLoaderSimple")["properties"]["models"][0]["url"] = url
    known = share(again)
    assert node(known.template, "CheckpointLoaderSimple")["properties"]["models"][0]["url"] == url
    assert f"`base.safetensors` in `models/checkpoints` ([where to get it]({url}))" in note(known)


@pytest.mark.parametrize("url", ["http://192.168.1.20/x", "https://a.org/x?token=abc", HOME, "https://u:p@a.org/x"])
def test_a_private_address_of_a_model_does_not_go_along(url: str):
    found = canvas()
    found["nodes"][0]["properties"]["models"] = [{"name": "v1-5.safetensors", "directory": "checkpoints", "url": url}]
    shared = share(found)
    assert node(shared.template, "CheckpointLoaderSimple")["properties"]["models"] == [
        {"name": "v1-5.safetensors", "directory": "checkpoints"}
    ]


def test_a_models_folder_is_kept_only_where_the_host_lists_it():
    found = graph()
    found["1"]["inputs"]["ckpt_name"] = "people/anna.safetensors"
    listing = {"CheckpointLoaderSimple": {
        "input": {"required": {"ckpt_name": [["people/anna.safetensors"], {}]}},
        "output": ["MODEL", "CLIP", "VAE"], "python_module": "nodes",
    }}  # fmt: skip
    alone = share(canvas(found))
    assert node(alone.template, "CheckpointLoaderSimple")["widgets_values"] == ["anna.safetensors"]
    assert any("people/anna.safetensors" in line for line in alone.taken_out)
    listed = share(canvas(found), object_info=listing)
    assert node(listed.template, "CheckpointLoaderSimple")["widgets_values"] == ["people/anna.safetensors"]


def test_the_note_has_title_template_seed_and_what_is_needed():
    text = note(share(canvas(), "live", name="Foxes\nand owls"))
    assert text.startswith("# Foxes and owls\n")
    assert f"**Template**\n\n```\n{TEMPLATE}\n```" in text
    assert f"**Negative template**\n\n```\n{NEGATIVE}\n```" in text
    assert "Seed: 7" in text
    assert "`v1-5.safetensors` in `models/checkpoints`" in text
    assert "the nodes of `sd-orchestrator`" in text
    assert "wildcards: `colors/warm`" in text
    assert "1. Choose your model" in text


def test_a_template_cannot_end_the_notes_code_block():
    text = note(share(canvas(graph(template="```\n# not a title")), "live"))
    assert "````\n```\n# not a title\n````" in text


def test_the_note_lies_left_of_everything_and_is_replaced_when_shared_again():
    once = share(canvas())
    twice = share(once.template, name="Another")
    found = node(twice.template, "MarkdownNote")
    assert found["widgets_values"][0].startswith("# Another")
    others = [item["pos"][0] for item in twice.template["nodes"] if item["type"] != "MarkdownNote"]
    assert found["pos"][0] + found["size"][0] < min(others)


# --- nothing of the machine goes along


def hostile(text: str) -> dict[str, Any]:
    """A workflow with this text in every place that a person, a pack or a frontend writes to."""
    found = subgraph()
    (definition,) = found["definitions"]["subgraphs"]
    main = canvas(graph(template=text, negative_template=text, populated_text=text, populated_negative=text))
    found["nodes"] += [item for item in main["nodes"] if item["id"] != 1]
    for number, item in enumerate(found["nodes"]):
        item["id"] = item["id"] if number < 3 else item["id"] + 100
    found["links"] += [[n + 100, o if o == 1 else o + 100, s, t + 100, ts, k] for n, o, s, t, ts, k in main["links"]]
    (loader,) = [item for item in main["nodes"] if item["id"] == 1]
    for slot, own in zip(loader["outputs"], found["nodes"][0]["outputs"], strict=True):
        own["links"] = [*(own["links"] or []), *(number + 100 for number in slot["links"] or [])]
    for item in found["nodes"][3:]:
        for slot in item["inputs"]:
            slot["link"] = slot["link"] and slot["link"] + 100
        for slot in item["outputs"]:
            slot["links"] = [number + 100 for number in slot["links"] or []]
    for level in (found, definition):
        for item in level["nodes"]:
            _hide(text, item)
        level["groups"] = [{"title": text, "bounding": [0, 0, 1, 1], "color": "#fff", "secret": text}]
        level["extra"] = {"ds": {"scale": 1}, "workspace_id": text, "orchestrator": {"backstory": text}, text: text,
                          "groupNodes": {"mine": {"nodes": [{"widgets_values": [text]}]}}}  # fmt: skip
        level |= {"id": definition["id"] if level is definition else text, "config": {"x": text}, text: text}
        level |= {"user": text, "memory": {"said": [text]}}
    definition |= {"name": text, "description": text}
    found["models"] = [{"name": text, "directory": text, "url": text}]
    picture = {"name": "image", "widget": {"name": "image", "config": [[text], {}]}}
    by_name = {"api_key": text, "path": text, text: text, "deep": [[{"a": text}]]}
    found["nodes"] += [
        {"id": 900, "type": "MarkdownNote", "widgets_values": [f"# Mine\n{text}\n"], "title": text},
        {"id": 901, "type": "LoadImage", "inputs": [picture], "widgets_values": [text, "image"]},
        {"id": 902, "type": "ByName", "widgets_values": by_name},
    ]
    return found


def _hide(text: str, item: dict[str, Any]) -> None:
    item["title"] = text
    item["properties"] = {**item.get("properties", {}), text: text, "last": text, "cnr_id": text, "ver": text,
                          "aux_id": text, "models": [{"name": text, "directory": text, "url": text, "hash": text}],
                          "nested": {"list": [text, {"key": text}]}}  # fmt: skip
    item |= {"boxname": text, "color": text, "flags": {text: text}}
    for slot in item.get("inputs", []) + item.get("outputs", []):
        slot |= {"label": text, "localized_name": text, "tooltip": text}


@pytest.mark.parametrize("kind", ["stock", "live"])
@pytest.mark.parametrize("text", PRIVATE)
@pytest.mark.parametrize("around", ["{}", "a fox ({}), red", "see:{}!"])
def test_nothing_that_tells_of_a_person_or_a_machine_is_in_the_file(text: str, around: str, kind: Kind):
    shared = share(hostile(around.format(text)), kind, name=around.format(text))
    check_links(shared.template)
    plain = shared.text.replace("\\\\", "\\").lower()
    assert [trace for trace in TRACES if trace in plain] == []
    assert shared.taken_out


def test_the_tests_own_traces_would_be_found():
    whole = json.dumps([hostile(text) for text in PRIVATE]).replace("\\\\", "\\").lower()
    assert [trace for trace in TRACES if trace not in whole] == []


words = st.text(st.characters(exclude_categories=()), max_size=8)


@given(words, st.sampled_from(PRIVATE), words, st.sampled_from(["stock", "live"]))
def test_it_is_found_between_any_other_text(before: str, private: str, after: str, kind: Kind):
    text = f"{before} {private} {after}"
    assume(not text.rstrip().lower().endswith(MODEL_SUFFIXES))  # that is a model's path, whose name is needed
    shared = share(hostile(text), kind, name=text)
    plain = shared.text.replace("\\\\", "\\").lower()
    assert [trace for trace in TRACES if trace in plain] == []


@given(st.sampled_from(PRIVATE), st.sampled_from(PRIVATE), st.sampled_from(["", " ", ", ", "\n", "…", ":", "="]))
def test_a_second_search_finds_nothing_more(one: str, other: str, between: str):
    scrubber = Scrubber(NAMES)
    once = scrubber.text(one + between + other, "here")
    scrubber.findings.clear()
    assert scrubber.text(once, "here") == once
    assert scrubber.findings == []


def test_sharing_again_what_was_shared_takes_out_nothing_more():
    for kind in ("stock", "live"):
        once = share(hostile(" ".join(PRIVATE)), kind)
        again = share(once.template, kind)
        assert again.taken_out == ()


prompts = st.text(string.ascii_letters + string.digits + " ,.(){}|_:<>$@!?'\n-&%#*+", max_size=200)
harmless = st.text(st.sampled_from("abc XYZ,.(){}|:<>_$'\n-&#*+é狐"), max_size=80)


@pytest.mark.parametrize(
    "text",
    [
        TEMPLATE,
        "{2::fox|3::bee|2::cafe|0.5::face} {1-2$$, $$__moods/*__}, and/or 1girl, 3/4 view, 24/7, w/o hat",
        "(masterpiece:1.2), [cat:dog:0.5], <lora:style.v2:0.8>, <lora:hf_style:1>, embedding:easynegative",
        "(top secret:1.3), password protected, the secret: a door, token of love, ring bearer, basic shapes",
        "$hair=!{red|black} ${hair}, aspect ratio 16:9, 12:30 o'clock, F/1.4, ISO:1600, seed 1234567890123456",
        "https://huggingface.co/someone/model/resolve/main/model.safetensors and https://civitai.com/models/123?x=1",
        "juggernautXL_v9Rundiffusionphoto2_long_name_of_a_model, mixture-of-photorealistic-styles-2024-edition",
        "a house at home, the root of a tree, users of a library, temporary data",
    ],
)
def test_prompts_stay_as_they_are(text: str):
    shared = share(canvas(graph(template=text, populated_text=text)), "live", name=text)
    assert node(shared.template, "OrchestratorWildcardPrompt")["widgets_values"][0] == text
    assert shared.taken_out == ()


@given(harmless)
def test_texts_without_anything_private_stay_as_they_are(text: str):
    scrubber = Scrubber(NAMES)
    assert scrubber.text(text, "here") == text
    assert scrubber.findings == []


@given(st.text(st.characters(exclude_categories=()), max_size=300))
def test_any_text_is_searched_in_the_end(text: str):
    found = Scrubber(NAMES).text(text, "here")
    found.encode("utf-8")


@pytest.mark.parametrize(
    "text", ["%2F" * 3000, "/a" * 3000, "\\a " * 3000, "a.b" * 3000, "1:" * 3000, "a-" * 3000, "(" * 9000]
)
def test_a_long_text_takes_no_long_time(text: str):
    # Patterns that try everything again from each place would take minutes here.
    Scrubber(NAMES).text("/" + text + " ", "here")


def test_the_second_copy_of_a_nodes_values_is_left_out_without_a_word():
    found = canvas()
    for item in found["nodes"]:
        item["widgets_values_named"] = {"text": HOME, "populated_text": "a crimson fox"}
    shared = share(found, "live")
    assert "widgets_values_named" not in shared.text
    assert shared.taken_out == ()


def test_a_file_in_letters_is_no_text():
    found = canvas()
    found["nodes"].append({"id": 50, "type": "Note", "widgets_values": ["x" * 4_000_000]})
    shared = share(found)
    assert node(shared.template, "Note")["widgets_values"] == [""]
    assert "Note (50): a text of 4,000,000 characters" in shared.taken_out


def test_common_words_that_are_also_accounts_are_no_names():
    assert Scrubber(["root", "user", "ab", "1234"]).text("the root user 1234 ab", "here") == "the root user 1234 ab"


def test_the_account_that_a_path_names_is_found_elsewhere_too():
    found = canvas()
    found["nodes"][0]["title"] = "made by Maximilian"
    found["nodes"][1]["title"] = "/ho" + "me/maximilian/ComfyUI"
    shared = share_workflow(found, "stock", host=Host(names=()))
    assert "aximilian" not in shared.text


def test_names_of_this_machine_are_texts():
    assert all(isinstance(name, str) and name for name in names_of_this_machine())


def test_pictures_of_a_persons_input_folder_become_comfyuis_example():
    found = canvas()
    found["nodes"].append({"id": 50, "type": "LoadImage", "inputs": [], "outputs": [], "properties": {},
                           "widgets_values": ["clipspace/me and anna.png [input]", "image"]})  # fmt: skip
    shared = share(found)
    assert node(shared.template, "LoadImage")["widgets_values"] == ["example.png", "image"]
    assert "Choose a file of your own in place of `example.png`" in note(shared)
    assert any("me and anna.png" in line and "LoadImage (50)" in line for line in shared.taken_out)


@pytest.mark.parametrize("name", ["api_key", "apiKey", "API-Key", "hf_token", "password", "client_secret", "token"])
def test_a_widget_named_for_a_secret_is_emptied_whatever_it_holds(name: str):
    found = canvas()
    slot = {"name": name, "type": "STRING", "link": None, "widget": {"name": name}}
    found["nodes"].append({"id": 50, "type": "Llm", "inputs": [slot], "outputs": [], "widgets_values": ["opensesame"]})
    shared = share(found)
    assert node(shared.template, "Llm")["widgets_values"] == [""]
    assert "opensesame" not in " ".join(shared.taken_out) + shared.text


@pytest.mark.parametrize("name", ["max_tokens", "token_normalization", "tokenizer", "keyframe", "author", "ipadapter"])
def test_other_widgets_keep_their_values(name: str):
    found = canvas()
    slot = {"name": name, "type": "STRING", "link": None, "widget": {"name": name}}
    found["nodes"].append({"id": 50, "type": "Other", "inputs": [slot], "outputs": [], "widgets_values": ["mean"]})
    assert node(share(found).template, "Other")["widgets_values"] == ["mean"]


def test_the_list_of_what_was_taken_out_names_node_and_text_but_no_whole_key():
    found = canvas()
    found["nodes"][0]["title"] = HOME + "/x"
    found["nodes"].append({"id": 50, "type": "Note", "widgets_values": ["my key: sk-" + "abcdefghijklmnop1234"]})
    lines = share(found).taken_out
    assert any("a path," in line and HOME in line for line in lines)
    assert "Note (50): a key sk-a…" in lines
    assert not any("abcdefghijklmnop1234" in line for line in lines)


# --- runs


RUN = Run(
    "0" * 32,
    PromptDraft((Component("a red fox"),), (Component("dark"),), seed=7, source=PromptSource(TEMPLATE, NEGATIVE)),
)
REQUEST = GenerationRequest("a red fox", "dark", (LoraUse("ink"),), "base", seed=7, steps=9)


def test_a_run_as_a_stock_template_renders_its_request():
    shared = share_run(RUN, REQUEST, "stock", host=HOST)
    found = request_from_graph(graph_of(shared))
    assert found == REQUEST.replacing(checkpoint="base.safetensors", loras=(LoraUse("ink.safetensors"),))
    assert note(shared).startswith("# a red fox\n")
    assert TEMPLATE in note(shared)
    assert "Seed: 7" in note(shared)


def test_a_run_as_a_live_template_draws_from_its_template():
    shared = share_run(RUN, REQUEST, "live", "Foxes", HOST)
    check_links(shared.template)
    found = graph_of(shared)
    (key,) = [key for key, item in found.items() if item["class_type"] == "OrchestratorWildcardPrompt"]
    assert found[key]["inputs"]["template"] == TEMPLATE
    assert (found[key]["inputs"]["seed"], found[key]["inputs"]["mode"]) == (7, "populate")
    sampler = next(item for item in found.values() if item["class_type"] == "KSampler")
    assert (sampler["inputs"]["seed"], sampler["inputs"]["steps"]) == ([key, 3], 9)
    assert {item["class_type"] for item in found.values()} >= {"OrchestratorSaveImage", "OrchestratorRunRecorder"}
    assert shared.warnings == ()


def test_a_run_with_a_seed_of_its_own_for_the_image_keeps_both():
    found = graph_of(share_run(RUN, REQUEST.replacing(seed=99), "live", host=HOST))
    assert next(item for item in found.values() if item["class_type"] == "KSampler")["inputs"]["seed"] == 99


def test_a_run_without_a_template_stands_fixed_in_a_live_one_and_says_so():
    run = Run("", PromptDraft((Component("a // red fox"),)))
    shared = share_run(run, GenerationRequest("a // red fox"), "live", host=HOST)
    check_links(shared.template)
    values = node(shared.template, "OrchestratorWildcardPrompt")["widgets_values"]
    assert (values[2], values[4]) == ("a // red fox", "fixed")
    assert "says no template" in shared.warnings[0]
    assert not any(item["type"].startswith("Primitive") for item in shared.template["nodes"])


def test_lora_tags_of_a_live_template_are_mentioned():
    run = RUN.replacing(draft=RUN.draft.replacing(source=PromptSource("a fox <lora:ink:0.5>")))
    assert "<lora:…>" in share_run(run, REQUEST, "live", host=HOST).warnings[0]


def test_an_api_graph_is_laid_out():
    shared = share_workflow(graph(), "stock", host=HOST)
    assert request_from_graph(graph_of(shared)).positive == "a crimson fox"


def test_what_an_older_export_noted_is_in_the_note():
    found = workflow_from_graph(
        graph_of(share(canvas())),
        extra={"template": TEMPLATE, "negative_template": "", "prompt_seed": 5, "run_id": "x", "memory": "she said"},
    )
    shared = share(found)
    assert f"```\n{TEMPLATE}\n```" in note(shared)
    assert "Seed: 5" in note(shared)
    assert "she said" not in shared.text
    assert shared.template["extra"] == {}


# --- bad input


@pytest.mark.parametrize(
    "bad",
    [None, [], "x", {}, {"nodes": 3}, {"nodes": [3]}, {"nodes": [{}]}, {"nodes": [{"id": 1}]}, {"1": {"class_type": 3}},
     {"nodes": [{"id": [], "type": "A"}]}, {"nodes": [], "links": [[1]]}, {"nodes": [], "links": [3]},
     {"nodes": [], "definitions": {"subgraphs": [{}]}}, {"nodes": [{"id": HOME, "type": "A"}]},
     {"nodes": [{"id": 1, "type": "A", "inputs": [3]}]}, {"nodes": [], "links": [["a", "b", "c", "d", "e", "f"]]}],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["stock", "live"])
def test_what_is_no_workflow_is_refused_in_a_sentence(bad: Any, kind: Kind):
    with pytest.raises(FormatError) as refused:
        share_workflow(bad, kind, host=HOST)
    assert "\n" not in str(refused.value)


def test_a_kind_that_is_none_is_refused():
    with pytest.raises(FormatError, match="stock"):
        share_workflow(canvas(), "both", host=HOST)  # type: ignore[arg-type]


def test_a_workflow_nested_without_end_is_refused():
    deep: Any = "x"
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(FormatError, match="deeply"):
        share_workflow({"nodes": [], "extra": deep}, "stock", host=HOST)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=5), values, max_size=3),
    max_leaves=8,
)
NAMES_OF_NODES = st.sampled_from(["inputs", "outputs", "widgets_values", "properties", "pos", "title", "flags", "mode"])


@given(st.dictionaries(NAMES_OF_NODES, json_values, max_size=4), st.sampled_from([1, 2, 4, 7, 9]), st.data())
def test_a_damaged_node_is_refused_or_shared(changes: dict[str, Any], key: int, data: st.DataObject):
    found = canvas()
    item = next(item for item in found["nodes"] if item["id"] == key)
    item |= changes
    found[data.draw(st.sampled_from(["groups", "extra", "config", "models", "definitions"]))] = data.draw(json_values)
    for kind in ("stock", "live"):
        try:
            shared = share(found, kind)
        except FormatError:
            continue
        json.loads(shared.text)


def test_numbers_that_json_cannot_say_do_not_stop_an_export():
    found = canvas()
    found["nodes"][0]["pos"] = [float("nan"), float("inf")]
    assert node(json.loads(share(found).text), "CheckpointLoaderSimple")["pos"] == [None, None]
