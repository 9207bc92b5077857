from __future__ import annotations

import copy
import re
from pathlib import Path

import pytest

from orchestrator_core.errors import FormatError
from orchestrator_core.formats.comfy_binding import TITLES, bind_graph
from orchestrator_core.formats.comfy_graph import text_to_image_graph
from orchestrator_core.formats.comfy_graph_reader import request_from_graph
from orchestrator_core.formats.comfy_links import Place
from orchestrator_core.prompt import LoraUse
from orchestrator_core.request import GenerationRequest
from tests.core.formats.test_comfy_graph import advanced_graph, node_titled

INK = LoraUse("ink.safetensors", 0.8, 0.6)
MIST = LoraUse("sub/mist.safetensors", 0.5, 0.5)


def test_our_own_graph_takes_another_request_whole() -> None:
    first = GenerationRequest(
        "a", "b", (INK, MIST), "x.ckpt", "euler", "normal", 9, 3.0, 0.5, 640, 768, 1, 2, "v.pt", 2
    )
    second = GenerationRequest("c", "d", (MIST,), "y.ckpt", "lms", "karras", 21, 7.5, 0.9, 576, 704, 0, 3, "w.pt", 3)
    bound = bind_graph(text_to_image_graph(first), second)
    assert request_from_graph(bound.graph) == second
    assert bound.unbound == ()


def test_titles_are_found_in_any_case_and_values_replace_links() -> None:
    graph = advanced_graph()
    graph["26"]["_meta"] = {"title": "somebody's"}
    graph["6"]["_meta"] = {"title": " Positive Prompt"}
    graph["51"]["_meta"] = {"title": "SEED"}
    graph["27"]["_meta"] = {"title": "Size"}
    bound = bind_graph(graph, GenerationRequest("an owl", seed=5, width=640, height=448, batch_size=3))
    assert bound.graph["6"]["inputs"]["text"] == "an owl"
    assert bound.graph["51"]["inputs"]["value"] == 5
    assert bound.graph["27"]["inputs"] == {"width": 640, "height": 448, "batch_size": 3}
    assert bound.bound["positive"] == (Place("6", "text"),)


def test_without_titles_the_links_show_the_way_and_the_graphs_own_settings_stay() -> None:
    bound = bind_graph(advanced_graph(), GenerationRequest("an owl", seed=5))
    assert request_from_graph(bound.graph) == request_from_graph(advanced_graph()).replacing(positive="an owl", seed=5)
    assert bound.graph["50"]["inputs"]["value"] == "an owl"
    assert bound.unbound == ()


def test_settings_edited_in_an_exported_graph_stay_when_it_is_given_back() -> None:
    exported = text_to_image_graph(GenerationRequest("a", "bad", steps=2, width=64, height=64))
    bound = bind_graph(exported, GenerationRequest("an owl", seed=5))
    expected = GenerationRequest("an owl", "bad", steps=2, width=64, height=64, seed=5)
    assert request_from_graph(bound.graph) == expected


def test_what_the_request_sets_is_written_and_what_has_no_place_is_named() -> None:
    bound = bind_graph(advanced_graph(), GenerationRequest("an owl", "bad", steps=8, cfg=2.0, width=640, clip_skip=2))
    assert (bound.graph["17"]["inputs"]["steps"], bound.graph["27"]["inputs"]["width"]) == (8, 640)
    assert bound.unbound == ("negative", "cfg", "clip_skip")


def test_bindings_go_before_titles() -> None:
    graph = text_to_image_graph(GenerationRequest("x"))
    graph["77"] = {"class_type": "PrimitiveInt", "inputs": {"value": 3}, "_meta": {"title": "My Steps"}}
    bound = bind_graph(graph, GenerationRequest("a", steps=20), {"steps": "my steps.value", "positive": "3.text"})
    assert bound.graph["77"]["inputs"]["value"] == 20
    assert bound.bound["positive"] == (Place("3", "text"),)


@pytest.mark.parametrize(
    ("bindings", "message"),
    [
        ({"positive": "99.text"}, r'"99\.text" names no node of the graph'),
        ({"positive": "text"}, "names no node"),
        ({"positive": "3.words"}, r"node 3 \(CLIPTextEncode\) has no such input, but text, clip"),
        ({"posi": "3.text"}, '"posi", which is no part of a request; known are positive, negative, seed'),
        ({"positive": "twice.text"}, "names 2 nodes"),
    ],
)
def test_a_binding_that_leads_nowhere_is_an_error(bindings: dict[str, str], message: str) -> None:
    graph = text_to_image_graph(GenerationRequest("x"))
    graph["3"]["_meta"]["title"] = graph["2"]["_meta"]["title"] = "twice"
    with pytest.raises(FormatError, match=message):
        bind_graph(graph, GenerationRequest("a"), bindings)


