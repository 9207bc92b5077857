"""A canvas workflow back to the API graph that its frontend would send: what runs, and nothing else.

Muted nodes are left out, bypassed ones passed through, Reroute and PrimitiveNode resolved, notes dropped, and subgraphs
flattened: node 3 inside node 12 becomes "12:3". The rules are those of the frontend's ``graphToPrompt``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator_core.errors import FormatError
from orchestrator_core.formats.canvas_text import unescape_canvas_text
from orchestrator_core.formats.comfy_links import DAMAGED, Graph, is_workflow
from orchestrator_core.formats.node_definitions import CONTROLS, InputDefinition, node_definition

_MUTED, _BYPASSED = 2, 4
_VIRTUAL = frozenset({"Note", "MarkdownNote", "Reroute", "PrimitiveNode"})
_INPUT_NODE, _OUTPUT_NODE = "-10", "-20"  # a subgraph's own ends, as link origins and targets
_MAX_STEPS = 200  # a chain of reroutes and bypassed nodes longer than this is a cycle
_MAX_NODES = 20_000  # a few subgraphs inside one another can stand for billions

Node = dict[str, Any]
Value = list[Any]  # a link [id, slot], or a constant as [value]; [] for nothing


def graph_from_workflow(workflow: Any, object_info: Mapping[str, Any] | None = None) -> Graph:
    """The API graph of a workflow 0.4.

    ``object_info`` is a server's answer; without it our own core nodes serve, and what the workflow says of its slots.

    Raises:
        FormatError: it is no workflow, or a node's widgets cannot be named.
    """
    if not is_workflow(workflow):
        raise FormatError("This is not a canvas workflow, which has a list of nodes.")
    try:
        graph = _flatten(workflow, object_info)
    except (KeyError, TypeError, IndexError, AttributeError, ValueError) as error:
        raise FormatError(DAMAGED) from error
    for node in graph.values():
        inputs = node["inputs"]
        for name, value in list(inputs.items()):
            if isinstance(value, list) and value[0] not in graph:
                del inputs[name]
    return graph


@dataclass(slots=True)
class _Scope:
    """One level: the workflow, or a subgraph in place of the node ``instance`` of ``parent``."""

    nodes: dict[str, Node]
    links: dict[int, tuple[str, int, str, int]]  # id → origin, its slot, target, its slot
    subgraphs: dict[str, dict[str, Any]]
    prefix: str = ""
    parent: _Scope | None = None
    instance: str = ""


def _flatten(workflow: dict[str, Any], object_info: Mapping[str, Any] | None) -> Graph:
    definitions = (workflow.get("definitions") or {}).get("subgraphs") or []
    root = _scope(workflow, {str(item["id"]): item for item in definitions})
    graph: Graph = {}
    for scope, node in _real_nodes(root):
        if len(graph) >= _MAX_NODES:
            raise FormatError(f"The canvas workflow stands for more than {_MAX_NODES:,} nodes.")
        definition = node_definition(node["type"], object_info)
        inputs = _widget_inputs(node, definition.widgets if definition else None)
        for slot, item in enumerate(node.get("inputs") or []):
            value = _resolve_input(scope, node, slot, _MAX_STEPS)
            if value:
                inputs[item["name"]] = value if len(value) == 2 else _wrapped(value[0])
        title = node.get("title") or (definition.title if definition else node["type"])
        key = scope.prefix + str(node["id"])
        graph[key] = {"class_type": node["type"], "inputs": inputs, "_meta": {"title": title}}
    return graph


def _scope(source: dict[str, Any], subgraphs: dict[str, dict[str, Any]], **place: Any) -> _Scope:
    nodes = {str(node["id"]): node for node in source["nodes"]}
    links = dict(_read_link(link) for link in source.get("links") or [] if link)
    return _Scope(nodes, links, subgraphs, **place)


def _read_link(link: Any) -> tuple[int, tuple[str, int, str, int]]:
    if isinstance(link, dict):
        names = ("id", "origin_id", "origin_slot", "target_id", "target_slot")
        number, origin, slot, target, target_slot = (link[name] for name in names)
    else:
        number, origin, slot, target, target_slot = link[:5]
    return int(number), (str(origin), int(slot), str(target), int(target_slot))


def _real_nodes(scope: _Scope) -> Iterator[tuple[_Scope, Node]]:
    for node in sorted(scope.nodes.values(), key=lambda node: node.get("order", 0)):
        if node.get("mode", 0) in (_MUTED, _BYPASSED) or node["type"] in _VIRTUAL:
            continue
        if node["type"] in scope.subgraphs:
            yield from _real_nodes(_inside(scope, node))
        else:
            yield scope, node


def _inside(scope: _Scope, node: Node) -> _Scope:
    prefix = f"{scope.prefix}{node['id']}:"
    if prefix.count(":") > 50:
        raise FormatError("The canvas workflow's subgraphs contain one another.")
    inner = scope.subgraphs[node["type"]]
    return _scope(inner, scope.subgraphs, prefix=prefix, parent=scope, instance=str(node["id"]))


def _resolve_input(scope: _Scope, node: Node, slot: int, steps: int) -> Value:
    """What feeds an input: the link to a real node, the constant of a primitive, or nothing."""
    inputs = node.get("inputs") or []
    number = inputs[slot].get("link") if slot < len(inputs) else None
    if number is None or number not in scope.links:
        return []
    origin, origin_slot, _, _ = scope.links[number]
    if origin == _INPUT_NODE:
        return _resolve_outer(scope, origin_slot, steps - 1)
    return _resolve_output(scope, scope.nodes[origin], origin_slot, steps - 1) if origin in scope.nodes else []


def _resolve_outer(scope: _Scope, slot: int, steps: int) -> Value:
    """What feeds the subgraph's own input, outside it; a widget of the subgraph's node gives a constant."""
    if scope.parent is None:
        return []
    node = scope.parent.nodes[scope.instance]
    if value := _resolve_input(scope.parent, node, slot, steps):
        return value
    widgets = [number for number, item in enumerate(node.get("inputs") or []) if item.get("widget")]
    values = node.get("widgets_values")
    if slot in widgets and isinstance(values, list) and len(values) >= len(widgets):
        return [values[widgets.index(slot)]]
    return []


def _resolve_output(scope: _Scope, node: Node, slot: int, steps: int) -> Value:
    if steps < 0:
        raise FormatError("The canvas workflow has a cycle of reroutes or bypassed nodes.")
    mode = node.get("mode", 0)
    if mode == _MUTED:
        return []
    if mode == _BYPASSED:
        return _resolve_bypass(scope, node, slot, steps)
    if node["type"] == "Reroute":
        return _resolve_input(scope, node, 0, steps)
    if node["type"] == "PrimitiveNode":
        values = node.get("widgets_values")
        return [values[0]] if isinstance(values, list) and values else []
    if node["type"] in scope.subgraphs:
        inner = _inside(scope, node)
        ends = [link for link in inner.links.values() if link[2] == _OUTPUT_NODE and link[3] == slot]
        return _resolve_output(inner, inner.nodes[ends[0][0]], ends[0][1], steps - 1) if ends else []
    return [scope.prefix + str(node["id"]), slot]


def _resolve_bypass(scope: _Scope, node: Node, slot: int, steps: int) -> Value:
    """A bypassed node's output is its input of the same type: the one opposite, or else the first."""
    kind = node["outputs"][slot]["type"]
    inputs = node.get("inputs") or []
    candidates = [number for number in (slot, *range(len(inputs))) if number < len(inputs)]
    matching = [number for number in candidates if inputs[number]["type"] == kind]
    return _resolve_input(scope, node, matching[0], steps) if matching else []


