"""Writes values into the widgets of a canvas workflow, wherever the node is: also inside subgraphs.

The workflow comes from a browser or a stranger's program, so nothing of its shape is taken for granted: what does not
look as it should is left as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .widgets import FIXED, POPULATE, WIDGETS, WILDCARD_PROMPT

_DEEPEST = 20  # subgraphs inside one another
_MODE = WIDGETS.index("mode")
Values = Mapping[str, str]  # by the widget's name


def write_widgets(workflow: Any, values: Mapping[str, Values]) -> None:
    """Set widgets of Wildcard Prompts, by what an API graph calls the nodes: "12", or "12:3" in a subgraph.

    A subgraph that stands in a workflow twice has one node for two prompts: if they differ, it gets neither of them.
    """
    places = _Places(workflow)
    wanted: dict[int, tuple[dict[str, Any], Values]] = {}
    for node_id, new in values.items():
        node = places.find(node_id)
        if node is None or node.get("type") != WILDCARD_PROMPT:
            continue
        before = wanted.get(id(node), (node, new))[1]
        wanted[id(node)] = (node, new if before == new else dict.fromkeys(new, ""))
    for node, new in wanted.values():
        _write(node.get("widgets_values"), new)


def _write(held: Any, values: Values) -> None:
    if isinstance(held, dict):
        held.update(values)
    elif isinstance(held, list) and _is_in_our_order(held):
        for name, value in values.items():
            held[WIDGETS.index(name)] = value


def _is_in_our_order(held: list[Any]) -> bool:
    """A list of values says nothing of its order; another version's may be another."""
    return len(held) > _MODE and held[_MODE] in (POPULATE, FIXED) and all(isinstance(v, str) for v in held[:_MODE])


def find_node(workflow: Any, node_id: str) -> dict[str, Any] | None:
    """The node of a workflow that an API graph calls ``node_id``."""
    return _Places(workflow).find(node_id)


class _Places:
    """The nodes of a workflow and its subgraphs by their ids; each level is looked through once."""

    def __init__(self, workflow: Any) -> None:
        self._root = workflow if isinstance(workflow, dict) else {}
        definitions = self._root.get("definitions")
        subgraphs = definitions.get("subgraphs") if isinstance(definitions, dict) else None
        self._subgraphs = {str(graph.get("id")): graph for graph in _dicts(subgraphs)}
        self._levels: dict[int, dict[str, dict[str, Any]]] = {}

    def find(self, node_id: str) -> dict[str, Any] | None:
        path = node_id.split(":")
        if len(path) > _DEEPEST:
            return None
        graph: dict[str, Any] | None = self._root
        found: dict[str, Any] | None = None
        for step in path:
            if graph is None:
                return None
            found = self._level(graph).get(step)
            graph = self._subgraphs.get(str(found.get("type"))) if found else None
        return found

    def _level(self, graph: dict[str, Any]) -> dict[str, dict[str, Any]]:
        if id(graph) not in self._levels:
            self._levels[id(graph)] = {str(node.get("id")): node for node in _dicts(graph.get("nodes"))}
        return self._levels[id(graph)]


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
