"""A plain text-to-image graph with our nodes in it, so that the template of a finished run draws anew."""

from __future__ import annotations

from typing import Any

from orchestrator_core.formats.comfy_links import Graph, new_ids, title_of
from orchestrator_core.formats.extra_networks import extract_loras
from orchestrator_core.formats.sharing_nodes import RECORDER, SAVE_IMAGE, WILDCARD_PROMPT
from orchestrator_core.request import GenerationRequest
from orchestrator_core.run import Run

NO_TEMPLATE = "This run says no template: its prompt stands fixed in the node, until somebody writes a template there."
LORA_TAGS = (
    "The template has <lora:…> tags: ComfyUI draws them as text, and loads the LoRAs of the Load LoRA nodes only."
)


def live_graph(graph: Graph, run: Run, request: GenerationRequest) -> tuple[Graph, list[str]]:
    """(the graph with a WildcardPrompt in place of its texts, what the person should know)."""
    source, draft = run.draft.source, run.draft
    ids = new_ids(graph)
    prompt, recorder = next(ids), next(ids)
    drawn: dict[str, Any] = {
        "template": source.template,
        "negative_template": source.negative,
        "populated_text": request.positive,
        "populated_negative": request.negative,
        "mode": "populate" if source.template else "fixed",
        "dialect": source.dialect,
        "seed": draft.seed,
    }
    found = {key: dict(node, inputs=dict(node["inputs"])) for key, node in graph.items()}
    for key, node in graph.items():
        if title_of(node) in ("positive text", "negative text"):
            del found[key]
    for title, slot in (("positive", 0), ("negative", 1)):
        encoder = next(node for node in found.values() if title_of(node) == title)
        encoder["inputs"]["text"] = [prompt, slot]
    for node in found.values():
        if title_of(node) == "sampler" and request.seed == draft.seed:
            node["inputs"]["seed"] = [prompt, 3]
    saving = next(key for key, node in found.items() if node["class_type"] == "SaveImage")
    found[saving] |= {"class_type": SAVE_IMAGE, "inputs": {**found[saving]["inputs"], "draft": [prompt, 2]}}
    found[prompt] = {"class_type": WILDCARD_PROMPT, "inputs": drawn, "_meta": {"title": "prompt"}}
    kept = {"draft": [prompt, 2], "saved": [saving, 0]}
    found[recorder] = {"class_type": RECORDER, "inputs": kept, "_meta": {"title": "remember"}}
    return found, _warnings(source.template)


def _warnings(template: str) -> list[str]:
    if not template:
        return [NO_TEMPLATE]
    return [LORA_TAGS] if extract_loras(template)[1] else []
