"""A test of LoRAs as a workflow: what is counted, what it begins with, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from comfy_nodes.lora_answers import LoraAnswers
from comfy_nodes.lora_shelf import LoraShelf
from comfy_nodes.lora_testing import LoraTesting
from orchestrator_core.formats.comfy_graph import text_to_image_graph
from orchestrator_core.loras.testing_graph import MOST_CELLS
from orchestrator_core.request import GenerationRequest
from orchestrator_core.template import Wildcards
from tests.comfy_nodes.lora_actions import ActionsPage
from tests.comfy_nodes.lora_shelves import shelf_of
from tests.core.loras.library_files import write_lora

GRAPH = text_to_image_graph(
    GenerationRequest(
        "a lynx, photo,", negative="blurry", checkpoint="pony_v6.safetensors", steps=11, cfg=3.5, width=768, seed=4
    )
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "loras"


@pytest.fixture
def shelf(folder: Path) -> Iterator[LoraShelf]:
    found = shelf_of(folder, ink="inkword", styles__fox="foxword", plain="")
    found.start()
    yield found
    found.stop()


@pytest.fixture
def page(shelf: LoraShelf, folder: Path) -> ActionsPage:
    return ActionsPage(shelf, folder)


def kinds(workflow: dict[str, Any], kind: str) -> list[Any]:
    return [node["widgets_values"] for node in workflow["nodes"] if node["type"] == kind]


def test_the_number_of_images_is_said_before(page: ActionsPage) -> None:
    found = page.post("test", **page.test("ink", "styles/fox", only_count=True))
    assert found["workflow"] is None
    assert [found[name] for name in ("loras", "strengths", "seeds", "images", "most")] == [2, 2, 2, 10, MOST_CELLS]


def test_the_workflow_has_a_row_for_each_lora_and_strength(page: ActionsPage) -> None:
    found = page.post("test", **page.test("ink", "styles/fox", seeds="7"))["workflow"]
    assert [group["title"] for group in found["groups"]] == [
        "baseline, without LoRA", "ink at 0.5", "ink at 1", "fox at 0.5", "fox at 1",
    ]  # fmt: skip
    assert kinds(found, "LoraLoader")[2:] == [
        [str(Path("styles") / "fox.safetensors"), each, each] for each in (0.5, 1)
    ]
    texts = [values[0] for values in kinds(found, "CLIPTextEncode")]
    assert {"a fox, snow", "a fox, inkword, snow", "a fox, foxword, snow"} <= set(texts)


def test_the_open_graph_gives_model_and_settings(page: ActionsPage) -> None:
    found = page.post("test", **page.test("ink", graph=GRAPH))["workflow"]
    assert kinds(found, "CheckpointLoaderSimple") == [["pony_v6.safetensors"]]
    assert kinds(found, "EmptyLatentImage") == [[768, 512, 1]]
    assert {tuple(values[2:4]) for values in kinds(found, "KSampler")} == {(11, 3.5)}


def test_the_open_graph_gives_the_prompt_to_begin_with(page: ActionsPage) -> None:
    found = page.post("test/start", graph=GRAPH)
    assert (found["prompt"], found["negative"]) == ("a lynx, photo, {trigger}", "blurry")
    assert (found["checkpoint"], found["most"]) == ("pony_v6.safetensors", MOST_CELLS)


@pytest.mark.parametrize(
    "graph", [None, {}, {"1": 2}, {"1": {"class_type": "UNETLoader", "inputs": {"unet_name": "f"}}}]
)
def test_a_graph_without_a_checkpoint_is_no_obstacle(page: ActionsPage, graph: Any) -> None:
    found = page.post("test/start", graph=graph)
    assert (found["prompt"], found["checkpoint"]) == ("a portrait of a woman, {trigger}", "")
    workflow = page.post("test", **page.test("ink", graph=graph))["workflow"]
    assert "Choose a model" in kinds(workflow, "MarkdownNote")[0][0]


def test_what_cannot_be_tested_is_named_with_the_reason(page: ActionsPage, shelf: LoraShelf, folder: Path) -> None:
    page.post("user", id=page.id("plain"), base_model="Flux.1")
    (folder / "ink.safetensors").unlink()
    shelf.refresh()
    found = page.post("test", **page.test("ink", "plain", "styles/fox", graph=GRAPH, only_count=True))
    assert found["loras"] == 1
    assert [one["name"] for one in found["refused"]] == ["ink", "plain"]
    assert found["refused"][0]["reason"] == "its file is gone"
    assert "Flux" in found["refused"][1]["reason"]


def test_a_file_that_the_host_means_another_by_is_not_tested(shelf: LoraShelf, folder: Path, tmp_path: Path) -> None:
    page = ActionsPage(shelf, folder)
    other = write_lora(tmp_path / "first" / "ink.safetensors")
    files = {"ink.safetensors": str(other)}
    testing = LoraTesting(LoraAnswers(shelf), Wildcards([]), lambda name: files.get(name, str(folder / name)))
    found = testing.test(page.test("ink", "plain", only_count=True))
    assert found["refused"] == [{"name": "ink", "reason": "the host does not have it"}]


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"strengths": "strong"}, "Strengths: 'strong' are no numbers"),
        ({"strengths": "nan"}, "nan is no strength"),
        ({"seeds": "x"}, "'x' is no seed"),
        ({"seeds": ""}, "No seed is given"),
        ({"prompt": "  "}, "There is no prompt"),
        ({"ids": []}, "No LoRA is left to test"),
        ({"seeds": "1-9"}, f"a workflow holds at most {MOST_CELLS}"),
        ({"ids": ["../ink"]}, "ids.0: String should match"),
    ],
)
def test_what_cannot_be_made_into_a_test_is_refused_with_a_sentence(
    page: ActionsPage, values: dict[str, Any], why: str
) -> None:
    status, sentence = page.refusal("test", **page.test("ink", "plain", **values))
    assert (status, why in sentence) == (400, True), sentence


def test_too_many_images_are_counted_all_the_same(page: ActionsPage) -> None:
    assert page.post("test", **page.test("ink", seeds="1-100", only_count=True))["images"] == 300


def test_other_pages_may_begin_none(page: ActionsPage) -> None:
    assert page.refused_elsewhere("test")
    assert page.refused_elsewhere("test/start")
