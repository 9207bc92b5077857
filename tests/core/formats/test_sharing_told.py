"""Story Memory and LLM Enhance in a template for others: a stock one holds the texts that they made, a live one tells
anew."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator_core.formats.comfy_graph_reader import request_from_graph
from orchestrator_core.formats.comfy_links import Graph
from orchestrator_core.formats.sharing import Host, Kind, Shared, share_workflow
from orchestrator_core.formats.sharing_nodes import OUR_NODES
from orchestrator_core.formats.sharing_told import TOLD
from orchestrator_core.stages.follow_story import Options
from tests.core.formats.test_sharing import canvas, check_links, graph, graph_of
from tests.core.formats.test_sharing_loras import with_selector

SCENE = {"positive": "a crimson fox, silver hair, night", "negative": "short hair"}
RICHER = {"positive": "a crimson fox, silver hair, night, fog", "negative": "short hair"}


def with_story(found: Graph | None = None) -> Graph:
    """The workflow of the other tests with a Story Memory behind its Wildcard Prompt, and Profile Loader before it."""
    found = found or graph()
    found["20"] = {"class_type": "OrchestratorProfileLoader", "inputs": {"character": "mira"}}
    found["2"]["inputs"]["profiles"] = ["20", 0]
    found["21"] = {"class_type": "OrchestratorStoryMemory", "inputs": {"draft": ["2", 2], "story": "The letter"}}
    found["4"]["inputs"]["text"] = ["21", 1]
    found["5"]["inputs"]["text"] = ["21", 2]
    found["3"]["inputs"]["draft"] = ["21", 0]
    return found


def drawn(found: Graph, **told: Any) -> dict[str, Any]:
    workflow = canvas(found)
    for item in workflow["nodes"]:
        if str(item["id"]) in told:
            item["properties"][TOLD] = told[str(item["id"])]
    return workflow


def share(workflow: Any, kind: Kind = "stock") -> Shared:
    shared = share_workflow(workflow, kind, "A fox", host=Host(names=()))
    check_links(shared.template)
    return shared


def texts(shared: Shared) -> tuple[str, str]:
    request = request_from_graph(graph_of(shared))
    return request.positive, request.negative


def test_a_stock_template_holds_the_scene_that_was_told() -> None:
    shared = share(drawn(with_story(), **{"21": SCENE}))
    assert texts(shared) == (SCENE["positive"], SCENE["negative"])
    assert "Orchestrator" not in shared.text
    assert "The letter" not in shared.text
    assert shared.warnings == ()


def test_of_two_in_a_row_the_last_has_the_say() -> None:
    found = with_story()
    found["22"] = {"class_type": "OrchestratorStoryMemory", "inputs": {"draft": ["21", 0]}}
    found["4"]["inputs"]["text"] = ["22", 1]
    found["5"]["inputs"]["text"] = ["22", 2]
    shared = share(drawn(found, **{"21": SCENE, "22": RICHER}))
    assert texts(shared) == (RICHER["positive"], RICHER["negative"])


@pytest.mark.parametrize("told", [{}, {"21": {"positive": 3}}, {"21": "x"}, {"21": {}}])
def test_one_that_never_ran_gives_what_it_would_have_been_given_and_it_is_said(told: dict[str, Any]) -> None:
    shared = share(drawn(with_story(), **told))
    plain = texts(share(canvas(graph())))
    assert texts(shared) == plain
    assert "Story Memory (21) is left out, with what it adds. Run it once, then export." in shared.warnings


def test_loras_behind_a_story_that_never_ran_get_the_prompt_too() -> None:
    found = with_story(with_selector())
    found["11"]["inputs"]["draft"] = ["21", 0]
    found["4"]["inputs"]["text"] = ["11", 2]
    assert texts(share(drawn(found))) == texts(share(canvas(graph())))


def test_a_bypassed_one_is_left_out_without_a_word() -> None:
    workflow = drawn(with_story(), **{"21": SCENE})
    for item in workflow["nodes"]:
        item["mode"] = 4 if item["id"] == 21 else 0
    shared = share(workflow)
    assert (texts(shared), shared.warnings) == (texts(share(canvas(graph()))), ())


def test_a_live_template_keeps_the_nodes_and_nothing_of_what_was_told() -> None:
    shared = share(drawn(with_story(), **{"21": SCENE}), "live")
    found = graph_of(shared)
    assert found["21"]["inputs"]["story"] == "The letter"
    assert found["2"]["inputs"]["profiles"] == ["20", 0]
    assert "silver hair" not in shared.text


def test_our_picture_of_story_memory_has_the_options_of_the_stage_in_their_order() -> None:
    optional = OUR_NODES["OrchestratorStoryMemory"]["input"]["optional"]
    assert [name for name in optional if name not in ("draft", "text", "model", "llm")] == [*Options.model_fields]
    for name, info in Options.model_fields.items():
        assert optional[name][1]["default"] == info.default


def test_the_sentences_of_llm_enhance_stand_where_they_went() -> None:
    found = with_story()
    found["22"] = {"class_type": "OrchestratorLLMModel", "inputs": {"backend": "openai"}}
    found["23"] = {"class_type": "OrchestratorLLMEnhance", "inputs": {"draft": ["21", 0], "llm": ["22", 0]}}
    found["4"]["inputs"]["text"] = ["23", 3]
    found["5"]["inputs"]["text"] = ["23", 2]
    shared = share(drawn(found, **{"21": SCENE, "23": {**RICHER, "natural": "A fox stands in fog."}}))
    assert texts(shared) == ("A fox stands in fog.", RICHER["negative"])
    assert "Orchestrator" not in shared.text
    assert shared.warnings == ()
