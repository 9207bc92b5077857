"""The subgraph blueprints of ``subgraphs/``, which newer ComfyUIs offer among their nodes.

``python -m orchestrator_app.blueprints`` writes them anew, which a changed node asks for. Each file is a workflow of
one node, whose type is the subgraph that it defines.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator_app.bundled import bundled_folder
from orchestrator_app.example_workflows import as_text, identified
from orchestrator_core.formats.comfy_links import Graph
from orchestrator_core.formats.comfy_workflow import Box, workflow_from_graph
from orchestrator_core.formats.sharing_canvas import Canvas, Link
from orchestrator_core.formats.sharing_nodes import OUR_NODES, RECORDER, SAVE_IMAGE, WILDCARD_PROMPT
from orchestrator_core.formats.sharing_run import set_control

CATEGORY = "Orchestrator"


@dataclass(frozen=True, slots=True)
class Blueprint:
    """``inputs``: name → type and the inner inputs that it feeds; ``outputs``: name → type and the inner output."""

    name: str
    description: str
    graph: Graph
    boxes: Mapping[str, Box]
    inputs: Mapping[str, tuple[str, tuple[tuple[str, str], ...]]]
    outputs: Mapping[str, tuple[str, str, int]]
    widgets: tuple[tuple[str, str], ...] = ()  # of inner nodes, that the subgraph's node shows
    aliases: tuple[str, ...] = ()


def _node(class_type: str, title: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs, "_meta": {"title": title}}


BLUEPRINTS = (
    Blueprint(
        name="Wildcard Prompt to Conditioning",
        description="Draws a prompt from a template of {variants} and __wildcards__, and encodes it and its negative.",
        graph={
            "1": _node(WILDCARD_PROMPT, "prompt", template="a __colors/warm__ {fox|owl} in {snow|the rain}", seed=1),
            "2": _node("CLIPTextEncode", "positive", text=["1", 0]),
            "3": _node("CLIPTextEncode", "negative", text=["1", 1]),
        },
        boxes={"1": (0, 0, 440, 900), "2": (520, 0, 320, 120), "3": (520, 200, 320, 120)},
        inputs={"clip": ("CLIP", (("2", "clip"), ("3", "clip")))},
        outputs={
            "positive": ("CONDITIONING", "2", 0),
            "negative": ("CONDITIONING", "3", 0),
            "draft": ("PROMPT_DRAFT", "1", 2),
            "seed": ("INT", "1", 3),
        },
        widgets=(("1", "template"), ("1", "negative_template"), ("1", "mode"), ("1", "seed")),
        aliases=("wildcards", "dynamic prompts", "random prompt"),
    ),
    Blueprint(
        name="Save With Origin and Remember",
        description="Decodes images, saves them with all that made them, and keeps prompt and images in the store.",
        graph={
            "1": _node("VAEDecode", "decode"),
            "2": _node(SAVE_IMAGE, "save", images=["1", 0], filename_prefix="orchestrator"),
            "3": _node(RECORDER, "remember", saved=["2", 0]),
        },
        boxes={"1": (0, 0, 240, 46), "2": (320, 0, 320, 360), "3": (720, 0, 280, 90)},
        inputs={
            "samples": ("LATENT", (("1", "samples"),)),
            "vae": ("VAE", (("1", "vae"),)),
            "draft": ("PROMPT_DRAFT", (("2", "draft"), ("3", "draft"))),
        },
        outputs={"images": ("IMAGE", "1", 0)},
        widgets=(("2", "filename_prefix"), ("2", "format")),
        aliases=("save image", "metadata"),
    ),
)


def build(blueprint: Blueprint) -> dict[str, Any]:
    """The file of a blueprint; the same each time."""
    inner = workflow_from_graph(blueprint.graph, OUR_NODES, boxes=blueprint.boxes)
    for node in inner["nodes"]:
        if node["type"] == WILDCARD_PROMPT:
            set_control(node, "randomize")
    outer = _workflow(blueprint, {**_definition(blueprint), "nodes": inner["nodes"], "links": inner["links"]})
    canvas = Canvas(outer)
    _join_ends(blueprint, canvas)
    return identified(canvas.close())


def _definition(blueprint: Blueprint) -> dict[str, Any]:
    right = max(box[0] + box[2] for box in blueprint.boxes.values())
    inputs = [_end(blueprint, "in", name, kind) for name, (kind, _) in blueprint.inputs.items()]
    outputs = [_end(blueprint, "out", name, kind) for name, (kind, *_) in blueprint.outputs.items()]
    return {
        "id": _id(blueprint.name),
        "version": 1,
        "state": {"lastGroupId": 0, "lastNodeId": 0, "lastLinkId": 0, "lastRerouteId": 0},
        "revision": 0,
        "config": {},
        "name": blueprint.name,
        "category": CATEGORY,
        "inputNode": {"id": -10, "bounding": [-220, 0, 120, 40 + 20 * len(inputs)]},
        "outputNode": {"id": -20, "bounding": [right + 100, 0, 120, 40 + 20 * len(outputs)]},
        "inputs": inputs,
        "outputs": outputs,
        "widgets": [],
        "groups": [],
        "extra": {},
    }


def _end(blueprint: Blueprint, side: str, name: str, kind: str) -> dict[str, Any]:
    return {"id": _id(f"{blueprint.name}/{side}/{name}"), "name": name, "type": kind, "linkIds": []}


def _id(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"orchestrator/{name}"))


def _workflow(blueprint: Blueprint, definition: dict[str, Any]) -> dict[str, Any]:
    node = {
        "id": 100,  # apart from those inside
        "type": definition["id"],
        "pos": [0, 0],
        "size": [400, 300],
        "flags": {},
        "order": 0,
        "mode": 0,
        "inputs": [{"name": name, "type": kind, "link": None} for name, (kind, _) in blueprint.inputs.items()],
        "outputs": [{"name": name, "type": kind, "links": []} for name, (kind, *_) in blueprint.outputs.items()],
        "title": blueprint.name,
        "properties": {"proxyWidgets": [list(widget) for widget in blueprint.widgets]},
        "widgets_values": [],
    }
    extra = {"BlueprintDescription": blueprint.description, "BlueprintSearchAliases": list(blueprint.aliases)}
    return {
        "revision": 0,
        "last_node_id": 100,
        "last_link_id": 0,
        "nodes": [node],
        "links": [],
        "groups": [],
        "config": {},
        "definitions": {"subgraphs": [definition]},
        "extra": extra,
        "version": 0.4,
    }


def _join_ends(blueprint: Blueprint, canvas: Canvas) -> None:
    """Links between the subgraph's own ends and the nodes inside."""
    level = canvas.levels[1]
    for slot, (kind, targets) in enumerate(blueprint.inputs.values()):
        for key, name in targets:
            node = level.node(key)
            names = [item["name"] for item in node["inputs"]] if node else []
            level.join(Link(canvas.new_link_id(), "-10", slot, key, names.index(name), kind))
    for slot, (kind, key, output) in enumerate(blueprint.outputs.values()):
        level.join(Link(canvas.new_link_id(), key, output, "-20", slot, kind))


def write(folder: Path) -> list[Path]:
    """Write every blueprint there."""
    folder.mkdir(exist_ok=True)
    paths = []
    for blueprint in BLUEPRINTS:
        path = folder / f"{blueprint.name}.json"
        path.write_text(as_text(build(blueprint)), encoding="utf-8", newline="\n")
        paths.append(path)
    return paths


if __name__ == "__main__":
    for written in write(bundled_folder("example_workflows").parent / "subgraphs"):
        print(written)
