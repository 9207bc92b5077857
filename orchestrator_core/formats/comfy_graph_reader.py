"""The request that a graph renders, as far as it can be told; for images of other people's graphs too."""

from __future__ import annotations

import re
from typing import Any

from orchestrator_core.errors import FormatError
from orchestrator_core.formats.comfy_links import Graph, Place, check_graph, link_of, source
from orchestrator_core.formats.comfy_places import TEXT_VALUES, Places, find_places, given_by
from orchestrator_core.prompt import LoraUse
from orchestrator_core.request import GenerationRequest

_DEFAULTS = GenerationRequest("")
_MOST = 2**64  # no number of a request is larger than a seed
_MAX_DEPTH = 20  # of nodes that put a text together
_NUMBERED = re.compile(r"(?:text|string|prompt|str)_?(?:[a-z]|\d{1,2})")
_TEXT_NAME = re.compile(
    r"(?:text_)?(?:positive|negative)(?:_prompt)?|populated_text|(?:text|string|prompt)(?:_?[a-z\d]{1,2})?"
)


def request_from_graph(graph: Any) -> GenerationRequest:
    """The request behind a graph's first sampler. What the graph does not say keeps its default.

    Raises:
        FormatError: it is no API graph, or samples nothing.
    """
    values = values_of_graph(graph)
    if not values:
        raise FormatError(
            "The graph has no sampler (a node with latent_image and positive, or guider): nothing to read."
        )
    return GenerationRequest(**{"positive": "", **values})


def values_of_graph(graph: Any) -> dict[str, Any]:
    """The fields of a request that a graph gives; empty if it samples nothing. Raises FormatError."""
    graph = check_graph(graph)
    places = find_places(graph)
    if places is None:
        return {}
    values: dict[str, Any] = {"loras": _loras(graph, places)}
    for name, where in places.fields.items():
        value = _value(graph, name, where)
        if value is not None:
            values[name] = value
    if (index := _batch_index(graph, places.sampler)) is not None:
        values["extra"] = {"batch_index": index}
    return values


def _value(graph: Graph, name: str, places: tuple[Place, ...]) -> Any:
    if name in ("positive", "negative"):
        # SDXL's and Flux's encoders take the same text twice.
        return "\n".join(dict.fromkeys(text for place in places if (text := read_text(graph, place))))
    value = graph[places[0].node]["inputs"][places[0].input]
    example = getattr(_DEFAULTS, name)
    if isinstance(example, str):
        return value if isinstance(value, str) else None
    if not _is_number(value):
        return None
    if name == "clip_skip":
        return max(1, -int(value))
    return type(example)(value)


def _is_number(value: Any) -> bool:
    """A number that a host could have used: NaN and an integer of 400 digits are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and -_MOST <= value <= _MOST


def read_text(graph: Graph, place: Place, depth: int = 0) -> str:
    """The text at a place, also where other nodes make it: a wildcard node's result, a concatenation."""
    value = graph[place.node]["inputs"].get(place.input)
    if isinstance(value, str):
        return value
    link = link_of(value)
    if link is None or link[0] not in graph or depth > _MAX_DEPTH:
        return ""
    inputs = graph[link[0]]["inputs"]
    if "string_a" in inputs:  # StringConcatenate
        parts = [read_text(graph, Place(link[0], name), depth + 1) for name in ("string_a", "string_b")]
        delimiter = inputs.get("delimiter")
        return (delimiter if isinstance(delimiter, str) else "").join(parts)
    names = given_by(inputs, link[1], TEXT_VALUES)
    if names:
        return next((text for name in names if (text := read_text(graph, Place(link[0], name), depth + 1))), "")
    return _joined_text(graph, link[0], depth)


def _joined_text(graph: Graph, key: str, depth: int) -> str:
    """What a node makes of several texts: WAS's Text Concatenate, pysssss's StringFunction, and their like."""
    inputs = graph[key]["inputs"]
    parts = [read_text(graph, Place(key, name), depth + 1) for name in inputs if _NUMBERED.fullmatch(name)]
    between = next((inputs[name] for name in ("delimiter", "separator") if isinstance(inputs.get(name), str)), ", ")
    return str(between).join(part for part in parts if part)


def texts_of_graph(graph: Any) -> dict[str, str]:
    """Positive and negative prompt as words alone, of a graph that no walk from a sampler can read: of nodes that pass
    all in one pipe, or that encode in a way of their own. Raises FormatError."""
    graph = check_graph(graph)
    behind = {role: _behind_inputs(graph, role) for role in ("positive", "negative")}
    found: dict[str, list[str]] = {"positive": [], "negative": []}
    for key, node in graph.items():
        for name, value in node["inputs"].items():
            if isinstance(value, str) and value.strip() and _TEXT_NAME.fullmatch(name):
                found[_role(key, name, behind)].append(value)
    return {role: "\n".join(dict.fromkeys(texts)) for role, texts in found.items()}


def _role(key: str, name: str, behind: dict[str, set[str]]) -> str:
    if "negative" in name:
        return "negative"
    return "negative" if key in behind["negative"] - behind["positive"] else "positive"


def _behind_inputs(graph: Graph, role: str) -> set[str]:
    """All nodes that inputs of this name depend on, in one walk: a graph may have ten thousand of them."""
    found: set[str] = set()
    waiting = [behind for key in graph if (behind := source(graph, key, role))]
    while waiting:
        key = waiting.pop()
        if key not in found:
            found.add(key)
            waiting += [behind for name in graph[key]["inputs"] if (behind := source(graph, key, name))]
    return found


def _loras(graph: Graph, places: Places) -> tuple[LoraUse, ...]:
    """The LoRAs that the sampler's model passes, the one next to the checkpoint first."""
    found: list[LoraUse] = []
    for key in reversed(places.model):
        inputs = graph[key]["inputs"]
        if isinstance(inputs.get("lora_name"), str):
            model = _strength(inputs.get("strength_model"))
            # LoraLoaderModelOnly has no clip, and leaves the text encoder as it is.
            clip = _strength(inputs.get("strength_clip")) if "strength_clip" in inputs else 0.0
            found.append(LoraUse(inputs["lora_name"], model, clip))
        found += [lora for value in inputs.values() if isinstance(value, dict) and (lora := _rgthree_lora(value))]
    return tuple(found)


def _strength(value: Any) -> float:
    return float(value) if _is_number(value) else 1.0


def _rgthree_lora(value: dict[str, Any]) -> LoraUse | None:
    """One row of rgthree's Power Lora Loader: ``{"on", "lora", "strength", "strengthTwo"?}``."""
    if value.get("on") is not True or not isinstance(value.get("lora"), str):
        return None
    model, clip = value.get("strength"), value.get("strengthTwo")
    return LoraUse(value["lora"], _strength(model), _strength(model if clip is None else clip))


def _batch_index(graph: Graph, sampler: str) -> int | None:
    latent = source(graph, sampler, "latent_image")
    index = graph[latent]["inputs"].get("batch_index") if latent else None
    return index if type(index) is int else None
