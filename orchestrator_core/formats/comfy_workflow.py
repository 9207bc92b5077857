"""An API graph as a canvas workflow, version 0.4: what opens in ComfyUI's browser with positions, titles and notes.

Every frontend writes and reads 0.4 (links as ``[id, from, slot, to, slot, type]``; values by position in
``widgets_values``). Dropped on the canvas, the result gives back through ``app.graphToPrompt()`` exactly the graph.
What the canvas cannot carry: a seed above 2**53 (JavaScript), and ids that are no whole numbers, which are replaced.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

from orchestrator_core.formats.canvas_text import escape_canvas_text
from orchestrator_core.formats.comfy_links import Graph, check_graph, link_of, title_of
from orchestrator_core.formats.node_definitions import InputDefinition, NodeDefinition, node_definitions

_START = 100  # pixels, in both directions
_WIDTH, _WIDE = 315, 400
_NOTE = (_WIDTH, 260)
_ROW, _WIDGET, _TEXT = 20, 24, 130  # heights of a socket, a widget, a multi-line text
_GAP = 60
_TALLEST = 900  # of a column that need not be so tall
_CORE = ("nodes", "comfy_extras")

Box = tuple[int, int, int, int]  # x, y, width, height


def workflow_from_graph(
    graph: Any,
    object_info: Mapping[str, Any] | None = None,
    *,
    note: str = "",
    groups: Mapping[str, Sequence[str]] | None = None,
    models: Mapping[str, Mapping[str, str]] | None = None,
    extra: Mapping[str, Any] | None = None,
    boxes: Mapping[str, Box] | None = None,
) -> dict[str, Any]:
    """The canvas workflow of an API graph.

    Args:
        object_info: a server's ``/object_info``; ours is enough for the nodes of ``text_to_image_graph``.
        note: Markdown for a note in the graph.
        groups: title → ids of the nodes that a frame is drawn around.
        models: file name → ``{"url", "directory"}``, from which newer frontends offer the missing ones.
        extra: ``extra["orchestrator"]`` of the workflow: what we want to find again.
        boxes: id → where that node is and how large, in pixels; the others are put in columns by what they depend on.

    Raises:
        FormatError: it is no API graph, or a node's class is in neither ``object_info`` nor our own core nodes.
    """
    graph = check_graph(graph)
    definitions = node_definitions((node["class_type"] for node in graph.values()), object_info)
    writer = _Writer(graph, definitions, models or {}, boxes or {})
    nodes = [writer.node(key, rank) for rank, key in enumerate(_ranked(graph))]
    frames = [writer.frame(title, keys) for title, keys in (groups or {}).items()]
    if note:
        nodes.append(_note(max(writer.ids.values()) + 1, note, nodes))
    return {
        "last_node_id": max(node["id"] for node in nodes),
        "last_link_id": len(writer.links),
        "nodes": nodes,
        "links": writer.links,
        "groups": frames,
        "config": {},
        "extra": {"orchestrator": dict(extra)} if extra else {},
        "version": 0.4,
    }


def _ranked(graph: Graph) -> list[str]:
    depths = _depths(graph)
    return sorted(graph, key=lambda key: depths[key])


def _depths(graph: Graph) -> dict[str, int]:
    """How many nodes are before each one, on the longest way; a cycle, which ComfyUI refuses, is cut somewhere."""
    depths: dict[str, int] = {}
    for start in graph:
        stack = [start]
        open_nodes: set[str] = set()
        while stack:
            key = stack[-1]
            links = [link_of(value) for value in graph[key]["inputs"].values()]
            before = {link[0] for link in links if link and link[0] in graph}
            waiting = [other for other in before if other not in depths and other not in open_nodes and other != key]
            open_nodes.add(key)
            if waiting:
                stack += waiting
            else:
                depths[stack.pop()] = 1 + max((depths.get(other, -1) for other in before), default=-1)
    return depths


def canvas_ids(graph: Graph) -> dict[str, int]:
    """The whole number that each node has on the canvas: its own id where that is one."""
    own = {key: int(key) for key in graph if key.isdecimal() and key == str(int(key))}
    free = count(max(own.values(), default=0) + 1)
    return {key: own[key] if key in own else next(free) for key in graph}


class _Writer:
    """Turns nodes into canvas nodes, numbering links as it meets them."""

    def __init__(
        self,
        graph: Graph,
        definitions: dict[str, NodeDefinition],
        models: Mapping[str, Mapping[str, str]],
        boxes: Mapping[str, Box],
    ) -> None:
        self.graph, self.definitions, self.models = graph, definitions, models
        self.ids = canvas_ids(graph)
        self.links: list[list[Any]] = []
        self.fed: dict[tuple[str, int], list[int]] = {}  # an output → the links from it
        self.slots = {key: _slots(node, definitions[node["class_type"]]) for key, node in graph.items()}
        for key in graph:
            self._number_links(key)
        self.positions = {**_positions(graph, definitions, self.slots), **boxes}

    def _number_links(self, key: str) -> None:
        for slot, item in enumerate(self.slots[key]):
            link = link_of(self.graph[key]["inputs"].get(item.name))
            if link is None or link[0] not in self.graph:
                continue
            self.links.append([len(self.links) + 1, self.ids[link[0]], link[1], self.ids[key], slot, item.type])
            self.fed.setdefault(link, []).append(len(self.links))

    def node(self, key: str, rank: int) -> dict[str, Any]:
        node, definition = self.graph[key], self.definitions[self.graph[key]["class_type"]]
        x, y, width, height = self.positions[key]
        return {
            "id": self.ids[key],
            "type": definition.class_type,
            "pos": [x, y],
            "size": [width, height],
            "flags": {},
            "order": rank,
            "mode": 0,
            "inputs": [self._input(key, slot) for slot in range(len(self.slots[key]))],
            "outputs": [
                {"name": name, "type": kind, "links": self.fed.get((key, slot)), "slot_index": slot}
                for slot, (name, kind) in enumerate(definition.outputs)
            ],
            "title": title_of(node) or definition.title,
            "properties": self._properties(node, definition),
            "widgets_values": _widget_values(node["inputs"], definition),
        }

    def _input(self, key: str, slot: int) -> dict[str, Any]:
        item, here = self.slots[key][slot], self.ids[key]
        found = next((link[0] for link in self.links if link[3] == here and link[4] == slot), None)
        entry: dict[str, Any] = {"name": item.name, "type": item.type, "link": found}
        return {**entry, "widget": {"name": item.name}} if item.is_widget else entry

    def _properties(self, node: dict[str, Any], definition: NodeDefinition) -> dict[str, Any]:
        properties: dict[str, Any] = {"Node name for S&R": definition.class_type}
        if definition.module.split(".")[0] in _CORE:
            properties["cnr_id"] = "comfy-core"
        wanted = [name for name in node["inputs"].values() if isinstance(name, str) and name in self.models]
        if wanted:
            properties["models"] = [{"name": name, **self.models[name]} for name in wanted]
        return properties

    def frame(self, title: str, keys: Sequence[str]) -> dict[str, Any]:
        boxes = [self.positions[key] for key in keys if key in self.positions] or [(0, 0, _WIDTH, _ROW)]
        left, top = min(box[0] for box in boxes) - 20, min(box[1] for box in boxes) - 80
        right, bottom = max(box[0] + box[2] for box in boxes) + 20, max(box[1] + box[3] for box in boxes) + 20
        return {"title": title, "bounding": [left, top, right - left, bottom - top], "color": "#3f789e"}


def _slots(node: dict[str, Any], definition: NodeDefinition) -> list[InputDefinition]:
    """The inputs that have a slot on the canvas: sockets first, then the widgets that are linked."""
    linked = [item for item in definition.widgets if link_of(node["inputs"].get(item.name))]
    return [item for item in definition.inputs if not item.is_widget] + linked


def _widget_values(inputs: dict[str, Any], definition: NodeDefinition) -> list[Any]:
    values: list[Any] = []
    for item in definition.widgets:
        value = inputs.get(item.name, item.default)
        if link_of(value):
            value = item.default
        elif item.dynamic_prompts and isinstance(value, str):
            value = escape_canvas_text(value) or value
        elif isinstance(value, dict) and value.keys() == {"__value__"}:  # how the API tells a list from a link
            value = value["__value__"]
        values += [value, item.extra] if item.extra else [value]
    return values


def _positions(
    graph: Graph, definitions: dict[str, NodeDefinition], slots: dict[str, list[InputDefinition]]
) -> dict[str, Box]:
    """The place of each node, in columns from the left to the right."""
    sizes = {key: _size(definitions[node["class_type"]], slots[key]) for key, node in graph.items()}
    found: dict[str, Box] = {}
    left = _START
    for column in _columns(graph, sizes):
        top = _START
        for key in column:
            found[key] = (left, top, *sizes[key])
            top += sizes[key][1] + _GAP
        left += max(sizes[key][0] for key in column) + _GAP
    return found


def _size(definition: NodeDefinition, slots: list[InputDefinition]) -> tuple[int, int]:
    texts = sum(item.multiline for item in definition.widgets)
    rows = max(len(slots), len(definition.outputs))
    return _WIDE if texts else _WIDTH, 40 + rows * _ROW + len(definition.widgets) * _WIDGET + texts * _TEXT


def _columns(graph: Graph, sizes: Mapping[str, tuple[int, int]]) -> list[list[str]]:
    """A column for each depth; but nodes that follow one another alone stand in one, or a screen would not hold all."""
    depths = _depths(graph)
    by_depth: dict[int, list[str]] = {}
    for key in _ranked(graph):
        by_depth.setdefault(depths[key], []).append(key)
    columns: list[list[str]] = []
    is_chain = False
    for keys in by_depth.values():
        if is_chain and len(keys) == 1 and _height([*columns[-1], *keys], sizes) <= _TALLEST:
            columns[-1] += keys
        else:
            columns.append(keys)
            is_chain = len(keys) == 1
    return columns


def _height(keys: Sequence[str], sizes: Mapping[str, tuple[int, int]]) -> int:
    return sum(sizes[key][1] + _GAP for key in keys)


def _note(number: int, text: str, nodes: list[dict[str, Any]]) -> dict[str, Any]:
    """Below the first column, where a note leaves the nodes their room."""
    left = min(node["pos"][0] for node in nodes)
    bottom = max(node["pos"][1] + node["size"][1] for node in nodes if node["pos"][0] < left + _NOTE[0])
    return {
        "id": number,
        "type": "MarkdownNote",
        "title": "About this workflow",
        "pos": [left, bottom + _GAP],
        "size": list(_NOTE),
        "flags": {},
        "order": len(nodes),
        "mode": 0,
        "inputs": [],
        "outputs": [],
        "properties": {},
        "widgets_values": [text],
        "color": "#432",
        "bgcolor": "#653",
    }
