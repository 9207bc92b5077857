"""A test as a ComfyUI workflow: a frame for each row, nothing twice, nothing on top of another."""

from __future__ import annotations

from itertools import combinations

import pytest

from orchestrator_core.errors import ConfigError
from orchestrator_core.formats.comfy_workflow_reader import graph_from_workflow
from orchestrator_core.formats.sharing_nodes import OUR_NODES
from orchestrator_core.loras.record import LoraRecord
from orchestrator_core.loras.testing import TestPlan, draw_prompts, plan_test
from orchestrator_core.loras.testing_graph import SAVE_WITH_ORIGIN, graph_of_test, workflow_of_test
from orchestrator_core.loras.testing_note import NOTE, CellNote, note_of
from orchestrator_core.request import GenerationRequest
from orchestrator_core.template import Wildcards

RECORDS = (
    LoraRecord("styles/tiny_ink", "/a", trigger_words=("tinyink",)),
    LoraRecord("tiny_fox", "/b", trigger_words=("tinyfox",)),
)


def plan(
    prompts: tuple[str, ...] = ("a hill, {trigger}",), seeds: tuple[int, ...] = (1, 2), **settings: object
) -> TestPlan:
    drafts = draw_prompts(prompts, Wildcards([]), "blurry")
    request = GenerationRequest("", checkpoint="tiny", **settings)  # type: ignore[arg-type]
    return plan_test(RECORDS, (0.5, 1.0), drafts, seeds, request)


def of_class(graph: dict[str, dict[str, object]], kind: str) -> list[dict[str, object]]:
    return [node["inputs"] for node in graph.values() if node["class_type"] == kind]  # type: ignore[misc]


def test_each_row_has_one_loader_and_each_image_one_sampler():
    graph = graph_of_test(plan())
    loaders = [(node["lora_name"], node["strength_model"]) for node in of_class(graph, "LoraLoader")]
    assert loaders == [
        ("styles/tiny_ink.safetensors", 0.5), ("styles/tiny_ink.safetensors", 1.0),
        ("tiny_fox.safetensors", 0.5), ("tiny_fox.safetensors", 1.0),
    ]  # fmt: skip
    assert [node["seed"] for node in of_class(graph, "KSampler")] == [1, 2] * 5
    assert len(of_class(graph, "CheckpointLoaderSimple")) == len(of_class(graph, "EmptyLatentImage")) == 1
    texts = [node["text"] for node in of_class(graph, "CLIPTextEncode")]
    assert texts == ["a hill", "blurry", *["a hill, tinyink", "blurry"] * 2, *["a hill, tinyfox", "blurry"] * 2]


def test_no_two_images_are_saved_under_one_name():
    prefixes = [node["filename_prefix"] for node in of_class(graph_of_test(plan()), "SaveImage")]
    assert len(set(prefixes)) == 10
    assert prefixes[2] == "lora_test/tiny_ink_at_0.5_p1_s1"


def test_the_canvas_gives_the_same_graph_back():
    assert graph_from_workflow(workflow_of_test(plan())) == graph_of_test(plan())


def test_each_row_has_its_frame_and_nothing_lies_on_anything_else():
    workflow = workflow_of_test(
        plan(("a hill, {trigger}", "a literal \\{brace, {trigger}"), (1, 2), clip_skip=2, vae="v")
    )
    titles = [group["title"] for group in workflow["groups"]]
    assert titles == ["baseline, without LoRA", "tiny_ink at 0.5", "tiny_ink at 1", "tiny_fox at 0.5", "tiny_fox at 1"]
    boxes = [(*node["pos"], *node["size"]) for node in workflow["nodes"]]
    assert [pair for pair in combinations(boxes, 2) if overlap(*pair)] == []
    frames = [tuple(group["bounding"]) for group in workflow["groups"]]
    assert [pair for pair in combinations(frames, 2) if overlap(*pair)] == []


def overlap(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return all(one[i] < other[i] + other[i + 2] and other[i] < one[i] + one[i + 2] for i in (0, 1))


def test_too_many_images_for_a_canvas_are_refused_in_a_sentence():
    with pytest.raises(ConfigError, match="= 25 images: a workflow holds at most 24"):
        workflow_of_test(plan(seeds=(1, 2, 3, 4, 5)))


def test_for_the_gallery_each_image_says_which_it_is_of_the_test():
    workflow = workflow_of_test(plan(), test="t1", title="Two")
    savers = [node for node in workflow["nodes"] if node["type"] == SAVE_WITH_ORIGIN]
    notes = [note_of(node) for node in savers]
    hill = "a hill, {trigger}"
    assert notes[0] == CellNote("t1", "Two", "", "", hill)
    assert notes[2] == CellNote("t1", "Two", "styles/tiny_ink", "styles/tiny_ink.safetensors", hill, "tinyink")
    assert len(notes) == 10
    assert graph_from_workflow(workflow, OUR_NODES) == graph_of_test(plan(), SAVE_WITH_ORIGIN)
    assert NOTE not in str(workflow_of_test(plan()))


@pytest.mark.parametrize(
    "held", [None, "t1", {}, {"test": "t1"}, {**CellNote("", "", "", "", "").as_property()},
             {**CellNote("t1", "", "", "", "").as_property(), "file": 3}],
)  # fmt: skip
def test_what_no_test_wrote_is_no_note(held: object):
    assert note_of({"properties": {NOTE: held}}) is None