def test_loras_go_right_behind_the_loader_before_the_graphs_own() -> None:
    graph = text_to_image_graph(GenerationRequest("x", loras=(INK,), checkpoint="a.ckpt"))
    node_titled(graph, "LoRA 1: ink.safetensors")["_meta"]["title"] = "Load LoRA"
    bound = bind_graph(graph, GenerationRequest("y <lora:mist:1>"))
    assert request_from_graph(bound.graph).loras == (LoraUse("mist.safetensors"), INK)
    assert request_from_graph(bound.graph).positive == "y "
    assert bind_graph(graph, GenerationRequest("y")).graph.keys() == graph.keys()


def test_titled_loras_are_the_place_of_the_requests() -> None:
    graph = text_to_image_graph(GenerationRequest("x", loras=(INK, MIST), checkpoint="a.ckpt"))
    node_titled(graph, "LoRA 1: ink.safetensors")["_meta"]["title"] = "LoRAs"
    node_titled(graph, "LoRA 2: mist.safetensors")["_meta"]["title"] = "lora 2"
    none = bind_graph(graph, GenerationRequest("y")).graph
    assert "LoraLoader" not in [node["class_type"] for node in none.values()]
    assert request_from_graph(none) == GenerationRequest("y", checkpoint="a.ckpt")
    assert node_titled(none, "positive")["inputs"]["clip"] == ["1", 1]
    one = bind_graph(graph, GenerationRequest("y", loras=(MIST,)))
    assert request_from_graph(one.graph).loras == (MIST,)


def test_loras_of_a_graph_with_split_loaders() -> None:
    bound = bind_graph(advanced_graph(), GenerationRequest("y", loras=(INK,)))
    added = bound.graph["52"]
    assert added["class_type"] == "LoraLoader"
    assert (added["inputs"]["model"], added["inputs"]["clip"]) == (["12", 0], ["11", 0])
    assert bound.graph["40"]["inputs"]["model"] == ["52", 0]
    assert bound.graph["6"]["inputs"]["clip"] == ["52", 1]


def test_loras_without_a_place_are_named() -> None:
    graph = {"1": {"class_type": "Encode", "inputs": {"text": "x"}, "_meta": {"title": "positive"}}}
    assert bind_graph(graph, GenerationRequest("y", loras=(INK,))).unbound == ("seed", "loras")


def test_encoders_with_several_texts_get_them_all() -> None:
    graph = text_to_image_graph(GenerationRequest("x"))
    for title in ("positive", ""):
        graph["2"] = {
            "class_type": "CLIPTextEncodeSDXL",
            "inputs": {"width": 9, "text_g": "", "text_l": "", "clip": ["1", 1]},
            "_meta": {"title": title},
        }
        bound = bind_graph(graph, GenerationRequest("a fox"))
        assert (bound.graph["2"]["inputs"]["text_g"], bound.graph["2"]["inputs"]["text_l"]) == ("a fox", "a fox")


def test_further_inputs_are_written_as_they_are() -> None:
    request = GenerationRequest("a", extra={"inputs": {"save.filename_prefix": "mine", "1.ckpt_name": "z"}})
    bound = bind_graph(text_to_image_graph(GenerationRequest("x", checkpoint="y")), request)
    assert node_titled(bound.graph, "save")["inputs"]["filename_prefix"] == "mine"
    assert bound.graph["1"]["inputs"]["ckpt_name"] == "z"


def test_the_given_graph_is_not_changed() -> None:
    graph = advanced_graph()
    before = copy.deepcopy(graph)
    bind_graph(graph, GenerationRequest("y", loras=(INK,)))
    assert graph == before


def test_a_graph_with_no_place_for_a_prompt_is_refused() -> None:
    graph = {"1": {"class_type": "LoadImage", "inputs": {"image": "a.png"}}}
    with pytest.raises(FormatError, match='give the text node the title "positive"'):
        bind_graph(graph, GenerationRequest("y"))
    with pytest.raises(FormatError, match="canvas workflow"):
        bind_graph({"nodes": []}, GenerationRequest("y"))


def test_the_guide_names_every_title() -> None:
    guide = (Path(__file__).parents[3] / "docs" / "comfyui.md").read_text("utf-8")
    table = guide.partition("| title |")[2].partition("\n\n")[0]
    named = {name for row in table.splitlines() for name in re.findall(r"`([^`]+)`", row.partition("| what")[0])}
    spelled = {name for name in TITLES if "_" not in name}
    assert {name for name in named if not name.startswith("lora")} == spelled
