"""Bind a request to an API graph of a person's own: Flux, a hires pass, ControlNet, whatever ComfyUI runs.

Three ways say where a part of the request goes, the first that is there wins:

1. ``bindings``: ``{"positive": "6.text", "steps": "my steps.value"}``, a node's id or title and an input;
2. the node's title, in any case: *positive* (or *positive prompt*), *negative*, *seed*, *size* (or *width*, *height*,
   *batch size*), *steps*, *cfg*, *sampler*, *scheduler*, *denoise*, *checkpoint* (or *model*), *vae*, *clip skip*, and
   *loras* (or *lora 1*, *lora 2* …): LoraLoader nodes, all of which the request's LoRAs replace;
3. the class and the links: the text encoders and the loader behind the first sampler (``comfy_places``).

A graph's author chose its settings well. So what is found in the second and third way keeps the graph's own value
while the request has its default there; positive prompt, seed and LoRAs are always the request's, and so is what a
binding names.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator_core.errors import FormatError
from orchestrator_core.formats.comfy_graph import lora_inputs, lora_title, model_file, text_and_loras
from orchestrator_core.formats.comfy_links import Graph, Place, check_graph, consumers, link_of, new_ids, title_of
from orchestrator_core.formats.comfy_places import ENCODER_TEXTS, FIELD_INPUTS, TEXT_VALUES, Places, find_places
from orchestrator_core.prompt import LoraUse
from orchestrator_core.request import GenerationRequest

# Title, in lower case → the fields of a request that go to that node. docs/comfyui.md has the same table for people.
TITLES = {
    "positive": ("positive",),
    "positive prompt": ("positive",),
    "negative": ("negative",),
    "negative prompt": ("negative",),
    "size": ("width", "height", "batch_size"),
    "batch size": ("batch_size",),
    "sampler": ("seed", "steps", "cfg", "sampler", "scheduler", "denoise"),
    "model": ("checkpoint",),
    "clip skip": ("clip_skip",),
    **{name: (name,) for name in FIELD_INPUTS if name != "sampler"},
}
_LORA_TITLE = re.compile(r"loras?( stack| \d+)?(:.*)?", re.IGNORECASE | re.DOTALL)
_DOUBLED = ENCODER_TEXTS[2:]
_ALWAYS = frozenset({"positive", "seed"})
_DEFAULTS = GenerationRequest("")
_Found = Mapping[str, tuple[Place, ...]]


@dataclass(frozen=True, slots=True)
class BoundGraph:
    """``bound``: what was written where. ``unbound``: what the request asks for and the graph has no place for."""

    graph: Graph
    bound: Mapping[str, tuple[Place, ...]]
    unbound: tuple[str, ...] = field(default=())


def bind_graph(graph: Any, request: GenerationRequest, bindings: Mapping[str, str] | None = None) -> BoundGraph:
    """A copy of the graph with the request in it.

    ``extra["inputs"]``, ``{"node id or title.input": value}``, is written last, and as it is.

    Raises:
        FormatError: it is no API graph, a binding names what is not there, or there is no place for a positive prompt.
    """
    graph = copy.deepcopy(check_graph(graph))
    found = find_places(graph)
    named = {name: (_named_place(graph, name, text),) for name, text in (bindings or {}).items() if name != "loras"}
    by_graph = {**(found.fields if found else {}), **_titled_places(graph)}
    text, loras = text_and_loras(request)
    bound, unbound = _write_fields(graph, request.replacing(positive=text), named, by_graph)
    if "positive" not in bound:
        raise FormatError(
            'The graph has no place for the positive prompt: give the text node the title "positive", or name it in '
            'the bindings, as {"positive": "6.text"}.'
        )
    if not _bind_loras(graph, loras, found):
        unbound.append("loras")
    write_inputs(graph, request)
    return BoundGraph(graph, bound, tuple(unbound))


def _write_fields(
    graph: Graph, request: GenerationRequest, named: _Found, by_graph: _Found
) -> tuple[dict[str, tuple[Place, ...]], list[str]]:
    """(what was written where, what the request asks for and has no place)."""
    bound: dict[str, tuple[Place, ...]] = {}
    unbound = []
    for name in ("positive", "negative", *FIELD_INPUTS):
        value = getattr(request, name)
        asked = name in _ALWAYS or value != getattr(_DEFAULTS, name)
        places = named.get(name) or (by_graph.get(name, ()) if asked else ())
        if name in ("checkpoint", "vae") and not value:
            continue  # "" asks for no file in particular: the graph's own
        for place in places:
            graph[place.node]["inputs"][place.input] = _value(name, value)
        if places:
            bound[name] = places
        elif asked:
            unbound.append(name)
    return bound, unbound


def _value(name: str, value: Any) -> Any:
    if name == "clip_skip":
        return -int(value)
    return model_file(value) if name in ("checkpoint", "vae") else value


def _titled_places(graph: Graph) -> dict[str, tuple[Place, ...]]:
    found: dict[str, tuple[Place, ...]] = {}
    for key, node in graph.items():
        names = TITLES.get(title_of(node).strip().casefold(), ())
        for name in names:
            inputs = [text for text in _inputs_of(name, alone=len(names) == 1) if text in node["inputs"]]
            # An encoder with several texts (SDXL, Flux) gets them all, any other node the likeliest.
            inputs = [text for text in inputs if text in _DOUBLED] or inputs[:1]
            found[name] = found.get(name, ()) + tuple(Place(key, text) for text in inputs)
    return {name: places for name, places in found.items() if places}


def _inputs_of(name: str, *, alone: bool) -> tuple[str, ...]:
    if name in ("positive", "negative"):
        return (*ENCODER_TEXTS, *TEXT_VALUES)
    # A node of one number, such as PrimitiveInt, holds it in "value".
    return (*FIELD_INPUTS[name], name, *(("value", "int", "float") if alone else ()))


def _named_place(graph: Graph, name: str, text: str) -> Place:
    """The place that "id or title.input" means. Raises FormatError."""
    if name not in FIELD_INPUTS and name not in ("positive", "negative"):
        raise FormatError(f'The bindings name "{name}", which is no part of a request; known are {_known()}.')
    return find_place(graph, text)


def _known() -> str:
    return ", ".join(["positive", "negative", *FIELD_INPUTS])


def find_place(graph: Graph, text: str) -> Place:
    """The place that "node id or title.input" means. Raises FormatError."""
    node, _, name = text.rpartition(".")
    titled = [key for key, value in graph.items() if title_of(value).casefold() == node.casefold()]
    keys = [node] if node in graph else titled
    if len(keys) != 1:
        problem = "no node" if not keys else f"{len(keys)} nodes"
        raise FormatError(f'"{text}" names {problem} of the graph; write "node id or title.input", such as "6.text".')
    if name not in graph[keys[0]]["inputs"]:
        inputs = ", ".join(graph[keys[0]]["inputs"])
        raise FormatError(f'"{text}": node {keys[0]} ({graph[keys[0]]["class_type"]}) has no such input, but {inputs}.')
    return Place(keys[0], name)


def write_inputs(graph: Graph, request: GenerationRequest) -> None:
    """Writes ``extra["inputs"]``, ``{"node id or title.input": value}``, as it is. Raises FormatError."""
    inputs = request.extra.get("inputs")
    for text, value in inputs.items() if isinstance(inputs, Mapping) else ():
        place = find_place(graph, str(text))
        graph[place.node]["inputs"][place.input] = value


def _bind_loras(graph: Graph, loras: tuple[LoraUse, ...], places: Places | None) -> bool:
    """Put the LoRAs in place of the titled ones, or else right behind the loader. False if there is no place."""
    stack = [key for key, node in graph.items() if _is_lora_place(node)]
    if stack:
        ends = _take_out(graph, stack)
    elif not loras:
        return True
    elif places is None or not (ends := _loader_ends(graph, places)):
        return False
    _insert(graph, loras, ends)
    return True


def _is_lora_place(node: dict[str, Any]) -> bool:
    return "lora_name" in node["inputs"] and _LORA_TITLE.fullmatch(title_of(node).strip()) is not None


Ends = list[tuple[str, list[Any], list[Place]]]  # ("model" or "clip", the link that feeds, the inputs that are fed)


def _take_out(graph: Graph, stack: list[str]) -> Ends:
    """Remove a chain of LoraLoaders; what came in, and what it fed."""
    ends: Ends = []
    for slot, name in enumerate(("model", "clip")):
        fed = [place for key in stack for place in consumers(graph, (key, slot)) if place.node not in stack]
        links = [graph[key]["inputs"].get(name) for key in stack]
        outside = [link for link in links if (found := link_of(link)) and found[0] not in stack]
        if outside:
            ends.append((name, outside[0], fed))
    for key in stack:
        del graph[key]
    for _, link, fed in ends:
        for place in fed:
            graph[place.node]["inputs"][place.input] = link
    return ends


def _loader_ends(graph: Graph, places: Places) -> Ends:
    """The outputs of the loader, or loaders, behind the sampler's model and the prompt's encoder."""
    chains = {"model": places.model, "clip": places.clip}
    links = {name: link_of(graph[chain[-2]]["inputs"][name]) for name, chain in chains.items() if len(chain) > 1}
    return [(name, list(link), consumers(graph, link)) for name, link in links.items() if link]


def _insert(graph: Graph, loras: tuple[LoraUse, ...], ends: Ends) -> None:
    links = {name: link for name, link, _ in ends}
    ids = new_ids(graph)
    for number, lora in enumerate(loras, 1):
        key, inputs = next(ids), lora_inputs(lora)
        class_type = "LoraLoader" if "clip" in links else "LoraLoaderModelOnly"
        if "clip" not in links:
            del inputs["strength_clip"]
        node = {"class_type": class_type, "inputs": inputs | links, "_meta": {"title": lora_title(number, lora)}}
        graph[key] = node
        links = {name: [key, slot] for slot, name in enumerate(links)}
    for name, _, fed in ends:
        for place in fed:
            graph[place.node]["inputs"][place.input] = links[name]
