"""What the nodes of a graph say that is an option of a stage, and what they say that is none."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from orchestrator_core.formats.comfy_links import Graph, Place, follow, link_of, source, title_of, upstream
from orchestrator_core.formats.comfy_places import CONDITIONINGS, holder
from orchestrator_core.formats.core_nodes import CORE_NODES
from orchestrator_core.formats.pipeline_nodes import DRAW, RENDER, SCORE, usual_options
from orchestrator_core.formats.sharing_nodes import (
    LLM_MODEL,
    LORA_LOADERS,
    NOTES,
    OUR_NODES,
    PROFILE_LOADER,
    WILDCARD_PROMPT,
)
from orchestrator_core.formats.sharing_ours import RETRY_UNTIL

_VALUES = ("value", "string", "text", "int", "float", "seed")  # of a node that gives one constant
_OF_SAMPLER = {
    "steps": "steps", "cfg": "cfg", "sampler": "sampler_name", "scheduler": "scheduler", "denoise": "denoise",
    "seed": "seed",
}  # fmt: skip
_PROFILES = ("character", "setting", "style", "more", "genre")
_SEED_SLOT = 3  # of a Wildcard Prompt
_NAMED = 5  # foreign classes that are named
_RULES = "rules"  # of LLM Model, which ask no model


def shown_in(graph: Graph, key: str, kind: str, title: str, told: list[str]) -> dict[str, Any]:
    """The values of a stage's options, as the canvas has them. What cannot be read is told, and left out."""
    found = _rendering(graph, key, title, told) if kind == RENDER else _widgets(graph, key, kind, title, told)
    inputs = graph[key]["inputs"]
    if kind == DRAW and inputs.get("mode") == "fixed":
        told.append(f"The text of {title!r} is fixed: a pipeline draws its template anew.")
    if kind == SCORE and inputs.get("until", 0.5) != 0.5:
        told.append(f"Which images of {title!r} pass is not in the pipeline.")
    if kind == SCORE and link_of(inputs.get("compare")):
        told.append(f"What {title!r} compares with is not in the pipeline: its option compare says it there.")
    return found


def _widgets(graph: Graph, key: str, kind: str, title: str, told: list[str]) -> dict[str, Any]:
    inputs, found = graph[key]["inputs"], {}
    for name in usual_options(kind):
        if name not in inputs:
            continue
        if (
            name == "profiles"
            and (before := source(graph, key, name))
            and graph[before]["class_type"] == PROFILE_LOADER
        ):
            found[name] = _profiles(graph, before)
        else:
            _put(graph, Place(key, name), name, title, found, told)
    return found


def _put(graph: Graph, place: Place, option: str, title: str, found: dict[str, Any], told: list[str]) -> None:
    value = constant(graph, place)
    if value is None:
        told.append(f"What {title!r} has as {option} comes from another node, and is not in the pipeline.")
    else:
        found[option] = value


def constant(graph: Graph, place: Place) -> Any:
    """An input's value, also where a node that holds one value gives it; None for what is made in another way."""
    at = holder(graph, place, _VALUES)
    value = graph[at.node]["inputs"].get(at.input)
    if isinstance(value, dict) and value.keys() == {"__value__"}:
        return value["__value__"]
    is_ours = at.node != place.node and graph[at.node]["class_type"] in OUR_NODES
    return None if link_of(value) or is_ours or isinstance(value, list | dict) else value


def _profiles(graph: Graph, key: str) -> str:
    """As Profile Loader joins them, and those of the loaders before it."""
    texts: list[str] = []
    for node in reversed(list(follow(graph, key, ("profiles",)))):
        texts += [str(graph[node]["inputs"].get(name) or "") for name in _PROFILES]
    names = (name.strip() for text in texts for name in text.split(","))
    return ", ".join(dict.fromkeys(filter(None, names)))


