"""The workflows of ``example_workflows/`` that use our nodes: each run of them draws a new prompt.

They are written by ``python -m orchestrator_app.example_workflows`` beside those that do without.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator_app.example_workflows_notes import CHOSEN, FIRST, FOLLOWS, PEOPLE, TEN
from orchestrator_core.formats.comfy_links import Graph
from orchestrator_core.formats.comfy_workflow import Box, workflow_from_graph
from orchestrator_core.formats.sharing_nodes import (
    INSPECTOR,
    LORA_SELECTOR,
    OUR_NODES,
    RECORDER,
    SAVE_IMAGE,
    WILDCARD_PROMPT,
)
from orchestrator_core.formats.sharing_run import set_control

Inputs = dict[str, Any]
Group = tuple[str, tuple[str, ...]]

# What our nodes are called everywhere else, so that a person finds them again.
_DRAW, _SHOW, _SAVE, _REMEMBER = "Wildcard Prompt", "Prompt Inspector", "Save Image With Origin", "Run Recorder"
_CHOOSE = "LoRA Selector"
_SHE, _HE = f"{_DRAW}: she", f"{_DRAW}: he"

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
    has_loras: bool = False  # chosen for the prompt
    is_recorded: bool = False
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
    add("size", "EmptyLatentImage", width=width, height=height, batch_size=1)
    for title, values in example.prompts.items():
        add(title, WILDCARD_PROMPT, **values)
    texts: list[list[Any]] = [[prompts[0], 0], [prompts[0], 1]]
    model, draft = "checkpoint", {title: [title, 2] for title in prompts}
    if example.has_loras:
        add(_CHOOSE, LORA_SELECTOR, model=["checkpoint", 0], clip=["checkpoint", 1], draft=draft[prompts[0]])
        model, texts[0], draft[prompts[0]] = _CHOOSE, [_CHOOSE, 2], [_CHOOSE, 3]
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
    add(_SAVE, SAVE_IMAGE, images=["decode", 0], draft=draft[prompts[0]], filename_prefix="orchestrator")
    if example.is_recorded:
        add(_REMEMBER, RECORDER, draft=draft[prompts[0]], saved=[_SAVE, 0])
    return graph


def shown_by(title: str) -> str:
    """The title of the inspector of a Wildcard Prompt."""
    return title.replace(_DRAW, _SHOW)


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


# Three columns that are the same in all of them, and what is drawn in the middle.
_SETTINGS: dict[str, Box] = {"checkpoint": (0, 0, 320, 98), "size": (0, 220, 320, 106)}
_ONE: dict[str, Box] = {
    **_SETTINGS,
    "note": (-20, 430, 360, 520),
    _DRAW: (410, 0, 460, 950),
    "positive": (940, 0, 320, 120),
    "negative": (940, 220, 320, 120),
    _SHOW: (940, 440, 320, 510),
    "sampler": (1330, 0, 300, 262),
    "decode": (1330, 390, 300, 46),
    _SAVE: (1330, 530, 300, 420),
    _REMEMBER: (1330, 860, 300, 90),
}
_GROUPS: tuple[Group, ...] = (
    ("Model and size", ("checkpoint", "size")),
    ("Prompt", (_DRAW, "positive", "negative", _SHOW)),
    ("Picture", ("sampler", "decode", _SAVE)),
)
_RECORDED = (*_GROUPS[:2], ("Picture", ("sampler", "decode", _SAVE, _REMEMBER)))
_BATCH: dict[str, Box] = {**_ONE, _SAVE: (1330, 530, 300, 240)}
_LORAS: dict[str, Box] = {
    **_SETTINGS,
    "note": (-20, 430, 360, 520),
    _DRAW: (410, 0, 460, 950),
    _CHOOSE: (940, 0, 400, 950),
    "positive": (1410, 0, 320, 120),
    "negative": (1410, 220, 320, 120),
    _SHOW: (1410, 440, 320, 510),
    "sampler": (1800, 0, 300, 262),
    "decode": (1800, 390, 300, 46),
    _SAVE: (1800, 530, 300, 420),
}
_LORA_GROUPS = (
    _GROUPS[0],
    ("Prompt", (_DRAW,)),
    ("LoRAs for it", (_CHOOSE,)),
    ("Texts", ("positive", "negative", _SHOW)),
    _GROUPS[2],
)
_TWO: dict[str, Box] = {
    **_SETTINGS,
    "note": (-20, 430, 360, 520),
    _SHE: (410, 0, 420, 950),
    _HE: (900, 0, 420, 950),
    "together": (410, 1100, 420, 270),
    "positive": (900, 1100, 420, 90),
    "negative": (900, 1280, 420, 90),
    shown_by(_SHE): (1390, 0, 320, 620),
    shown_by(_HE): (1390, 720, 320, 650),
    "sampler": (1780, 0, 300, 262),
    "decode": (1780, 390, 300, 46),
    _SAVE: (1780, 530, 300, 420),
}
_TWO_GROUPS: tuple[Group, ...] = (
    ("Model and size", ("checkpoint", "size")),
    ("Two people", (_SHE, _HE)),
    ("One prompt of both", ("together", "positive", "negative")),
    ("Where the words are from", (shown_by(_SHE), shown_by(_HE))),
    ("Picture", ("sampler", "decode", _SAVE)),
)

LIVE_EXAMPLES = (
    LiveExample(
        name="01_first_wildcards",
        note=FIRST,
        prompts={
            _DRAW: {
                "template": "{wildlife photograph|2::__styles/illustration__} of a __colors/warm__ {2::fox|owl|hare},\n"
                "{in the falling snow|in __places/nature__, __light/natural__}, {1-2$$, $$__moods/calm__}",
                "negative_template": "{3$$, $$__negative/general__}",
                "seed": 1,
            }
        },
        groups=_GROUPS,
        boxes=_ONE,
    ),
    LiveExample(
        name="02_batch_of_ten",
        note=TEN,
        prompts={
            _DRAW: {
                "template": "__styles/landscape/painting__ of __places/{2::nature|fantasy}__, __light/natural__,\n"
                "{2$$ and $$__moods/{calm|grand}__} mood, __colors/palettes__",
                "negative_template": "{3$$, $$__negative/landscape__}, watermark, text",
                "seed": 100,
            }
        },
        groups=_RECORDED,
        boxes=_BATCH,
        is_recorded=True,
        control={_DRAW: "increment"},
        size=(768, 512),
    ),
    LiveExample(
        name="03_negative_follows",
        note=FOLLOWS,
        prompts={
            _DRAW: {
                "template": "${medium=!{photo|painting}}${season=!{spring|summer|autumn|winter}}"
                "__styles/portrait/${medium}__ of a __characters/heritage__ __characters/occupations__,\n"
                "wearing __clothing/${season}__, __nature/season/${season}__, __quality/${medium}__",
                "negative_template": "__negative/medium/${medium}__, __negative/season/${season}__, "
                "{2$$, $$__negative/people__}",
                "seed": 21,
            }
        },
        groups=_GROUPS,
        boxes=_ONE,
        size=(512, 768),
    ),
    LiveExample(
        name="04_two_characters",
        note=PEOPLE,
        prompts={
            _SHE: {
                "template": "photo of two friends: the __characters/occupations__ __characters/ages__ with "
                "__characters/hair__, wearing __clothing/autumn__",
                "negative_template": "{3$$, $$__negative/people__}, text",
                "populated_text": "photo of two friends: the lighthouse keeper in their twenties with short copper "
                "hair, wearing a yellow raincoat",
                "populated_negative": "extra fingers, crossed eyes, text",
                "mode": "fixed",
                "seed": 3,
            },
            _HE: {
                "template": "the __characters/occupations__ __characters/ages__ with __characters/features__, "
                "__characters/expressions__, wearing __clothing/autumn__,\nboth {on a pier|in a small kitchen}, "
                "__light/natural__",
                "seed": 12,
            },
        },
        groups=_TWO_GROUPS,
        boxes=_TWO,
        join=" and ",
        control={_SHE: "fixed"},
        size=(768, 512),
    ),
    LiveExample(
        name="08_loras_that_fit",
        note=CHOSEN,
        prompts={
            _DRAW: {
                "template": "{ink wash painting|watercolor|pixel art|oil painting|paper cut-out} of a __colors/warm__ "
                "{fox|owl|hare},\n{in the falling snow|in __places/nature__}, __light/natural__",
                "negative_template": "{3$$, $$__negative/general__}",
                "seed": 5,
            }
        },
        groups=_LORA_GROUPS,
        boxes=_LORAS,
        has_loras=True,
    ),
)
