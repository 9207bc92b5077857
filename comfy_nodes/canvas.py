"""Writes values into the widgets of a canvas workflow, wherever the node is: also inside subgraphs.

The workflow comes from a browser or a stranger's program, so nothing of its shape is taken for granted: what does not
look as it should is left as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .widgets import WIDGETS

_DEEPEST = 20  # subgraphs inside one another


def write_widgets(workflow: Any, node_id: str, class_type: str, values: Mapping[str, Any]) -> bool:
    """Set the widgets of the node that an API graph calls ``node_id`` ("12", or "12:3" in a subgraph).

    False where there is no such node, or its widgets are not ours.
    """
    node = find_node(workflow, node_id)
    if node is None or node.get("type") != class_type:
        return False
    held = node.get("widgets_values")
    if isinstance(held, dict):
        held.update(values)
        return True
    if not isinstance(held, list) or len(held) < len(WIDGETS):
        return False
    for name, value in values.items():
        held[WIDGETS.index(name)] = value
    return True


def find_node(workflow: Any, node_id: str) -> dict[str, Any] | None:
    """The node of a workflow that an API graph calls ``node_id``."""
    if not isinstance(workflow, dict):
        return None
    definitions = workflow.get("definitions")
    subgraphs = definitions.get("subgraphs") if isinstance(definitions, dict) else None
    by_id = {str(graph.get("id")): graph for graph in _dicts(subgraphs)}
    graph: dict[str, Any] | None = workflow
    found: dict[str, Any] | None = None
    path = node_id.split(":")
    for step in path[:_DEEPEST]:
        if graph is None:
            return None
        found = next((node for node in _dicts(graph.get("nodes")) if str(node.get("id")) == step), None)
        graph = by_id.get(str(found.get("type"))) if found else None
    return found if len(path) <= _DEEPEST else None


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
