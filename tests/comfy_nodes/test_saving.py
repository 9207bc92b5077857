"""Image files with what they were made from, without ComfyUI: a tensor is asked for no more than its numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from comfy_nodes.saving import FORMATS, Saving
from orchestrator_core.formats.comfy_graph import text_to_image_graph
from orchestrator_core.formats.image_metadata import read_image
from orchestrator_core.prompt import Component, LoraUse, PromptDraft, PromptSource
from orchestrator_core.request import GenerationRequest, ImageNotes

numpy = pytest.importorskip("numpy")

REQUEST = GenerationRequest("a red fox", "blurry", checkpoint="tiny.safetensors", seed=3, steps=2, width=8, height=8)
GRAPH = text_to_image_graph(REQUEST)
DRAFT = PromptDraft((Component("a red fox"),), seed=9, source=PromptSource("a {red|blue} fox", "{blurry|dark}"))
WORKFLOW = {"nodes": [], "links": []}


class Tensor:
    """An image of a batch, as the nodes pass it: height × width × channels, 0–1."""

    def __init__(self, channels: int = 3) -> None:
        self.numbers = numpy.full((8, 8, channels), 0.5, "float32")

    def cpu(self) -> Tensor:
        return self

    def numpy(self) -> Any:
        return self.numbers


def saving(folder: Path, info: Any = None, **options: Any) -> Saving:
    values = {"draft": DRAFT, **options}
    return Saving(folder, "x", GRAPH, {"workflow": WORKFLOW} if info is None else info, **values)


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_says_how_it_was_made(tmp_path: Path, kind: str):
    image = saving(tmp_path, format=kind, run_id="r1").save(Tensor(), 1, 0)
    found = read_image(image.path)
    assert (found.format.lower(), found.problems) == (kind, ())
    assert found.request == image.request == REQUEST
    assert found.notes == ImageNotes("r1", "a {red|blue} fox", "{blurry|dark}", "dynamicprompts", 9)
    assert (found.graph, found.workflow) == (GRAPH, WORKFLOW)
    assert found.texts["parameters"].startswith("a red fox\nNegative prompt: blurry\nSteps: 2")


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("kind", FORMATS)
def test_grey_and_transparent_images_are_saved(tmp_path: Path, kind: str, channels: int):
    image = saving(tmp_path, format=kind).save(Tensor(channels), 1, 0)
    with Image.open(image.path) as picture:
        assert picture.size == (8, 8)
        assert (picture.mode == "RGBA") == (channels == 4 and kind != "jpeg")


def test_webp_without_loss_keeps_every_pixel(tmp_path: Path):
    tensor = Tensor()
    tensor.numbers = numpy.random.default_rng(1).random((8, 8, 3), "float32")
    image = saving(tmp_path, format="webp", lossless=True).save(tensor, 1, 0)
    with Image.open(image.path) as picture:
        assert (numpy.asarray(picture) == (255 * tensor.numbers).astype("uint8")).all()


def test_a_workflow_that_has_no_room_in_a_jpeg_is_left_out_and_that_is_said(tmp_path: Path):
    saved = saving(tmp_path, {"workflow": {"nodes": [], "x": "y" * 70_000}}, format="jpeg", run_id="r1")
    found = read_image(saved.save(Tensor(), 1, 0).path)
    assert (found.workflow, found.request) == (None, REQUEST)
    assert found.notes is not None
    assert found.notes.template == "a {red|blue} fox"
    (note,) = saved.notes
    assert note.startswith("Saved without prompt, workflow. The image: ")
    assert "JPEG" in note


def test_a_text_that_no_format_can_hold_costs_only_itself(tmp_path: Path):
    saved = saving(tmp_path, {"workflow": WORKFLOW, "狐" * 50: 1, "of another pack": object()})
    found = read_image(saved.save(Tensor(), 1, 0).path)
    assert (found.workflow, found.graph, found.request) == (WORKFLOW, GRAPH, REQUEST)
    assert saved.notes[0].startswith("Saved without of another pack, 狐")


def test_without_workflow_only_the_origin_goes_along(tmp_path: Path):
    found = read_image(saving(tmp_path, with_workflow=False).save(Tensor(), 1, 0).path)
    assert set(found.texts) == {"parameters", "orchestrator"}


def test_a_server_that_wants_no_metadata_gets_none(tmp_path: Path):
    image = saving(tmp_path, with_metadata=False).save(Tensor(), 1, 0)
    assert read_image(image.path).texts == {}
    assert image.request == REQUEST


def test_each_image_of_a_batch_says_which_it_is(tmp_path: Path):
    graph = text_to_image_graph(REQUEST.replacing(batch_size=2))
    saved = Saving(tmp_path, "x%batch_num%", graph, {}, DRAFT)
    images = [saved.save(Tensor(), 5, number) for number in range(2)]
    assert [image.path.name for image in images] == ["x0_00005_.png", "x1_00006_.png"]
    assert [read_image(image.path).request.extra for image in images] == [{"batch_index": 0}, {"batch_index": 1}]
    assert len({image.run_id for image in images}) == 1


def test_no_older_image_is_written_over(tmp_path: Path):
    first = saving(tmp_path).save(Tensor(), 1, 0)
    before = first.path.read_bytes()
    assert saving(tmp_path).save(Tensor(), 1, 0).path.name == "x_00002_.png"
    assert first.path.read_bytes() == before


def test_without_a_draft_the_notes_of_the_graph_count(tmp_path: Path):
    told = {"orchestrator": {"template": "a {fox|owl}", "prompt_seed": 4, "run_id": ""}}
    found = read_image(saving(tmp_path, told, draft=None, run_id="r2").save(Tensor(), 1, 0).path)
    assert found.notes == ImageNotes("r2", "a {fox|owl}", prompt_seed=4)
    for hostile in ({"orchestrator": [1]}, {"orchestrator": {"template": 3}}, {"orchestrator": None}, {}):
        found = read_image(saving(tmp_path, hostile, draft=None, run_id="r3").save(Tensor(), 1, 0).path)
        assert found.notes is not None
        assert (found.notes.run_id, found.notes.template) == ("r3", "")


def test_a_graph_without_a_sampler_has_the_drafts_prompt(tmp_path: Path):
    graph = {"1": {"class_type": "LoadImage", "inputs": {"image": "x.png"}}}
    found = read_image(Saving(tmp_path, "x", graph, {}, DRAFT).save(Tensor(), 1, 0).path)
    assert found.request is not None
    assert found.request.positive == "a red fox"
    assert json.loads(found.texts["prompt"]) == graph


def test_the_loras_that_a_selector_has_chosen_are_named_in_the_image(tmp_path: Path):
    graph = {key: dict(node) for key, node in GRAPH.items()}
    for node in graph.values():
        if node["class_type"] == "CLIPTextEncode":  # its text comes from a node that only the run can tell of
            node["inputs"] = {**node["inputs"], "text": ["select", 2]}
    graph["select"] = {"class_type": "OrchestratorLoRASelector", "inputs": {}}
    draft = DRAFT.replacing(loras=(LoraUse("styles/ink", 0.8, 0.8),))
    image = Saving(tmp_path, "x", graph, {}, draft).save(Tensor(), 1, 0)
    assert image.request.loras == draft.loras
    assert "<lora:ink:0.8>" in read_image(image.path).texts["parameters"]


def test_of_several_samplers_in_a_graph_the_images_own_is_told(tmp_path: Path):
    other = text_to_image_graph(REQUEST.replacing(positive="an owl", seed=8))
    renamed = {
        f"o{key}": {
            **node,
            "inputs": {n: [f"o{v[0]}", v[1]] if isinstance(v, list) else v for n, v in node["inputs"].items()},
        }
        for key, node in other.items()
    }
    graph = {**GRAPH, **renamed}
    (own,) = (key for key, node in renamed.items() if node["class_type"] == "SaveImage")
    image = Saving(tmp_path, "x", graph, {}, None, node_id=own).save(Tensor(), 1, 0)
    assert (image.request.positive, image.request.seed) == ("an owl", 8)
    assert read_image(image.path).graph == graph
