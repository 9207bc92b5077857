"""What of a graph another try runs again."""

from __future__ import annotations

from typing import Any

import pytest

from comfy_nodes.score_repeating import Try, linked_node, repeated, source_of
from orchestrator_core.errors import ConfigError
from orchestrator_core.prompt import Component, PromptDraft

DRAFT = PromptDraft((Component("a (red:1.2) fox"),), (Component("blurry"),), seed=7)


def node(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


def graph() -> dict[str, dict[str, Any]]:
    return {
        "1": node("CheckpointLoaderSimple", ckpt_name="tiny"),
        "2": node("OrchestratorWildcardPrompt", template="a {red|blue} fox", seed=7),
        "3": node("CLIPTextEncode", clip=["1", 1], text=["2", 0]),
        "4": node("CLIPTextEncode", clip=["1", 1], text="bad"),
        "5": node("EmptyLatentImage", width=64, height=64, batch_size=1),
        "6": node(
            "KSampler", model=["1", 0], positive=["3", 0], negative=["4", 0], latent_image=["5", 0], seed=["2", 3]
        ),
        "7": node("VAEDecode", samples=["6", 0], vae=["1", 2]),
        "8": node("OrchestratorCLIPScorer", images=["7", 0], draft=["2", 2]),
        "9": node("OrchestratorRetryUntil", images=["7", 0], scored=["8", 0], until=0.8),
    }


def again(graph: dict[str, Any], step: int = 1, source: str | None = "2") -> dict[str, Any]:
    return repeated(graph.get, "9", source, Try(DRAFT, step))


def test_what_depends_on_the_words_or_the_seed_is_run_again_and_the_rest_is_not():
    found = again(graph())
    assert list(found) == ["3", "6", "7", "8", "9"]
    assert found["3"]["inputs"] == {"clip": ["1", 1], "text": "a (red:1.2) fox"}
    assert found["6"]["inputs"]["seed"] == 8
    assert found["6"]["inputs"]["negative"] == ["4", 0]
    assert found["8"]["inputs"]["draft"] is DRAFT


def test_the_graph_itself_stays_as_it_is():
    before = graph()
    again(before)
    assert before == graph()


def test_with_the_same_noise_only_the_words_are_new():
    found = again(graph(), step=0)
    assert found["6"]["inputs"]["seed"] == ["2", 3]
    assert found["3"]["inputs"]["text"] == "a (red:1.2) fox"


def test_a_samplers_own_seed_goes_on_and_so_does_one_that_the_prompt_shares():
    own = graph()
    own["6"]["inputs"]["seed"] = 2**64 - 1
    assert again(own)["6"]["inputs"]["seed"] == 0
    shared = graph()
    shared["10"] = node("PrimitiveInt", value=7)
    shared["2"]["inputs"]["seed"] = shared["6"]["inputs"]["seed"] = ["10", 0]
    assert again(shared)["6"]["inputs"]["seed"] == 8
    assert "10" not in again(shared)


def test_words_are_put_where_the_node_that_gave_the_draft_gave_them():
    found = graph()
    found["11"] = node("OrchestratorLoRASelector", model=["1", 0], clip=["1", 1], draft=["2", 2])
    found["3"]["inputs"] |= {"clip": ["11", 1], "text": ["11", 2]}
    found["6"]["inputs"]["model"] = ["11", 0]
    found["8"]["inputs"]["draft"] = ["11", 3]
    assert source_of(found.get, "8") == "11"
    copies = again(found, source="11")
    assert copies["3"]["inputs"] == {"clip": ["11", 1], "text": "a (red:1.2) fox"}  # its LoRAs stay
    assert copies["6"]["inputs"]["model"] == ["11", 0]
    assert "11" not in copies


def test_the_source_is_found_through_a_reroute_and_never_through_a_node_of_another_kind():
    found = graph()
    found["12"] = node("Reroute", value=["2", 2])
    found["8"]["inputs"]["draft"] = ["12", 0]
    assert source_of(found.get, "8") == "2"
    found["12"] = node("Switch", a=["2", 2], b=["2", 2])
    assert source_of(found.get, "8") is None
    assert linked_node(found.get, "9", "scored") == "8"


def test_without_a_draft_only_seeds_are_new():
    found = again(graph(), source=None)
    assert list(found) == ["6", "7", "8", "9"]
    assert found["8"]["inputs"]["draft"] == ["2", 2]


def test_where_nothing_would_be_new_it_is_said():
    found = graph()
    found["7"] = node("LoadImage", image="x.png")
    found["8"]["inputs"].pop("draft")
    with pytest.raises(ConfigError, match="the same image"):
        again(found, source=None)


def test_a_graph_that_leads_to_itself_or_lacks_nodes_ends():
    found = graph()
    found["5"]["inputs"]["width"] = ["7", 0]
    found["1"]["inputs"]["ckpt_name"] = ["99", 0]
    assert "9" in again(found)
