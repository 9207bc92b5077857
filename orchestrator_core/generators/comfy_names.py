"""Names in a graph against what a server has: models found by their file name, and every mistake with its likely cure.

ComfyUI refuses a graph whose sampler or LoRA it does not know. Asking its ``/object_info`` first costs nothing and
says more: which node, which input, and what may be meant.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from orchestrator_core.formats.comfy_links import Graph, Node, link_of, title_of
from orchestrator_core.formats.core_nodes import CORE_NODES
from orchestrator_core.generators.near_names import find_name


def resolve_names(graph: Graph, object_info: Mapping[str, Any]) -> tuple[Graph, list[str]]:
    """(the graph with the server's own names, a line for each name that it does not know).

    A name matches whatever its case, its folder or its suffix, if only one of the server's does. An empty checkpoint
    becomes the server's first.
    """
    problems: list[str] = []
    resolved: Graph = {}
    for key, node in graph.items():
        info = object_info.get(node["class_type"])
        if not isinstance(info, Mapping):
            problems.append(_unknown_class(key, node, object_info))
            resolved[key] = node
            continue
        inputs = dict(node["inputs"])
        for name, value in node["inputs"].items():
            options = choices(info, name)
            if options is None or not isinstance(value, str) or value in options:
                continue
            found, problem = _resolve(name, value, options)
            inputs[name] = found
            if problem:
                problems.append(f"{describe(key, node)}, input {name}: {problem}")
        resolved[key] = {**node, "inputs": inputs}
    return resolved, problems


def describe(key: str, node: Node | None) -> str:
    """``KSampler "my sampler" (node 3)``."""
    if node is None:
        return f"node {key}"
    title = title_of(node)
    named = f' "{title}"' if title and title != node["class_type"] else ""
    return f"{node['class_type']}{named} (node {key})"


def choices(info: Mapping[str, Any], name: str) -> list[str] | None:
    """What an input may be; None if it is not of a closed list, or if a file may be uploaded for it."""
    groups = info.get("input")
    for group in ("required", "optional"):
        spec = (groups.get(group) or {}).get(name) if isinstance(groups, Mapping) else None
        if not isinstance(spec, list) or not spec:
            continue
        options = spec[1] if len(spec) > 1 and isinstance(spec[1], Mapping) else {}
        values = spec[0] if isinstance(spec[0], list) else options.get("options") if spec[0] == "COMBO" else None
        if isinstance(values, list) and not any(key.endswith("_upload") for key in options):
            return [value for value in values if isinstance(value, str)]
    return None


def _resolve(name: str, value: str, options: list[str]) -> tuple[str, str]:
    """(the server's name or the same again, what is wrong)."""
    return (options[0], "") if options and not value and name == "ckpt_name" else find_name(value, options)


def _unknown_class(key: str, node: Node, object_info: Mapping[str, Any]) -> str:
    name = node["class_type"]
    if name in CORE_NODES:
        return f"{describe(key, node)}: this ComfyUI is too old to have {name}; update it."
    close = difflib.get_close_matches(name, list(object_info), 1, 0.8)
    cure = f"did you mean {close[0]}?" if close else "a custom node pack is missing or failed to load."
    return f"{describe(key, node)}: this ComfyUI has no {name}; {cure}"


def problems_of(answer: Any, graph: Graph) -> list[str]:
    """A line for each thing that ComfyUI's answer to ``POST /prompt`` says is wrong."""
    answer = answer if isinstance(answer, Mapping) else {}
    found = []
    errors = answer.get("node_errors")
    for key, value in errors.items() if isinstance(errors, Mapping) else ():
        items = value.get("errors") if isinstance(value, Mapping) else None
        for item in items if isinstance(items, list) else ():
            found.append(_error_line(key, graph.get(str(key)), item))
    error = answer.get("error")
    if not found and isinstance(error, Mapping):
        found.append(" ".join(str(error[name]) for name in ("message", "details") if error.get(name)))
    elif not found and error:
        found.append(str(error))
    return list(dict.fromkeys(found))


def _error_line(key: str, node: Node | None, item: Any) -> str:
    item = item if isinstance(item, Mapping) else {}
    info = item.get("extra_info")
    name = info.get("input_name") if isinstance(info, Mapping) else None
    details = str(item.get("details") or "")[:300]
    text = f"{item.get('message') or item.get('type') or 'refused'}" + (f" ({details})" if details else "")
    linked = node is not None and name is not None and link_of(node["inputs"].get(name)) is not None
    return describe(str(key), node) + (f", {'link to' if linked else 'input'} {name}" if name else "") + f": {text}."
