"""A request as a ComfyUI API graph: plain text to image, with LoRAs, VAE and clip skip where they are asked for.

Every node's title says which part of the request it holds (``positive``, ``negative``, ``size``, ``sampler`` …): the
same titles by which ``comfy_binding`` finds its places in a graph of a person's own.
"""

from __future__ import annotations

from pathlib import PureWindowsPath  # which knows both separators: a server may run on another system
from typing import Any

from orchestrator_core.formats.canvas_text import escape_canvas_text
from orchestrator_core.formats.comfy_links import Graph
from orchestrator_core.formats.extra_networks import extract_loras
from orchestrator_core.formats.infotext import MODEL_SUFFIXES
from orchestrator_core.prompt import LoraUse
from orchestrator_core.request import GenerationRequest

Link = list[Any]  # [node id, output slot]


def text_to_image_graph(request: GenerationRequest, filename_prefix: str = "orchestrator") -> Graph:
    """The graph that renders a request with ComfyUI's own nodes.

    ``<lora:…>`` tags of the positive prompt become LoraLoader nodes. ``extra["batch_index"]`` renders only that image
    of the batch, with the noise that it had in it. An empty checkpoint stays empty: a server's first one is for the
    sender to fill in.
    """
    text, loras = text_and_loras(request)
    graph = _Builder()
    checkpoint = graph.add("CheckpointLoaderSimple", "checkpoint", ckpt_name=model_file(request.checkpoint))
    model, clip = add_loras(graph, loras, [checkpoint, 0], [checkpoint, 1])
    if request.clip_skip > 1:
        clip = [graph.add("CLIPSetLastLayer", "clip skip", stop_at_clip_layer=-request.clip_skip, clip=clip), 0]
    sampler = graph.add(
        "KSampler",
        "sampler",
        seed=request.seed,
        steps=request.steps,
        cfg=request.cfg,
        sampler_name=request.sampler,
        scheduler=request.scheduler,
        denoise=request.denoise,
        model=model,
        positive=_encoded(graph, "positive", text, clip),
        negative=_encoded(graph, "negative", request.negative, clip),
        latent_image=_latent(graph, request),
    )
    vae = [graph.add("VAELoader", "VAE", vae_name=model_file(request.vae)), 0] if request.vae else [checkpoint, 2]
    image = graph.add("VAEDecode", "decode", samples=[sampler, 0], vae=vae)
    graph.add("SaveImage", "save", filename_prefix=filename_prefix, images=[image, 0])
    return graph.nodes


class _Builder:
    """Adds nodes under rising ids."""

    def __init__(self) -> None:
        self.nodes: Graph = {}

    def add(self, class_type: str, title: str, **inputs: Any) -> str:
        key = str(len(self.nodes) + 1)
        self.nodes[key] = {"class_type": class_type, "inputs": inputs, "_meta": {"title": title}}
        return key


def add_loras(graph: _Builder, loras: tuple[LoraUse, ...], model: Link, clip: Link) -> tuple[Link, Link]:
    """Chain LoraLoader nodes behind these two links; returns the links at the chain's end."""
    for number, lora in enumerate(loras, 1):
        key = graph.add("LoraLoader", lora_title(number, lora), **lora_inputs(lora), model=model, clip=clip)
        model, clip = [key, 0], [key, 1]
    return model, clip


def lora_title(number: int, lora: LoraUse) -> str:
    return f"LoRA {number}: {PureWindowsPath(lora.name).name}"


def lora_inputs(lora: LoraUse) -> dict[str, Any]:
    """A LoraLoader's values."""
    strengths = {"strength_model": lora.strength_model, "strength_clip": lora.strength_clip}
    return {"lora_name": model_file(lora.name), **strengths}


def _encoded(graph: _Builder, title: str, text: str, clip: Link) -> Link:
    value: Any = text
    if escape_canvas_text(text) is None:
        value = [graph.add("PrimitiveStringMultiline", f"{title} text", value=text), 0]
    return [graph.add("CLIPTextEncode", title, text=value, clip=clip), 0]


def _latent(graph: _Builder, request: GenerationRequest) -> Link:
    size = {"width": request.width, "height": request.height, "batch_size": request.batch_size}
    empty = graph.add("EmptyLatentImage", "size", **size)
    index = request.extra.get("batch_index")
    if type(index) is not int:
        return [empty, 0]
    return [graph.add("LatentFromBatch", "one of the batch", samples=[empty, 0], batch_index=index, length=1), 0]


def text_and_loras(request: GenerationRequest) -> tuple[str, tuple[LoraUse, ...]]:
    """The positive text without LoRA tags, and all LoRAs; a tag that names one of ``request.loras`` adds nothing."""
    text, tagged = extract_loras(request.positive)
    known = {_stem(lora.name) for lora in request.loras}
    return text, request.loras + tuple(lora for lora in tagged if _stem(lora.name) not in known)


def _stem(name: str) -> str:
    return PureWindowsPath(model_file(name)).stem.casefold()


def model_file(name: str) -> str:
    """A model's name as a file name: A1111 leaves ``.safetensors`` away, ComfyUI does not."""
    return name if not name or name.lower().endswith(MODEL_SUFFIXES) else f"{name}.safetensors"
