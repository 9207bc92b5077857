"""Our nodes out of a workflow, so that it opens in any ComfyUI: what they drew stands where they were.

A drawn text goes into the widget of the node that it fed; where several nodes use it, or a text has no form that the
canvas would leave as it is, a String node holds it.
"""

from __future__ import annotations

from typing import Any

from orchestrator_core.formats.canvas_text import escape_canvas_text
from orchestrator_core.formats.node_definitions import CONTROLS
from orchestrator_core.formats.sharing_canvas import Canvas, Level, Link
from orchestrator_core.formats.sharing_loras import TEXT, forget_loaded, loras_as_loaders
from orchestrator_core.formats.sharing_nodes import (
    INSPECTOR,
    LORA_SELECTOR,
    OUR_NODES,
    SAVE_IMAGE,
    TELLING_NODES,
    WILDCARD_PROMPT,
    Node,
    definition_of,
    is_ours,
    widget_places,
)
from orchestrator_core.formats.sharing_prompts import Prompts, Reader, notes_in
from orchestrator_core.formats.sharing_run import insert_prompt
from orchestrator_core.formats.sharing_told import TOLD_NEGATIVE, TOLD_POSITIVE, forget_told, told_as_texts
from orchestrator_core.request import GenerationRequest

POSITIVE, NEGATIVE, DRAFT, SEED = range(4)  # the outputs of a WildcardPrompt
_TEXT_OUTPUTS: dict[str, tuple[int | None, int | None]] = {  # positive and negative text beside a draft
    WILDCARD_PROMPT: (POSITIVE, NEGATIVE),
    LORA_SELECTOR: (TEXT, None),
    **dict.fromkeys(TELLING_NODES, (TOLD_POSITIVE, TOLD_NEGATIVE)),
}


def make_live(canvas: Canvas, reader: Reader, prompts: Prompts) -> None:
    """Our nodes draw anew: what was drawn before does not go along, but for a prompt that a person fixed.

    The first run has the seed of the one who shares, and each one after it another.
    """
    forget_loaded(canvas)
    forget_told(canvas)
    if not any(node["type"] == WILDCARD_PROMPT for _, node in canvas.nodes()):
        notes = notes_in(canvas)
        if not (notes and notes.template and insert_prompt(canvas, notes, reader.object_info)):
            prompts.warnings.append("There is no Wildcard Prompt in it, so nothing is drawn anew.")
    for _, node in canvas.nodes():
        values = node.get("widgets_values")
        if (
            node["type"] != WILDCARD_PROMPT
            or not isinstance(values, list)
            or reader.values(node).get("mode") == "fixed"
        ):
            continue
        places = widget_places(node, definition_of(node["type"], reader.object_info))
        for name in ("populated_text", "populated_negative"):
            if name in places:
                values[places[name]] = ""
        control = places.get("seed", len(values)) + 1
        if control < len(values) and values[control] == "fixed":
            values[control] = "randomize"


def make_stock(canvas: Canvas, reader: Reader, prompts: Prompts, request: GenerationRequest | None = None) -> None:
    """ComfyUI's own nodes in place of ours. ``request``: what was rendered, where it is known."""
    work = _Stock(canvas, reader, prompts)
    for _, node in canvas.nodes():
        work.restore_seed(node)
    for level, node in canvas.nodes():
        if node["type"] == INSPECTOR:
            work.pass_through(level, node)
    loras_as_loaders(work, request, reader.object_info)
    told_as_texts(work)
    for level, node in canvas.nodes():
        if node["type"] == WILDCARD_PROMPT:
            work.resolve(level, node)
        elif node["type"] == SAVE_IMAGE:
            work.save_plainly(level, node)
        elif is_ours(node):
            if node["type"] not in OUR_NODES:
                prompts.warnings.append(f"{_name(node)} is left out of a stock template, and what it did with it.")
            work.pass_through(level, node)
    work.forget_widgets()


