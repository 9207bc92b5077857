"""What a tagger or a caption says of an image, as the node, its report and its JSON tell it."""

from __future__ import annotations

import json

from comfy_nodes.score_telling import json_of, report_of, ui_of
from comfy_nodes.score_types import Scored, ScoredImage
from orchestrator_core.prompt import Component, PromptDraft
from orchestrator_core.vision.observing import Observation, Part
from orchestrator_core.vision.port import Fulfilment, Wanted

SEEN = Observation("tagger:1", (Part("fox", 0.97, 0),), (Part("red scarf", 0.12, 1),), (Part("tree", 0.8),))
STYLE = Fulfilment(Wanted(0, "anime", "style"), 0.25, 0.1, 0.4, 0.2, True, "style")


def scored(*observations: Observation | None) -> Scored:
    fox = Fulfilment(Wanted(0, "fox", "free"), 0.9, 0.8, 0.95, 0.3, True)
    images = tuple(ScoredImage(f"{n}", (fox, STYLE), 0.9, observation=each) for n, each in enumerate(observations))
    return Scored(PromptDraft((Component("fox, red scarf"),)), "clip:x:y:1", 0.5, images, ("No head is there.",))


def test_the_node_names_what_is_there_missing_and_unasked_in_each_image():
    (shown,) = ui_of(scored(SEEN, None))["orchestrator_scores"]
    assert [image["compared"] for image in shown["images"]] == [
        [["fulfilled", ["fox 97%"]], ["missing", ["red scarf 12%"]], ["unasked", ["tree 80%"]]],
        [],
    ]
    assert shown["problems"] == ["No head is there."]


def test_the_report_has_a_line_for_each_and_tells_style_from_parts():
    lines = report_of(scored(SEEN)).splitlines()
    assert lines[0] == "No head is there."
    assert "  missing: red scarf 12%" in lines
    assert "  style anime: 25% (10% to 40%)" in lines


def test_the_json_has_all_numbers():
    (image,) = json.loads(json_of(scored(SEEN)))["images"]
    assert image["compared"]["missing"] == [{"text": "red scarf", "probability": 0.12, "component": 1}]
    assert [part["metric"] for part in image["components"]] == ["fulfilment", "style"]
