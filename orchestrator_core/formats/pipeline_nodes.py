"""Which node each stage of a pipeline is on ComfyUI's canvas, and what its options are there.

An option of our nodes is the widget of its name. What ``dispatch`` takes is spread over ComfyUI's own nodes; here it is
one list of values by option, whichever node each of them is in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from orchestrator_core.formats.comfy_graph import model_file
from orchestrator_core.formats.node_definitions import node_definition
from orchestrator_core.formats.rerolls import format_rerolls, parse_rerolls
from orchestrator_core.formats.sharing_nodes import LLM_ENHANCE, LORA_SELECTOR, OUR_NODES, STORY_MEMORY, WILDCARD_PROMPT
from orchestrator_core.formats.sharing_ours import CLIP_SCORER
from orchestrator_core.prompt import MAX_SEED
from orchestrator_core.spec import StageSpec

DRAW, TELL, ENHANCE, CHOOSE = "generatePrompt", "followStory", "llmEnhance", "selectLoras"
RENDER, SCORE = "dispatch", "scoreImages"
SAMPLER = "KSampler"
NODES: Mapping[str, str] = {
    DRAW: WILDCARD_PROMPT,
    TELL: STORY_MEMORY,
    ENHANCE: LLM_ENHANCE,
    CHOOSE: LORA_SELECTOR,
    RENDER: SAMPLER,
    SCORE: CLIP_SCORER,
}
TYPES = {kind: name for name, kind in NODES.items()}
DRAFTS = (DRAW, TELL, ENHANCE, CHOOSE)  # what makes, or changes, a prompt
USUAL_IDS = {DRAW: "draw", TELL: "scene", ENHANCE: "enhance", CHOOSE: "loras", RENDER: "render", SCORE: "score"}
MARK = "orchestrator_stage"  # the property of a node that says which stage it is
LARGEST = 2**53  # a browser counts no further

# As ``stages.dispatch.Options`` has them, which this layer does not know; a test compares the two.
RENDERING: Mapping[str, Any] = {
    "checkpoint": "", "vae": "", "sampler": "euler", "scheduler": "normal", "steps": 20, "cfg": 7.0, "denoise": 1.0,
    "width": 512, "height": 512, "batch_size": 1, "clip_skip": 1, "seed": None,
}  # fmt: skip
_NODE_ONLY = {DRAW: ("populated_text", "populated_negative", "mode"), SCORE: ("until",)}
_NONE_IS = {(DRAW, "index"): -1, (ENHANCE, "seed"): -1}  # how a widget says that there is no number
_FILES = ("checkpoint", "vae")


@cache
def usual_options(stage: str) -> Mapping[str, Any]:
    """The options that the canvas has a place for, with what they are where nobody says another."""
    if stage == RENDER:
        return RENDERING
    definition = node_definition(NODES[stage], OUR_NODES)
    widgets = definition.widgets if definition else ()
    hidden = _NODE_ONLY.get(stage, ())
    return {item.name: of_widget(stage, item.name, item.default) for item in widgets if item.name not in hidden}


def shown_options(spec: StageSpec) -> dict[str, Any]:
    """What the canvas shows of a stage, by option."""
    return {
        name: to_widget(spec.type, name, spec.options.get(name, usual))
        for name, usual in usual_options(spec.type).items()
    }


def to_widget(stage: str, option: str, value: Any) -> Any:
    if value is None:
        return _NONE_IS.get((stage, option))
    if option == "rerolls" and isinstance(value, Mapping):
        return format_rerolls(value.items())
    return model_file(value) if option in _FILES and isinstance(value, str) else value


def of_widget(stage: str, option: str, value: Any) -> Any:
    """The option that a widget's value says."""
    if (none := _NONE_IS.get((stage, option))) is not None and value == none:
        return None
    if option == "rerolls" and isinstance(value, str):
        try:
            return parse_rerolls(value)
        except ValueError:
            return value  # the stage says what is wrong with it
    return value


def options_from(spec: StageSpec, shown: Mapping[str, Any]) -> dict[str, Any]:
    """The stage's options, with those changed that the canvas shows otherwise than it would show them.

    So what nobody touched stays as it was written: 7 stays 7, and a name without its suffix stays without.
    """
    options, before = dict(spec.options), shown_options(spec)
    for name, usual in usual_options(spec.type).items():
        if name not in shown or is_same(shown[name], before[name]):
            continue
        value = of_widget(spec.type, name, shown[name])
        if is_same(to_widget(spec.type, name, usual), shown[name]):
            options.pop(name, None)
        else:
            options[name] = value
    return options


def is_same(one: Any, other: Any) -> bool:
    """JavaScript's numbers have 53 bits, and no difference between 7 and 7.0."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one == other or (LARGEST < abs(one) < 2 * MAX_SEED and float(one) == float(other))
    return bool(one == other)


def free_id(wanted: str, taken: Iterable[str]) -> str:
    """This id, or with a number behind it."""
    used = set(taken)
    number, found = 1, wanted
    while found in used:
        number += 1
        found = f"{wanted}{number}"
    return found
