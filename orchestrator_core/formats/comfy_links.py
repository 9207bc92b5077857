"""ComfyUI's API graph, ``{id: {"class_type", "inputs", "_meta": {"title"}}}``: checked, and followed along its links.

A link is a two-item list ``[node id, output slot]`` in place of an input's value; everything else is a value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from orchestrator_core.errors import FormatError

Node = dict[str, Any]
Graph = dict[str, Node]

HOW_TO_EXPORT = "In ComfyUI use Workflow > Export (API) and give that file."
DAMAGED = "The canvas workflow is damaged, and cannot be read. Open it in ComfyUI and save it again."


class Place(NamedTuple):
    """One input of one node."""

    node: str
    input: str

    def __str__(self) -> str:
        return f"{self.node}.{self.input}"


def is_workflow(value: Any) -> bool:
    """Is this the canvas format, which carries positions and says nothing of input names?"""
    return isinstance(value, dict) and isinstance(value.get("nodes"), list)


def check_graph(value: Any, where: str = "The graph") -> Graph:
    """The value as a graph. Raises FormatError, with what to do where it is a canvas workflow."""
    if is_workflow(value):
        raise FormatError(f"{where} is a canvas workflow, not an API graph. {HOW_TO_EXPORT}")
    if isinstance(value, dict) and isinstance(value.get("prompt"), dict) and "class_type" not in value["prompt"]:
        return check_graph(value["prompt"], where)  # the body of a POST /prompt
    if not isinstance(value, dict) or not value:
        raise FormatError(f"{where} is not an API graph, which is an object of nodes. {HOW_TO_EXPORT}")
    for key, node in value.items():
        if not isinstance(node, dict) or not isinstance(node.get("class_type"), str):
            raise FormatError(f'{where}: node "{key}" has no class_type. {HOW_TO_EXPORT}')
        if not isinstance(node.get("inputs"), dict):
            raise FormatError(f'{where}: node "{key}" ({node["class_type"]}) has no inputs.')
    return value


def link_of(value: Any) -> tuple[str, int] | None:
    """(node id, output slot) of a link, None for a value."""
    if isinstance(value, list) and len(value) == 2 and isinstance(value[0], str | int) and type(value[1]) is int:
        return str(value[0]), value[1]
    return None


def source(graph: Graph, node: str, name: str) -> str | None:
    """The id of the node that an input is linked to, if it is linked and that node is there."""
    link = link_of(graph[node]["inputs"].get(name))
    return link[0] if link and link[0] in graph else None


def title_of(node: Node) -> str:
    meta = node.get("_meta")
    return str(meta.get("title", "")) if isinstance(meta, dict) else ""


def consumers(graph: Graph, link: tuple[str, int]) -> list[Place]:
    """The inputs that an output feeds."""
    return [
        Place(key, name)
        for key, node in graph.items()
        for name, value in node["inputs"].items()
        if link_of(value) == link
    ]


def follow(graph: Graph, node: str, names: tuple[str, ...]) -> Iterator[str]:
    """This node and those before it, at each through the first of these inputs that is linked; once round a cycle."""
    seen: set[str] = set()
    current: str | None = node
    while current is not None and current not in seen:
        seen.add(current)
        yield current
        here = current
        current = next((found for name in names if (found := source(graph, here, name))), None)


def upstream(graph: Graph, node: str) -> set[str]:
    """Every node that this one depends on."""
    found: set[str] = set()
    waiting = [node]
    while waiting:
        current = waiting.pop()
        before = {key for name in graph[current]["inputs"] if (key := source(graph, current, name))} - found
        found |= before
        waiting += before
    return found


def new_ids(graph: Graph) -> Iterator[str]:
    """Node ids that are not in use, for nodes to add."""
    numbers = [int(part) for key in graph for part in re.findall(r"[0-9]{1,9}", key)]
    number = max(numbers, default=0)
    while True:
        number += 1
        yield str(number)
