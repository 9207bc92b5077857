"""A canvas workflow that is changed in place: nodes and links are taken out and put in, on every level of subgraphs.

Links are kept in two places of the format (in the list of links, and in the slots that they join), and with reroutes
and the ends of a subgraph in four. ``Level`` keeps them the same.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from orchestrator_core.errors import FormatError
from orchestrator_core.formats.comfy_links import DAMAGED, is_workflow
from orchestrator_core.formats.sharing_nodes import Node

INPUT_NODE, OUTPUT_NODE = "-10", "-20"  # a subgraph's own ends, as link origins and targets
MAX_DEPTH = 60  # of JSON inside JSON; ComfyUI's own workflows have 12
MAX_NODES = 20_000

_ID = re.compile(r"[0-9]{1,18}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_LINK_FIELDS = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")


class Link(NamedTuple):
    id: int
    origin: str
    origin_slot: int
    target: str
    target_slot: int
    type: Any


class Level:
    """The workflow itself, or the definition of a subgraph."""

    def __init__(self, data: dict[str, Any], name: str = "") -> None:
        self.data, self.name = data, name
        self.nodes: list[Node] = data["nodes"]
        self.links = [_read_link(raw) for raw in data.get("links") or [] if raw]

    def node(self, key: str) -> Node | None:
        return next((node for node in self.nodes if str(node["id"]) == key), None)

    def from_output(self, node: Node, slot: int) -> list[Link]:
        return [link for link in self.links if link.origin == str(node["id"]) and link.origin_slot == slot]

    def into(self, node: Node, name: str) -> Link | None:
        """The link that feeds an input."""
        number = next((item.get("link") for item in node["inputs"] if item.get("name") == name), None)
        return None if number is None else next((link for link in self.links if link.id == number), None)

    def cut(self, link: Link) -> None:
        self.links.remove(link)
        if (origin := self._output(link)) is not None:
            origin["links"] = [number for number in origin.get("links") or [] if number != link.id] or None
        if (target := self._input(link)) is not None and target.get("link") == link.id:
            target["link"] = None
        for end in [*_ends(self.data, "inputs"), *_ends(self.data, "outputs"), *self._reroutes()]:
            if isinstance(end.get("linkIds"), list):
                end["linkIds"] = [number for number in end["linkIds"] if number != link.id]

    def join(self, link: Link) -> None:
        """Add a link. What fed its target before is cut."""
        for other in [one for one in self.links if one[3:5] == link[3:5] and link.target != OUTPUT_NODE]:
            self.cut(other)
        self.links.append(link)
        if (origin := self._output(link)) is not None:
            origin["links"] = [*(origin.get("links") or []), link.id]
        if (target := self._input(link)) is not None:
            target["link"] = link.id
        for name, end, slot in (("inputs", link.origin == INPUT_NODE, link.origin_slot),
                                ("outputs", link.target == OUTPUT_NODE, link.target_slot)):  # fmt: skip
            own = _ends(self.data, name)
            if end and slot < len(own):
                own[slot]["linkIds"] = [*(own[slot].get("linkIds") or []), link.id]

    def remove(self, node: Node) -> None:
        key = str(node["id"])
        for link in [link for link in self.links if key in (link.origin, link.target)]:
            self.cut(link)
        self.nodes.remove(node)

    def move_inputs(self, node: Node, inputs: list[dict[str, Any]]) -> None:
        """Give a node these of its inputs, in this order."""
        key, new = str(node["id"]), {item.get("link"): slot for slot, item in enumerate(inputs)}
        node["inputs"] = inputs
        self.links = [
            link._replace(target_slot=new[link.id]) if link.target == key and link.id in new else link
            for link in self.links
        ]

    def close(self, *, as_objects: bool) -> None:
        """Write the links back, lists in a workflow and objects in a subgraph, and renumber what counts them."""
        numbers = {str(node["id"]): node["id"] for node in self.nodes}
        rows = [_raw(link, numbers) for link in self.links]
        self.data["links"] = [dict(zip(_LINK_FIELDS, row, strict=True)) for row in rows] if as_objects else rows
        for order, node in enumerate(sorted(self.nodes, key=_order)):
            node["order"] = order

    def _output(self, link: Link) -> dict[str, Any] | None:
        node = self.node(link.origin)
        return _slot(node["outputs"], link.origin_slot) if node else None

    def _input(self, link: Link) -> dict[str, Any] | None:
        node = self.node(link.target)
        return _slot(node["inputs"], link.target_slot) if node else None

    def _reroutes(self) -> list[dict[str, Any]]:
        extra = self.data.get("extra")
        return _ends(self.data, "reroutes") + (_ends(extra, "reroutes") if isinstance(extra, dict) else [])


class Canvas:
    """All levels of one workflow. Raises FormatError for what is none, or damaged."""

    def __init__(self, workflow: Any) -> None:
        self.data = _checked(workflow)
        definitions = self.data.get("definitions")
        subgraphs = definitions["subgraphs"] if isinstance(definitions, dict) else []
        self.root = Level(self.data)
        self.levels = [self.root, *(Level(item, str(item.get("name") or "subgraph")) for item in subgraphs)]
        if sum(len(level.nodes) for level in self.levels) > MAX_NODES:
            raise FormatError(f"The canvas workflow has more than {MAX_NODES:,} nodes.")

    def nodes(self) -> Iterator[tuple[Level, Node]]:
        for level in self.levels:
            for node in list(level.nodes):
                yield level, node

    def new_node_id(self) -> int:
        return 1 + max((node["id"] for _, node in self.nodes() if isinstance(node["id"], int)), default=0)

    def new_link_id(self) -> int:
        return 1 + max((link.id for level in self.levels for link in level.links), default=0)

    def join(self, level: Level, origin: tuple[Node, int], target: tuple[str, int], kind: Any) -> None:
        """A new link on one level, from a node's output to an input: of a node, by its id, or of the subgraph's end."""
        level.join(Link(self.new_link_id(), str(origin[0]["id"]), origin[1], *target, kind))

    def close(self) -> dict[str, Any]:
        """The workflow as JSON again."""
        for level in self.levels:
            level.close(as_objects=level is not self.root)
            state = level.data.get("state")
            if isinstance(state, dict):
                state |= {"lastNodeId": self.new_node_id() - 1, "lastLinkId": self.new_link_id() - 1}
        self.data |= {"last_node_id": self.new_node_id() - 1, "last_link_id": self.new_link_id() - 1}
        return self.data


def _read_link(raw: Any) -> Link:
    values = [raw[name] for name in _LINK_FIELDS[:5]] if isinstance(raw, dict) else list(raw[:5])
    kind = raw.get("type", "*") if isinstance(raw, dict) else (raw[5] if len(raw) > 5 else "*")
    number, origin, origin_slot, target, target_slot = values
    return Link(int(number), str(origin), int(origin_slot), str(target), int(target_slot), kind)


def _raw(link: Link, numbers: dict[str, Any]) -> list[Any]:
    ends = {INPUT_NODE: -10, OUTPUT_NODE: -20, **numbers}
    origin, target = (ends.get(key, key) for key in (link.origin, link.target))
    return [link.id, origin, link.origin_slot, target, link.target_slot, link.type]


def _slot(slots: list[dict[str, Any]], number: int) -> dict[str, Any] | None:
    return slots[number] if 0 <= number < len(slots) else None


def _order(node: Node) -> float:
    order = node.get("order")
    return order if isinstance(order, int | float) else 0


def _ends(data: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found = data.get(name)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _checked(workflow: Any) -> dict[str, Any]:
    """A copy in which every node has lists of inputs and outputs."""
    if not is_workflow(workflow):
        raise FormatError("This is not a canvas workflow, which has a list of nodes.")
    _check_depth(workflow)
    data: dict[str, Any] = copy.deepcopy(workflow)
    try:
        definitions = data.get("definitions")
        if isinstance(definitions, dict):
            definitions["subgraphs"] = list(definitions.get("subgraphs") or [])
        for level in [data, *((definitions or {}).get("subgraphs") or [])]:
            for node in level["nodes"]:
                _check_node(node)
            [_read_link(raw) for raw in level.get("links") or [] if raw]
    except (KeyError, TypeError, IndexError, AttributeError, ValueError) as error:
        raise FormatError(DAMAGED) from error
    return data


def _check_node(node: Any) -> None:
    node["type"] = str(node["type"])
    if type(node["id"]) is not int and not (isinstance(node["id"], str) and _ID.fullmatch(node["id"])):
        raise FormatError("The canvas workflow is damaged: a node has an id that is no number.")
    for name in ("inputs", "outputs"):
        node[name] = list(node.get(name) or [])
        if not all(isinstance(item, dict) for item in node[name]):
            raise FormatError(f"The canvas workflow is damaged: node {node['id']} has {name} that are no slots.")
    if not isinstance(node.get("properties"), dict):
        node["properties"] = {}


def _check_depth(value: Any) -> None:
    level, depth = [value], 0
    while level:
        if depth > MAX_DEPTH:
            raise FormatError("The canvas workflow is nested too deeply to be one that ComfyUI wrote.")
        inner = (item.values() if isinstance(item, dict) else item for item in level if isinstance(item, dict | list))
        level = [one for items in inner for one in items if isinstance(one, dict | list)]
        depth += 1
