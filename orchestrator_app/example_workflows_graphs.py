"""From what a live example is made of to its graph, and to its workflow on the canvas."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator_core.formats.comfy_links import Graph
from orchestrator_core.formats.comfy_workflow import Box, workflow_from_graph
from orchestrator_core.formats.sharing_nodes import (
    INSPECTOR,
    LLM_ENHANCE,
    LLM_MODEL,
    LORA_SELECTOR,
    OUR_NODES,
    PROFILE_LOADER,
    RECORDER,
    SAVE_IMAGE,
    STORY_MEMORY,
    WILDCARD_PROMPT,
)
from orchestrator_core.formats.sharing_ours import CLIP_SCORER, FEEDBACK_RECORDER, SCORER_MODEL
from orchestrator_core.formats.sharing_run import set_control

Inputs = dict[str, Any]
Group = tuple[str, tuple[str, ...]]

# What our nodes are called everywhere else, so that a person finds them again.
DRAW, SHOW, SAVE, REMEMBER = "Wildcard Prompt", "Prompt Inspector", "Save Image With Origin", "Run Recorder"
CHOOSE, ENHANCE, LANGUAGE = "LoRA Selector", "LLM Enhance", "LLM Model"
PROFILES, TELL = "Profile Loader", "Story Memory"
LOOK, SCORE, LEARN = "Scorer Model", "CLIP Scorer", "Feedback Recorder"

_JOIN: dict[str, Any] = {  # a core node that ours do without
    "StringConcatenate": {
        "input": {
            "required": {
                "string_a": ["STRING", {"multiline": True}],
                "string_b": ["STRING", {"multiline": True}],
                "delimiter": ["STRING", {"default": ""}],
            }
        },
        "output": ["STRING"],
        "display_name": "Concatenate",
        "python_module": "comfy_extras.nodes_string",
    }
}
DEFINITIONS = {**OUR_NODES, **_JOIN}


@dataclass(frozen=True, slots=True)
class LiveExample:
    """``prompts``: title → values of each Wildcard Prompt; ``control``: what happens to their seeds after a run."""

    name: str  # of the files: NAME.json and its thumbnail, NAME.jpg
    note: str
    prompts: Mapping[str, Inputs]
    groups: tuple[Group, ...]
    boxes: Mapping[str, Box]
    join: str = ""  # what stands between two prompts' texts
    profiles: Inputs | None = None  # the values of a Profile Loader for the prompts
    story: Inputs | None = None  # the values of a Story Memory
    enhanced: Inputs | None = None  # the values of an LLM Enhance; it comes with an LLM Model
    has_loras: bool = False  # chosen for the prompt
    is_recorded: bool = False
    is_scored: bool = False  # and learned from
    batch: int = 1
    control: Mapping[str, str] | None = None  # by title; "randomize" for the others
    size: tuple[int, int] = (512, 512)


def graph_of(example: LiveExample, checkpoint: str) -> Graph:
    """The nodes, with their titles as keys: ``workflow_from_graph`` numbers them."""
    width, height = example.size
    prompts = list(example.prompts)
    graph: Graph = {}

    def add(title: str, class_type: str, **inputs: Any) -> None:
        graph[title] = {"class_type": class_type, "inputs": inputs, "_meta": {"title": title}}

    add("checkpoint", "CheckpointLoaderSimple", ckpt_name=checkpoint)
    add("size", "EmptyLatentImage", width=width, height=height, batch_size=example.batch)
    _add_prompts(example, add)
    texts: list[list[Any]] = [[prompts[0], 0], [prompts[0], 1]]
    model, draft = "checkpoint", {title: [title, 2] for title in prompts}
    if example.story is not None:
        add(TELL, STORY_MEMORY, draft=draft[prompts[0]], model=["checkpoint", 0], **example.story)
        texts, draft[prompts[0]] = [[TELL, 1], [TELL, 2]], [TELL, 0]
    if example.enhanced is not None:
        add(LANGUAGE, LLM_MODEL, backend="rules")
        add(
            ENHANCE, LLM_ENHANCE, draft=draft[prompts[0]], llm=[LANGUAGE, 0], model=["checkpoint", 0],
            clip=["checkpoint", 1], **example.enhanced,
        )  # fmt: skip
        texts, draft[prompts[0]] = [[ENHANCE, 1], [ENHANCE, 2]], [ENHANCE, 0]
    if example.has_loras:
        add(CHOOSE, LORA_SELECTOR, model=["checkpoint", 0], clip=["checkpoint", 1], draft=draft[prompts[0]])
        model, texts[0], draft[prompts[0]] = CHOOSE, [CHOOSE, 2], [CHOOSE, 3]
    if example.join:
        add("together", "StringConcatenate", string_a=[prompts[0], 0], string_b=[prompts[1], 0], delimiter=example.join)
        texts[0] = ["together", 0]
    for title, text in zip(("positive", "negative"), texts, strict=True):
        add(title, "CLIPTextEncode", text=text, clip=[model, 1])
    for title in prompts:
        add(shown_by(title), INSPECTOR, draft=draft[title], clip=[model, 1])
    add(
        "sampler", "KSampler", model=[model, 0], seed=[prompts[-1], 3], steps=20, cfg=7.0, sampler_name="euler",
        scheduler="normal", positive=["positive", 0], negative=["negative", 0], latent_image=["size", 0], denoise=1.0,
    )  # fmt: skip
    add("decode", "VAEDecode", samples=["sampler", 0], vae=["checkpoint", 2])
    add(SAVE, SAVE_IMAGE, images=["decode", 0], draft=draft[prompts[0]], filename_prefix="orchestrator")
    if example.is_recorded:
        add(REMEMBER, RECORDER, draft=draft[prompts[0]], saved=[SAVE, 0])
    if example.is_scored:
        add(LOOK, SCORER_MODEL)
        add(SCORE, CLIP_SCORER, images=["decode", 0], draft=draft[prompts[0]], scorer=[LOOK, 0])
        add(LEARN, FEEDBACK_RECORDER, scored=[SCORE, 0], saved=[SAVE, 0])
    return graph


def _add_prompts(example: LiveExample, add: Callable[..., None]) -> None:
    chosen: Inputs = {}
    if example.profiles is not None:
        add(PROFILES, PROFILE_LOADER, **example.profiles)
        chosen = {"profiles": [PROFILES, 0]}
    for title, values in example.prompts.items():
        add(title, WILDCARD_PROMPT, **values, **chosen)


def shown_by(title: str) -> str:
    """The title of the inspector of a Wildcard Prompt."""
    return title.replace(DRAW, SHOW)


def build_live(
    example: LiveExample,
    checkpoint: str,
    models: Mapping[str, Mapping[str, str]],
    colors: Mapping[str, tuple[str, str]],
) -> dict[str, Any]:
    """The canvas workflow; the same each time."""
    graph = graph_of(example, checkpoint)
    workflow = workflow_from_graph(
        graph,
        DEFINITIONS,
        note=example.note.strip(),
        groups=dict(example.groups),
        models=models,
        boxes={title: box for title, box in example.boxes.items() if title in graph},
    )
    for node in workflow["nodes"]:
        if node["type"] == "MarkdownNote":
            x, y, width, height = example.boxes["note"]
            node |= {"pos": [x, y], "size": [width, height], "title": "About this workflow"}
        elif color := colors.get(node["title"]):
            node["color"], node["bgcolor"] = color
        if node["type"] == WILDCARD_PROMPT:
            set_control(node, (example.control or {}).get(node["title"], "randomize"))
    return workflow
