"""A Wildcard Prompt where there was none, so that what was drawn once draws anew: in a plain graph or a workflow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator_core.errors import FormatError
from orchestrator_core.formats.comfy_links import Graph, new_ids, title_of
from orchestrator_core.formats.comfy_places import find_places
from orchestrator_core.formats.comfy_workflow import workflow_from_graph
from orchestrator_core.formats.comfy_workflow_reader import graph_from_workflow
from orchestrator_core.formats.extra_networks import extract_loras
from orchestrator_core.formats.rerolls import format_rerolls
from orchestrator_core.formats.sharing_canvas import Canvas
from orchestrator_core.formats.sharing_nodes import (
    OUR_NODES,
    RECORDER,
    SAVE_IMAGE,
    WILDCARD_PROMPT,
    Node,
    definition_of,
    widget_places,
)
from orchestrator_core.prompt import PromptSource
from orchestrator_core.request import GenerationRequest, ImageNotes
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
    drawn = {
        **_drawing_inputs(source, draft.seed),
        "populated_text": request.positive,
        "populated_negative": request.negative,
        "mode": "populate" if source.template else "fixed",
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


def _drawing_inputs(source: PromptSource, seed: int) -> dict[str, Any]:
    return {
        "template": source.template,
        "negative_template": source.negative,
        "dialect": source.dialect,
        "method": source.method,
        "seed": seed,
        "index": -1 if source.index is None else source.index,
        "missing": source.missing,
        "rerolls": format_rerolls(source.rerolls),
        "profiles": source.profiles,
        "genre": source.genre,
    }


def _warnings(template: str) -> list[str]:
    if not template:
        return [NO_TEMPLATE]
    return [LORA_TAGS] if extract_loras(template)[1] else []


def insert_prompt(canvas: Canvas, notes: ImageNotes, object_info: Mapping[str, Any] | None) -> bool:
    """Put a Wildcard Prompt before the encoders of a workflow that has none. False where their texts are not found."""
    try:
        places = find_places(graph_from_workflow(canvas.close(), object_info))
    except FormatError:
        return False
    fields = places.fields if places else {}
    texts = [(slot, place) for slot, name in enumerate(("positive", "negative")) for place in fields.get(name, ())]
    targets = [(slot, canvas.root.node(place.node), place.input) for slot, place in texts]
    if not any(slot == 0 for slot, _ in texts) or any(target is None for _, target, _ in targets):
        return False
    left = min(map(_left, canvas.root.nodes))
    prompt = _wildcard_prompt(canvas.new_node_id(), notes, left)
    canvas.root.nodes.append(prompt)
    for slot, target, name in targets:
        if target:
            canvas.join(canvas.root, (prompt, slot), (str(target["id"]), _widget_slot(target, name)), "STRING")
    return True


def _left(node: Node) -> float:
    place = node.get("pos")
    return float(place[0]) if isinstance(place, list) and place and isinstance(place[0], int | float) else 0.0


def _widget_slot(node: Node, name: str) -> int:
    """The number of the input for a widget's link, which older workflows do not list while it has none."""
    names = [item.get("name") for item in node["inputs"]]
    if name not in names:
        node["inputs"].append({"name": name, "type": "STRING", "link": None, "widget": {"name": name}})
        return len(names)
    return names.index(name)


def _wildcard_prompt(number: int, notes: ImageNotes, left: float) -> Node:
    inputs = _drawing_inputs(notes.source, notes.prompt_seed or 0)
    graph = {str(number): {"class_type": WILDCARD_PROMPT, "inputs": inputs, "_meta": {"title": "prompt"}}}
    (node,) = workflow_from_graph(graph, OUR_NODES, boxes={str(number): (int(left) - 520, 0, 440, 560)})["nodes"]
    return dict(node)


def set_control(node: Node, control: str) -> None:
    """What happens to a Wildcard Prompt's seed after each run."""
    places = widget_places(node, definition_of(node["type"], None))
    node["widgets_values"][places["seed"] + 1] = control
