"""Our LoRA nodes in a stock template: ComfyUI's own loaders, with the LoRAs that were loaded in the run.

A node that has run keeps what it loaded as a property, which goes into the image's workflow too. Of a run that was
rendered without that, its request says it, where one node alone can have loaded them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from orchestrator_core.formats.comfy_graph import lora_inputs, lora_title
from orchestrator_core.formats.sharing_canvas import Canvas, Level, Link
from orchestrator_core.formats.sharing_nodes import (
    LORA_LOADERS,
    LORA_NODES,
    LORA_SELECTOR,
    Node,
    definition_of,
    is_ours,
    widget_places,
)
from orchestrator_core.formats.sharing_prompts import Prompts
from orchestrator_core.prompt import LoraUse
from orchestrator_core.request import GenerationRequest

LOADED = "orchestrator_loaded"  # the node's property
MODEL, CLIP, TEXT, DRAFT, STACK, REPORT = range(6)  # the outputs of a LoRA Selector; Apply LoRA Stack has the first two
_BYPASSED = 4  # ComfyUI's mode of a node
_MOST = 100  # LoRAs of one node


@dataclass(frozen=True, slots=True)
class LoadedLoras:
    """What one node loaded. ``text``: the prompt with the trigger words, where the node gives one."""

    loras: tuple[LoraUse, ...]
    text: str | None = None

    def as_property(self) -> dict[str, Any]:
        text = {} if self.text is None else {"text": self.text}
        return {**text, "loras": [[use.name, use.strength_model, use.strength_clip] for use in self.loras]}


class Stock(Protocol):
    """What is used of the work on a whole template."""

    canvas: Canvas
    prompts: Prompts

    def give(self, level: Level, node: Node, slot: int, text: str, title: str) -> None: ...
    def positive_of(self, level: Level, draft: Link | None) -> Link | None: ...


def loaded_of(node: Node) -> LoadedLoras | None:
    """What a node noted of its run; None where it did not, or what stands there is not ours."""
    held = node["properties"].get(LOADED)
    rows = held.get("loras") if isinstance(held, dict) else None
    if not isinstance(rows, list) or len(rows) > _MOST or not all(map(_is_row, rows)):
        return None
    text = held["text"] if isinstance(held.get("text"), str) else None
    return LoadedLoras(tuple(LoraUse(name, float(model), float(clip)) for name, model, clip in rows), text)


def _is_row(row: Any) -> bool:
    if not (isinstance(row, list) and len(row) == 3 and isinstance(row[0], str) and 0 < len(row[0]) < 500):
        return False
    return all(type(number) in (int, float) and abs(number) <= 100 for number in row[1:])


def forget_loaded(canvas: Canvas) -> None:
    """A live template chooses anew: what was chosen from a person's LoRAs does not go along."""
    for _, node in canvas.nodes():
        node["properties"].pop(LOADED, None)


def loras_as_loaders(work: Stock, request: GenerationRequest | None, object_info: Mapping[str, Any] | None) -> None:
    """Loaders in place of all our LoRA nodes, and the texts that these gave."""
    nodes = [(level, node) for level, node in work.canvas.nodes() if node["type"] in LORA_NODES]
    only = _requested(work.canvas, request, object_info) if request and len(nodes) == 1 else None
    known = [(level, node, _known(node, only)) for level, node in nodes]
    for level, node, loaded in known:
        for name in ("text", "draft", "lora_stack") if loaded else ():  # what is known needs nothing from before
            if fed := level.into(node, name):
                level.cut(fed)
    for level, node, loaded in known:
        _replace(work, level, node, loaded)


def _known(node: Node, only: LoadedLoras | None) -> LoadedLoras | None:
    if node.get("mode") == _BYPASSED:
        return None
    loaded = loaded_of(node) or only
    return None if loaded and node["type"] == LORA_SELECTOR and loaded.text is None else loaded


def _requested(canvas: Canvas, request: GenerationRequest, object_info: Mapping[str, Any] | None) -> LoadedLoras | None:
    """What the request has, without what the workflow's own loaders load; None where it says nothing."""
    if not request.positive:
        return None
    others = {_stem(name) for _, node in canvas.nodes() for name in _loader_names(node, object_info)}
    return LoadedLoras(tuple(use for use in request.loras if _stem(use.name) not in others), request.positive)