def _rendering(graph: Graph, key: str, title: str, told: list[str]) -> dict[str, Any]:
    """What the sampler, and the nodes before and behind it, render with."""
    found: dict[str, Any] = {}
    for option, name in _OF_SAMPLER.items():
        if name not in graph[key]["inputs"]:
            continue
        link = link_of(graph[key]["inputs"][name])
        if option == "seed" and link and _is_prompts_seed(graph, link):
            found["seed"] = None
        else:
            _put(graph, Place(key, name), option, title, found, told)
    places = {
        "width": _first(graph, key, "latent_image", ("samples", "latent"), "width"),
        "checkpoint": _first(graph, key, "model", ("model",), "ckpt_name"),
        "clip_skip": _clip_skip(graph, key),
        "vae": _vae(graph, key),
    }
    if places["width"]:
        places |= {name: Place(places["width"].node, name) for name in ("height", "batch_size")}
    else:
        told.append(f"{title!r} begins with an image, not with a size: that is not in the pipeline.")
    for option, place in places.items():
        if place:
            _put(graph, place, option, title, found, told)
    found.setdefault("vae", "")
    found["clip_skip"] = -found["clip_skip"] if isinstance(found.get("clip_skip"), int) else 1
    _tell_loras(graph, key, title, told)
    return found


def _is_prompts_seed(graph: Graph, link: tuple[str, int]) -> bool:
    return link[0] in graph and graph[link[0]]["class_type"] == WILDCARD_PROMPT and link[1] == _SEED_SLOT


def _first(graph: Graph, key: str, start: str, names: tuple[str, ...], wanted: str) -> Place | None:
    before = source(graph, key, start)
    nodes = follow(graph, before, names) if before else ()
    return next((Place(node, wanted) for node in nodes if wanted in graph[node]["inputs"]), None)


def _clip_skip(graph: Graph, key: str) -> Place | None:
    before = source(graph, key, "positive")
    for node in follow(graph, before, ("positive", *CONDITIONINGS)) if before else ():
        if "clip" in graph[node]["inputs"]:
            return _first(graph, node, "clip", ("clip",), "stop_at_clip_layer")
    return None


def _vae(graph: Graph, key: str) -> Place | None:
    for node, data in graph.items():
        if "VAEDecode" in data["class_type"] and source(graph, node, "samples") == key:
            return _first(graph, node, "vae", (), "vae_name")
    return None


def _tell_loras(graph: Graph, key: str, title: str, told: list[str]) -> None:
    before = source(graph, key, "model")
    for node in follow(graph, before, ("model",)) if before else ():
        if graph[node]["class_type"] in LORA_LOADERS:
            name = graph[node]["inputs"].get("lora_name")
            told.append(
                f"The LoRA {name} that {title!r} loads is not in the pipeline: name it in include of a LoRA Selector."
            )


def told_of_others(graph: Graph, stages: Sequence[str], active: Collection[str]) -> list[str]:
    """Of the nodes that no pipeline has, of what a place settles for itself, and of stages without a prompt of ours."""
    classes = {graph[key]["class_type"] for key in active if key in graph}
    others = sorted(classes - {*OUR_NODES, *CORE_NODES, *NOTES} | classes & {RETRY_UNTIL})
    told = []
    if others:
        more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
        told.append(f"Passed over, as no pipeline has them: {', '.join(others[:_NAMED])}{more}.")
    if any(graph[key]["inputs"].get("backend") != _RULES for key in active if _is(graph, key, LLM_MODEL)):
        told.append("Which language model is asked is not in the pipeline: it is set where the pipeline runs.")
    prompts = {key for key in stages if _is(graph, key, WILDCARD_PROMPT)}
    for key in stages:
        if key not in prompts and not upstream(graph, key) & prompts:
            told.append(f"{title_of(graph[key]) or key!r} has no Wildcard Prompt before it, and is left out.")
    return told


def _is(graph: Graph, key: str, kind: str) -> bool:
    return key in graph and bool(graph[key]["class_type"] == kind)
