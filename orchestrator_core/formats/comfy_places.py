"""Where an API graph keeps each part of a request: found by class and by links, whoever made the graph.

Start at the sampler, and follow its inputs back: the texts, the checkpoint, the size. Reading a request from a foreign
graph and binding one to it are then the same walk.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator_core.formats.comfy_links import Graph, Place, follow, link_of, source, upstream

# Input names, the likeliest first. A field of the request is looked for under these.
FIELD_INPUTS: dict[str, tuple[str, ...]] = {
    "seed": ("seed", "noise_seed"),
    "steps": ("steps",),
    "cfg": ("cfg",),
    "sampler": ("sampler_name",),
    "scheduler": ("scheduler",),
    "denoise": ("denoise",),
    "width": ("width",),
    "height": ("height",),
    "batch_size": ("batch_size",),
    "checkpoint": ("ckpt_name", "unet_name", "model_name"),
    "vae": ("vae_name",),
    "clip_skip": ("stop_at_clip_layer",),
}
ENCODER_TEXTS = ("text", "prompt", "text_g", "text_l", "t5xxl", "clip_g", "clip_l")
# In a node that makes a text; what it was resolved to comes before what it was resolved from.
TEXT_VALUES = ("populated_text", "text", "value", "string", "prompt", "wildcard_text")
CONDITIONINGS = ("conditioning", "conditioning_1", "conditioning_to", "conditioning1", "cond")


@dataclass(frozen=True, slots=True)
class Places:
    """The first-pass sampler, and the place or places of each field of the request that the graph has.

    ``model`` are the nodes that the model passes, from its user back to the loader; ``clip`` the same from the encoder
    of the positive prompt.
    """

    sampler: str
    model: tuple[str, ...]
    clip: tuple[str, ...]
    fields: dict[str, tuple[Place, ...]]


def find_places(graph: Graph) -> Places | None:
    """None if the graph samples nothing."""
    sampler = find_sampler(graph)
    if sampler is None:
        return None
    settings = list(_settings(graph, sampler))
    fields = {name: _first(graph, settings, FIELD_INPUTS[name]) for name in ("seed", "steps", "cfg", "sampler")}
    fields |= {name: _first(graph, settings, FIELD_INPUTS[name]) for name in ("scheduler", "denoise")}
    positive = _encoder(graph, settings, ("positive", "conditioning"))
    negative = _encoder(graph, settings, ("negative",))
    fields["positive"] = _texts(graph, positive)
    fields["negative"] = tuple(place for place in _texts(graph, negative) if place not in fields["positive"])
    latents = [key for node in settings for key in _behind(graph, node, "latent_image", ("samples", "latent"))]
    for name in ("width", "height", "batch_size"):
        fields[name] = _first(graph, latents, FIELD_INPUTS[name])
    model = next((list(follow(graph, node, ("model",))) for node in settings if source(graph, node, "model")), [])
    clip = list(follow(graph, positive[0].node, ("clip",))) if positive else []
    fields["checkpoint"] = _first(graph, model, FIELD_INPUTS["checkpoint"])
    fields["clip_skip"] = _first(graph, clip, FIELD_INPUTS["clip_skip"])
    decoders = [key for key, node in graph.items() if "VAEDecode" in node["class_type"]]
    vaes = [vae for decoder in decoders if (vae := source(graph, decoder, "vae"))]
    fields["vae"] = _first(graph, vaes, FIELD_INPUTS["vae"])
    return Places(sampler, tuple(model), tuple(clip), {name: places for name, places in fields.items() if places})


def find_sampler(graph: Graph) -> str | None:
    """The node that samples first: KSampler, SamplerCustom, SamplerCustomAdvanced, or one like them."""
    found = [
        key
        for key, node in graph.items()
        if "latent_image" in node["inputs"] and {"positive", "guider"} & node["inputs"].keys()
    ]
    if not found:  # the detailers and upscalers that work on images
        found = [key for key, node in graph.items() if {"positive", "negative", "seed"} <= node["inputs"].keys()]
    # In a graph with a second pass, the sampler that depends on no other is the one that makes the picture.
    first = [key for key in found if not upstream(graph, key) & set(found)]
    return next(iter(first or found), None)


def _settings(graph: Graph, sampler: str) -> Iterator[str]:
    """The sampler and the nodes that hold its settings, when it is a SamplerCustom."""
    yield sampler
    for name in ("guider", "noise", "sampler", "sigmas"):
        yield from _behind(graph, sampler, name, ("sigmas", "guider", "sampler"))


def _behind(graph: Graph, node: str, name: str, names: tuple[str, ...]) -> list[str]:
    start = source(graph, node, name)
    return list(follow(graph, start, names)) if start else []


def _first(graph: Graph, nodes: list[str], names: tuple[str, ...]) -> tuple[Place, ...]:
    for node in nodes:
        for name in names:
            if name in graph[node]["inputs"]:
                return (holder(graph, Place(node, name), ("value", "seed", "int", "float")),)
    return ()


def holder(graph: Graph, place: Place, names: tuple[str, ...]) -> Place:
    """The place of the value itself, if this input is linked to a node that holds one value under one of the names."""
    seen = set()
    while (behind := source(graph, place.node, place.input)) and behind not in seen:
        seen.add(behind)
        link = link_of(graph[place.node]["inputs"][place.input])
        candidates = given_by(graph[behind]["inputs"], link[1] if link else 0, names)
        if len(candidates) != 1:
            break
        place = Place(behind, candidates[0])
    return place


def given_by(inputs: Mapping[str, Any], slot: int, names: tuple[str, ...]) -> list[str]:
    """The inputs, of these names, whose value a node may give at an output. Our Wildcard Prompt has two texts."""
    if "populated_negative" in inputs and names == TEXT_VALUES:
        return ["populated_negative" if slot == 1 else "populated_text"]
    return [name for name in names if name in inputs]


def _encoder(graph: Graph, settings: list[str], roles: tuple[str, ...]) -> list[Place]:
    """The text inputs of the node that conditions the sampler in this role: its encoder, or itself."""
    for node in settings:
        for role in roles:
            if isinstance(graph[node]["inputs"].get(role), str):
                return [Place(node, role)]
            for key in _behind(graph, node, role, (role, *CONDITIONINGS)):
                if graph[key]["class_type"] == "ConditioningZeroOut":
                    return []
                inputs = graph[key]["inputs"]
                plain = [name for name in roles if isinstance(inputs.get(name), str)]  # loaders that encode as well
                if names := [name for name in ENCODER_TEXTS if name in inputs] or plain:
                    return [Place(key, name) for name in names]
    return []


def _texts(graph: Graph, encoder: list[Place]) -> tuple[Place, ...]:
    return tuple(holder(graph, place, TEXT_VALUES) for place in encoder)