def _loader_names(node: Node, object_info: Mapping[str, Any] | None) -> list[str]:
    values, places = node.get("widgets_values"), widget_places(node, definition_of(node["type"], object_info))
    place = places.get("lora_name")
    name = values[place] if isinstance(values, list) and place is not None else None
    return [name] if isinstance(name, str) else []


def _stem(name: str) -> str:
    last = name.replace("\\", "/").rpartition("/")[2].casefold()
    return last.removesuffix(".safetensors")


def _replace(work: Stock, level: Level, node: Node, loaded: LoadedLoras | None) -> None:
    if loaded is None and node.get("mode") != _BYPASSED:
        work.prompts.warnings.append(
            f"{_name(node)} is left out: it does not say which LoRAs it loaded. Run it once, then export."
        )
    ends = _chain(work.canvas, level, node, loaded.loras if loaded else ())
    for slot, end in zip((MODEL, CLIP), ends, strict=True):
        _feed(work.canvas, level, node, slot, end)
    if node["type"] == LORA_SELECTOR:
        _give_texts(work, level, node, loaded)
    level.remove(node)


def _give_texts(work: Stock, level: Level, node: Node, loaded: LoadedLoras | None) -> None:
    draft = level.into(node, "draft")
    if loaded is None:
        _feed(work.canvas, level, node, TEXT, level.into(node, "text") or work.positive_of(level, draft))
        _feed(work.canvas, level, node, DRAFT, draft)
        _feed(work.canvas, level, node, STACK, level.into(node, "lora_stack"))
        return
    work.give(level, node, TEXT, loaded.text or "", "positive text")
    told = "\n".join(f"{use.name} at {use.strength_model:g}" for use in loaded.loras)
    work.give(level, node, REPORT, told or "No LoRA", "LoRAs")
    for link in level.from_output(node, STACK):
        target = level.node(link.target)
        if target is not None and not is_ours(target):
            work.prompts.warnings.append(f"{_name(target)} gets no LoRAs any more: {_name(node)} is left out.")


def _chain(canvas: Canvas, level: Level, node: Node, loras: tuple[LoraUse, ...]) -> tuple[Link | None, Link | None]:
    """Loaders behind what fed the node; what feeds the rest now. Without a model there is nothing to load into."""
    model, clip = level.into(node, "model"), level.into(node, "clip")
    for number, use in enumerate(loras if model else (), 1):
        loader = _loader(canvas.new_node_id(), node, number, use, clip is not None)
        level.nodes.append(loader)
        for slot, fed in enumerate((model, clip)):
            if fed is not None:
                level.join(fed._replace(id=canvas.new_link_id(), target=str(loader["id"]), target_slot=slot))
        key = str(loader["id"])
        model = model and model._replace(origin=key, origin_slot=0)
        clip = clip and clip._replace(origin=key, origin_slot=1)
    return model, clip


def _feed(canvas: Canvas, level: Level, node: Node, slot: int, fed: Link | None) -> None:
    """What an output fed is fed by another one, or by nothing."""
    for link in level.from_output(node, slot):
        level.cut(link)
        if fed:
            level.join(fed._replace(id=canvas.new_link_id(), target=link.target, target_slot=link.target_slot))


def _loader(number: int, node: Node, place: int, use: LoraUse, has_clip: bool) -> Node:
    kinds = ("MODEL", "CLIP") if has_clip else ("MODEL",)
    class_type = LORA_LOADERS[0 if has_clip else 1]
    values = lora_inputs(use)
    return {
        "id": number,
        "type": class_type,
        "pos": _below(node.get("pos"), 170 * (place - 1)),
        "size": [330, 126 if has_clip else 82],
        "flags": {},
        "order": node.get("order", 0),
        "mode": node.get("mode", 0),
        "inputs": [{"name": kind.lower(), "type": kind, "link": None} for kind in kinds],
        "outputs": [{"name": kind, "type": kind, "links": None, "slot_index": i} for i, kind in enumerate(kinds)],
        "title": lora_title(place, use),
        "properties": {"Node name for S&R": class_type},
        "widgets_values": list(values.values()) if has_clip else [values["lora_name"], values["strength_model"]],
    }


def _below(place: Any, pixels: int) -> Any:
    if isinstance(place, list) and len(place) == 2 and all(isinstance(value, int | float) for value in place):
        return [place[0], place[1] + pixels]
    return place if place is not None else [0, pixels]


def _name(node: Node) -> str:
    return f"{node.get('title') or node['type']} ({node['id']})"