class _Stock:
    def __init__(self, canvas: Canvas, reader: Reader, prompts: Prompts) -> None:
        self.canvas, self.reader, self.prompts = canvas, reader, prompts

    def restore_seed(self, node: Node) -> None:
        """The seed that was sent, where the widget has gone on to the next one since."""
        places = {} if is_ours(node) else widget_places(node, definition_of(node["type"], self.reader.object_info))
        sent = self.reader.sent(node) if places else {}
        for name in ("seed", "noise_seed"):
            if name in places and type(sent.get(name)) is int:
                _set(node["widgets_values"], places[name], sent[name])

    def resolve(self, level: Level, node: Node) -> None:
        """A WildcardPrompt's texts and seed go where its links led."""
        positive, negative, is_drawn = self.reader.texts(node)
        if not is_drawn:
            self.prompts.warnings.append(
                f"{_name(node)} was not drawn yet, and its template stands in the prompt. Run it once, then export."
            )
        self.give(level, node, POSITIVE, positive, "positive text")
        self.give(level, node, NEGATIVE, negative, "negative text")
        self._give_seed(level, node)
        level.remove(node)

    def give(self, level: Level, node: Node, slot: int, text: str, title: str) -> None:
        """What an output gave, into the widget of the only one that it fed, or from a node of this title."""
        links = level.from_output(node, slot)
        if len(links) == 1 and self._write(level, links[0], text):
            return
        if links:
            self._constant(level, node, slot, _constant("PrimitiveStringMultiline", title, "STRING", [text], node))

    def _give_seed(self, level: Level, node: Node) -> None:
        links, seed = level.from_output(node, SEED), self.reader.seed(node)
        if fed := level.into(node, "seed"):
            for link in links:
                level.cut(link)
                level.join(fed._replace(id=self.canvas.new_link_id(), target=link.target, target_slot=link.target_slot))
            return
        rest = [link for link in links if not self._write(level, link, seed)]
        if rest:
            self._constant(level, node, SEED, _constant("PrimitiveInt", "seed", "INT", [seed, "fixed"], node))

    def _write(self, level: Level, link: Link, value: Any) -> bool:
        """Into the widget that the link feeds, which is cut. False where there is none that is known."""
        target = level.node(link.target)
        if target is None or is_ours(target) or not 0 <= link.target_slot < len(target["inputs"]):
            return False
        definition = definition_of(target["type"], self.reader.object_info)
        name = target["inputs"][link.target_slot].get("name")
        item = next((item for item in definition.widgets if item.name == name), None) if definition else None
        place = widget_places(target, definition).get(str(name))
        if item is None or place is None:
            return False
        written = escape_canvas_text(value) if item.dynamic_prompts and isinstance(value, str) else value
        if written is None:
            return False
        _set(target["widgets_values"], place, written)
        level.cut(link)
        return True

    def _constant(self, level: Level, node: Node, slot: int, constant: Node) -> None:
        """A node that holds a value, in the place of the node that gave it."""
        constant["id"] = self.canvas.new_node_id()
        level.nodes.append(constant)
        for link in level.from_output(node, slot):
            level.cut(link)
            kind = constant["outputs"][0]["type"]
            self.canvas.join(level, (constant, 0), (link.target, link.target_slot), kind)

    def save_plainly(self, level: Level, node: Node) -> None:
        """A SaveImage: the images and the file's name, and nothing else."""
        prefix = self.reader.values(node).get("filename_prefix")
        kept = [item for item in node["inputs"] if item.get("name") in ("images", "filename_prefix")]
        for item in [item for item in node["inputs"] if item not in kept]:
            if fed := level.into(node, str(item.get("name"))):
                level.cut(fed)
        for slot in range(len(node["outputs"])):
            for link in level.from_output(node, slot):
                level.cut(link)
        level.move_inputs(node, kept)
        title = node.get("title")
        ours = OUR_NODES[SAVE_IMAGE]["display_name"]
        node |= {"type": "SaveImage", "outputs": [], "title": "Save Image" if title in (None, ours) else title}
        node["properties"] = {"Node name for S&R": "SaveImage"}
        node["widgets_values"] = [prefix if isinstance(prefix, str) else "ComfyUI"]

    def pass_through(self, level: Level, node: Node) -> None:
        """Take a node out. What one of its outputs fed is fed by its input of the same type, as if it were bypassed."""
        for slot, output in enumerate(node["outputs"]):
            same = [item for item in node["inputs"] if item.get("type") == output.get("type")]
            fed = next((link for item in same if (link := level.into(node, str(item.get("name"))))), None)
            if fed is None and node["type"] == INSPECTOR and output.get("type") == "STRING":
                fed = self.positive_of(level, level.into(node, "draft"))
            for link in level.from_output(node, slot):
                level.cut(link)
                if fed:
                    level.join(
                        fed._replace(id=self.canvas.new_link_id(), target=link.target, target_slot=link.target_slot)
                    )
        level.remove(node)

    def positive_of(self, level: Level, draft: Link | None) -> Link | None:
        """The text of a draft, where the node that it comes from is on the same level."""
        return self.text_of(level, draft)

    def text_of(self, level: Level, draft: Link | None, negative: bool = False) -> Link | None:
        """The positive or the negative text of a draft, where the node that it comes from is on the same level."""
        origin = level.node(draft.origin) if draft else None
        if draft is None or origin is None:
            return None
        if negative and origin["type"] == LORA_SELECTOR:  # it leaves the negative text to the node before it
            return self.text_of(level, level.into(origin, "draft"), negative)
        slot = _TEXT_OUTPUTS.get(origin["type"], (None, None))[negative]
        return None if slot is None else draft._replace(origin_slot=slot, type="STRING")

    def forget_widgets(self) -> None:
        """Subgraphs show widgets of inner nodes by their ids: those of nodes that are gone are shown no more."""
        ids = {str(node["id"]) for _, node in self.canvas.nodes()} | {"-1"}
        for _, node in self.canvas.nodes():
            shown = node["properties"].get("proxyWidgets")
            if isinstance(shown, list):
                node["properties"]["proxyWidgets"] = [
                    item for item in shown if isinstance(item, list) and item and str(item[0]) in ids
                ]


def _set(values: list[Any], place: int, value: Any) -> None:
    """With the widget behind it, which would change a seed after the first run."""
    values[place] = value
    if type(value) is int and place + 1 < len(values) and values[place + 1] in CONTROLS:
        values[place + 1] = "fixed"


def _constant(kind: str, title: str, type_name: str, values: list[Any], node: Node) -> Node:
    return {
        "id": 0,
        "type": kind,
        "pos": node.get("pos", [0, 0]),
        "size": [400, 200] if type_name == "STRING" else [315, 82],
        "flags": {},
        "order": node.get("order", 0),
        "mode": 0,
        "inputs": [],
        "outputs": [{"name": type_name, "type": type_name, "links": None, "slot_index": 0}],
        "title": title,
        "properties": {"Node name for S&R": kind},
        "widgets_values": values,
    }


def _name(node: Node) -> str:
    return f"{node.get('title') or node['type']} ({node['id']})"