def _widget_inputs(node: Node, widgets: tuple[InputDefinition, ...] | None) -> dict[str, Any]:
    values = node.get("widgets_values")
    if isinstance(values, dict):  # some packs store them by name
        return {name: _wrapped(value) for name, value in values.items()}
    values = list(values or [])
    if widgets is None:
        widgets = _widgets_of_slots(node)
        if len(widgets) == 0 and values:
            raise FormatError(
                f"Node {node['id']} ({node['type']}): the values of its widgets cannot be named without the server's "
                "/object_info; give that of a ComfyUI that has this node."
            )
    found: dict[str, Any] = {}
    for item in widgets:
        if not values:
            break
        value = values.pop(0)
        found[item.name] = (
            unescape_canvas_text(value) if item.dynamic_prompts and isinstance(value, str) else _wrapped(value)
        )
        if item.extra and values and (item.extra != "fixed" or values[0] in CONTROLS):
            values.pop(0)
    return found


def _widgets_of_slots(node: Node) -> tuple[InputDefinition, ...]:
    """The widgets that newer frontends list among a node's inputs, for a class that we know nothing of."""
    names = [(item["name"], item["type"]) for item in node.get("inputs") or [] if item.get("widget")]
    return tuple(
        InputDefinition(name, kind, is_widget=True, extra="fixed" if name in ("seed", "noise_seed") else "")
        for name, kind in names
    )


def _wrapped(value: Any) -> Any:
    return {"__value__": value} if isinstance(value, list) else value
