"""What the images of a run say of a text that only the run could draw."""

from __future__ import annotations

import json
from typing import Any

import pytest

from comfy_nodes.image_info import note_loaded, of_this_draft, show_while_running
from comfy_nodes.widgets import WIDGETS
from orchestrator_core.prompt import Component, PromptDraft, PromptSource

NODE = "OrchestratorWildcardPrompt"


def draft(text: str, template: str = "a {fox|owl}") -> PromptDraft:
    return PromptDraft((Component(text),), (Component(f"no {text}"),), seed=7, source=PromptSource(template))


def running(**inputs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """(prompt, extra_pnginfo) of a graph that the handler has left to the run."""
    held = {"template": ["1", 0], "populated_text": "", "populated_negative": "", "seed": 7, **inputs}
    widgets = [
        {"template": "t", "mode": "populate", "populated_text": "old", "seed": 7}.get(name, "") for name in WIDGETS
    ]
    prompt = {
        "4": {"class_type": NODE, "inputs": held},
        "8": {"class_type": "OrchestratorSaveImage", "inputs": {"images": ["7", 0], "draft": ["4", 2]}},
    }
    return prompt, {"workflow": {"nodes": [{"id": 4, "type": NODE, "widgets_values": widgets}]}}


def shown(prompt: dict[str, Any], info: dict[str, Any]) -> tuple[str, str, str]:
    widgets = info["workflow"]["nodes"][0]["widgets_values"]
    inputs = prompt["4"]["inputs"]
    return inputs["populated_text"], inputs["populated_negative"], widgets[WIDGETS.index("populated_text")]


def test_the_text_and_its_origin_are_in_the_images():
    prompt, info = running()
    show_while_running(prompt, info, "4", draft("a fox"))
    assert shown(prompt, info) == ("a fox", "no a fox", "a fox")
    assert (info["orchestrator"]["template"], info["orchestrator"]["prompt_seed"]) == ("a {fox|owl}", 7)


def test_images_of_a_list_say_all_its_texts_and_no_single_origin():
    prompt, info = running()
    for text in ("a fox", "an owl", "a fox"):
        show_while_running(prompt, info, "4", draft(text))
    assert shown(prompt, info) == ("a fox\nan owl", "no a fox\nno an owl", "a fox\nan owl")
    assert "orchestrator" not in info


def test_an_image_that_knows_its_draft_says_that_alone():
    prompt, info = running()
    for text in ("a fox", "an owl"):
        show_while_running(prompt, info, "4", draft(text))
    before = json.dumps([prompt, info])
    own_prompt, own_info = of_this_draft(prompt, info, "8", draft("an owl"))
    assert shown(own_prompt, own_info) == ("an owl", "no an owl", "an owl")
    assert json.dumps([prompt, info]) == before  # the images of other nodes are not touched
    assert own_prompt["8"] == prompt["8"]


def test_nothing_is_copied_where_nothing_differs():
    prompt, info = running()
    show_while_running(prompt, info, "4", draft("a fox"))
    own_prompt, own_info = of_this_draft(prompt, info, "8", draft("a fox"))
    assert own_prompt is prompt
    assert own_info is info


def test_infos_and_prompts_of_any_shape_are_taken():
    for hostile in (None, [], "x", {}, {"workflow": 3}, {"workflow": {"nodes": [None]}}, {"orchestrator": []}):
        prompt, _ = running()
        show_while_running(prompt, hostile, "4", draft("a fox"))
        show_while_running(hostile, hostile, "4", draft("a fox"))
        of_this_draft(hostile, hostile, "8", draft("a fox"))
        of_this_draft(running()[0], hostile, "8", draft("a fox"))
        assert prompt["4"]["inputs"]["populated_text"] == "a fox"
    assert of_this_draft({"8": {"inputs": []}}, {}, "8", draft("x")) == ({"8": {"inputs": []}}, {})


def test_what_a_lora_node_loaded_is_in_the_images_workflow():
    info: dict[str, Any] = {"workflow": {"nodes": [{"id": 3, "type": "OrchestratorLoRASelector"}]}}
    noted = note_loaded(info, "3", [("styles/ink.safetensors", 0.8, 0.6)], "a fox, ink")
    assert noted == {"text": "a fox, ink", "loras": [["styles/ink.safetensors", 0.8, 0.6]]}
    (node,) = info["workflow"]["nodes"]
    assert node["properties"] == {"orchestrator_loaded": noted}


@pytest.mark.parametrize("info", [None, {}, {"workflow": None}, {"workflow": {"nodes": [{"id": 3, "properties": []}]}}])
def test_a_workflow_that_is_none_takes_no_note_and_stops_nothing(info: Any):
    assert note_loaded(info, "3", [], None) == {"loras": []}
