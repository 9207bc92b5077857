"""The workflows of ``example_workflows/``: each drawn from a bundled example template, with ComfyUI's own nodes alone.

``python -m orchestrator_app.example_workflows`` writes them anew, which a changed template or wildcard file asks for;
and those of example_workflows_live.py, which use our nodes.
The nodes' titles are those that ``comfy_binding`` knows, so each of them serves as ``orchestrator run --graph`` too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator_app.bundled import bundled_folder, example_files
from orchestrator_app.example_workflows_graphs import DEFINITIONS, build_live
from orchestrator_app.example_workflows_live import LIVE_EXAMPLES
from orchestrator_app.sources import Wish, read_file
from orchestrator_core.formats.comfy_graph import text_to_image_graph
from orchestrator_core.formats.comfy_links import Graph, title_of
from orchestrator_core.formats.comfy_workflow import Box, workflow_from_graph
from orchestrator_core.formats.image_notes import notes_as_json
from orchestrator_core.formats.sharing_canvas import Canvas
from orchestrator_core.formats.sharing_needs import fill_properties
from orchestrator_core.prompt import PromptDraft
from orchestrator_core.request import GenerationRequest, notes_for
from orchestrator_core.stages.dispatch import Options, request_for
from orchestrator_core.template import Template, Wildcards

SD15 = "v1-5-pruned-emaonly-fp16.safetensors"
SDXL = "sd_xl_base_1.0.safetensors"
# Where the files that the workflows name can be had: the addresses are those of ComfyUI's own templates.
MODELS = {
    SD15: {
        "url": f"https://huggingface.co/Comfy-Org/stable-diffusion-v1-5-archive/resolve/main/{SD15}",
        "directory": "checkpoints",
    },
    SDXL: {
        "url": f"https://huggingface.co/stabilityai/stable-diffusion-xl-base-1.0/resolve/main/{SDXL}",
        "directory": "checkpoints",
    },
}
_GREEN, _RED = ("#232", "#353"), ("#322", "#533")  # title and body, as ComfyUI's own templates colour the two prompts
_COLORS = {"positive": _GREEN, "negative": _RED}


@dataclass(frozen=True, slots=True)
class ExampleWorkflow:
    """What one of them is made of. ``boxes`` and ``groups`` go by the nodes' titles; "note" is the note's box."""

    name: str  # of the files: NAME.json and its thumbnail, NAME.jpg
    template: str  # which bundled example
    seed: int
    note: str
    graph: Callable[[GenerationRequest], Graph]
    boxes: Mapping[str, Box]
    groups: Mapping[str, tuple[str, ...]]
    settings: Mapping[str, Any] = field(default_factory=dict)  # what is not as the template's file has it


def two_passes(request: GenerationRequest) -> Graph:
    """The picture is found at the model's own size, enlarged before it is decoded, and half drawn anew."""
    graph = text_to_image_graph(request)
    keys = keys_by_title(graph)
    first = graph[keys["sampler"]]["inputs"]
    enlarged = {"upscale_method": "bislerp", "scale_by": 1.5, "samples": [keys["sampler"], 0]}
    graph["8"] = _node("LatentUpscaleBy", "enlarge", enlarged)
    graph["9"] = _node("KSampler", "second pass", {**first, "denoise": 0.5, "latent_image": ["8", 0]})
    graph[keys["decode"]]["inputs"]["samples"] = ["9", 0]
    return graph


def one_of_a_batch(request: GenerationRequest) -> Graph:
    """A batch of which all images are shown, and one is saved."""
    graph = text_to_image_graph(request)
    keys = keys_by_title(graph)
    drawn = graph[keys["decode"]]["inputs"]
    graph["8"] = _node("VAEDecode", "decode all", dict(drawn))
    graph["9"] = _node("PreviewImage", "all of them", {"images": ["8", 0]})
    graph["10"] = _node("LatentFromBatch", "keep", {"batch_index": 0, "length": 1, "samples": drawn["samples"]})
    drawn["samples"] = ["10", 0]
    return graph


def _node(class_type: str, title: str, inputs: dict[str, Any]) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs, "_meta": {"title": title}}


def keys_by_title(graph: Graph) -> dict[str, str]:
    return {title_of(node): key for key, node in graph.items()}


# Two columns of inputs with the note under them, then as many columns of rendering as the graph needs: so the links
# run level, and all of it fits on a screen.
_LEFT: dict[str, Box] = {
    "checkpoint": (0, 0, 300, 98),
    "size": (0, 294, 300, 106),
    "positive": (370, 0, 350, 200),
    "negative": (370, 280, 350, 120),
    "note": (-20, 480, 760, 280),
}
_INPUTS = {"Model and size": ("checkpoint", "size"), "Prompt": ("positive", "negative")}

_QUICK = """\
# Text to image

One model, one prompt, one picture: the graph to begin with.

The prompt is one draw, with seed **{seed}**, of the template *quick* that comes with Orchestrator: an animal somewhere,
painted, drawn or photographed. The sampler has the same seed.

- Choose a model in **checkpoint**, then press *Run*.
- New prompts, to read and to paste: `orchestrator prompt @quick --count 4`
- New pictures through this very graph:

```
orchestrator run @quick --count 4 --graph example_workflows/{name}.json
```
"""
_PORTRAIT = """\
# Portrait in two passes

The first pass finds the picture at 512 × 768, which Stable Diffusion 1.5 knows well. The second one works on it,
enlarged by half, and draws half of it anew: that is where faces and cloth get their detail.

The prompt is one draw, with seed **{seed}**, of the template *portrait* that comes with Orchestrator.

- Choose a model in **checkpoint**, then press *Run*.
- Lower **denoise** in *second pass* to 0.35 to stay closer to the first one.
- New people through this very graph:

```
orchestrator run @portrait --count 4 --set width=512 --set height=768 --graph example_workflows/{name}.json
```
"""
_LANDSCAPE = """\
# Landscape, best of four

One prompt, four pictures: the noise of each is another one. They are shown, and one of them is saved.

- Choose an SDXL model in **checkpoint**, then press *Run*. Short of memory? Set **batch_size** to 2.
- Write the number of the best one, 0 to 3, into **batch_index** of *keep* and press *Run* again. Nothing is rendered
  twice for that.

The prompt is one draw, with seed **{seed}**, of the template *landscape* that comes with Orchestrator. New places
through this very graph:

```
orchestrator run @landscape --count 4 --set batch_size=4 --graph example_workflows/{name}.json
```
"""

EXAMPLES = (
    ExampleWorkflow(
        name="05_text_to_image",
        template="quick",
        seed=7,
        note=_QUICK,
        graph=text_to_image_graph,
        boxes={
            **_LEFT,
            "sampler": (810, 0, 300, 262),
            "decode": (810, 340, 300, 46),
            "save": (1180, 0, 400, 740),
        },
        groups={**_INPUTS, "Picture": ("sampler", "decode", "save")},
        settings={"checkpoint": SD15},
    ),
    ExampleWorkflow(
        name="06_portrait_in_two_passes",
        template="portrait",
        seed=22,
        note=_PORTRAIT,
        graph=two_passes,
        boxes={
            **_LEFT,
            "sampler": (810, 0, 300, 262),
            "enlarge": (810, 340, 300, 82),
            "second pass": (1180, 0, 360, 262),
            "decode": (1180, 340, 360, 46),
            "save": (1180, 464, 360, 276),
        },
        groups={**_INPUTS, "First pass": ("sampler", "enlarge"), "Second pass": ("second pass", "decode", "save")},
        settings={"checkpoint": SD15, "width": 512, "height": 768},
    ),
    ExampleWorkflow(
        name="07_landscape_best_of_four",
        template="landscape",
        seed=18,
        note=_LANDSCAPE,
        graph=one_of_a_batch,
        boxes={
            **_LEFT,
            "sampler": (810, 0, 300, 262),
            "decode all": (810, 340, 300, 46),
            "all of them": (1180, 0, 400, 386),
            "keep": (810, 516, 300, 82),
            "decode": (810, 676, 300, 46),
            "save": (1180, 516, 400, 224),
        },
        groups={
            **_INPUTS,
            "Four pictures": ("sampler", "decode all", "all of them"),
            "Keep one": ("keep", "decode", "save"),
        },
        settings={"checkpoint": SDXL, "batch_size": 4},
    ),
)


def draw(example: ExampleWorkflow) -> tuple[PromptDraft, GenerationRequest]:
    """The draft that the example's seed gives, and the request that renders it."""
    wish = _wish(example.template)
    draft = Template(wish.template, wish.negative, wish.dialect).draw(
        Wildcards([bundled_folder("wildcards")]), example.seed
    )
    return draft, request_for(draft, Options.model_validate({**wish.settings, **example.settings}))


def _wish(name: str) -> Wish:
    path = next(path for path in example_files() if path.stem == name)
    return read_file(path).wishes[0]


def build(example: ExampleWorkflow) -> dict[str, Any]:
    """The canvas workflow; the same each time."""
    draft, request = draw(example)
    graph = example.graph(request)
    keys = keys_by_title(graph)
    workflow = workflow_from_graph(
        graph,
        note=example.note.format(name=example.name, seed=example.seed).strip(),
        groups={title: [keys[name] for name in names] for title, names in example.groups.items()},
        models=MODELS,
        extra=notes_as_json(notes_for("", draft)),
        boxes={keys[title]: box for title, box in example.boxes.items() if title in keys},
    )
    for node in workflow["nodes"]:
        if node["type"] == "MarkdownNote":
            x, y, width, height = example.boxes["note"]
            node |= {"pos": [x, y], "size": [width, height], "title": "About this workflow"}
        elif colors := _COLORS.get(node["title"]):
            node["color"], node["bgcolor"] = colors
    return identified(workflow)


def identified(workflow: dict[str, Any]) -> dict[str, Any]:
    """With the packs and versions that its nodes are of."""
    canvas = Canvas(workflow)
    fill_properties(canvas, DEFINITIONS, "")
    return canvas.close()


def all_examples() -> dict[str, dict[str, Any]]:
    """Name → workflow."""
    stock = {example.name: build(example) for example in EXAMPLES}
    live = {example.name: identified(build_live(example, SD15, MODELS, _COLORS)) for example in LIVE_EXAMPLES}
    return {**stock, **live}


def as_text(workflow: Mapping[str, Any]) -> str:
    """JSON as it is in the file."""
    return json.dumps(workflow, indent=2, ensure_ascii=False) + "\n"


def write(folder: Path) -> list[Path]:
    """Write every example's workflow there."""
    paths = []
    for name, workflow in all_examples().items():
        path = folder / f"{name}.json"
        path.write_text(as_text(workflow), encoding="utf-8", newline="\n")
        paths.append(path)
    return paths


if __name__ == "__main__":
    for written in write(bundled_folder("example_workflows")):
        print(written)
