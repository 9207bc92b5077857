"""What a shared workflow needs of the one who opens it: packs, models, wildcards. In the nodes, and in a note.

Newer frontends read ``properties.cnr_id`` and ``ver`` of each node to offer the packs that are missing, and
``properties.models`` to offer the files; an address is given only where the workflow had one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator_core import __version__
from orchestrator_core.formats.sharing_canvas import Canvas
from orchestrator_core.formats.sharing_clean import EXAMPLE, strings_in
from orchestrator_core.formats.sharing_nodes import (
    CORE_ID,
    OLDEST_COMFYUI,
    VIRTUAL,
    Node,
    definition_of,
    is_core,
    is_model_file,
    is_ours,
    model_directory,
    widget_places,
)
from orchestrator_core.formats.sharing_ours import REGISTRY_ID

NOTE_TITLE = "About this template"
NOTE_WIDTH = 400
_MOST_TEMPLATES = 8  # that the note shows
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_VERSION = re.compile(r"v?[0-9]+(?:\.[0-9]+)+[A-Za-z0-9.+-]{0,20}|[0-9a-f]{40}|nightly")
_REPOSITORY = re.compile(r"[\w.-]{1,60}/[\w.-]{1,100}")
_EXAMPLE = re.compile(rf"{EXAMPLE}\.\w+")
_WILDCARD = re.compile(r"__(?:[~@&]\w*)?([\w*][\w*/. -]*?)(?:\([^)]*\))?__")


@dataclass(slots=True)
class Needs:
    models: dict[str, dict[str, str]] = field(default_factory=dict)  # name → reference
    packs: list[str] = field(default_factory=list)  # registry ids
    strangers: list[str] = field(default_factory=list)  # classes of packs that nobody named
    examples: list[str] = field(default_factory=list)  # titles of nodes that want a file of one's own


def fill_properties(canvas: Canvas, object_info: Mapping[str, Any] | None, version: str) -> Needs:
    """Writes ids, versions and model references into the nodes, and says what they are."""
    needs = Needs(models={item["name"]: item for item in canvas.data.get("models") or [] if "name" in item})
    subgraphs = {str(level.data.get("id")) for level in canvas.levels[1:]}
    for _, node in canvas.nodes():
        if node["type"] in VIRTUAL or node["type"] in subgraphs:
            continue
        _identify(node, object_info, version, needs)
        _refer(node, object_info, needs)
    return needs


def _identify(node: Node, object_info: Mapping[str, Any] | None, version: str, needs: Needs) -> None:
    properties, kind = node["properties"], node["type"]
    properties["Node name for S&R"] = kind
    if is_ours(node):
        properties |= {"cnr_id": REGISTRY_ID, "ver": __version__}
        properties.pop("aux_id", None)
    elif is_core(kind, definition_of(kind, object_info)) or properties.get("cnr_id") == CORE_ID:
        own = properties.get("ver")
        properties |= {"cnr_id": CORE_ID, "ver": version or (own if _matches(_VERSION, own) else OLDEST_COMFYUI)}
    else:
        for name, pattern in (("cnr_id", _ID), ("ver", _VERSION), ("aux_id", _REPOSITORY)):
            if name in properties and not _matches(pattern, properties[name]):
                del properties[name]
    pack = properties.get("cnr_id")
    if pack and pack != CORE_ID and pack not in needs.packs:
        needs.packs.append(pack)
    if not pack and kind not in needs.strangers:
        needs.strangers.append(kind)


def _matches(pattern: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _refer(node: Node, object_info: Mapping[str, Any] | None, needs: Needs) -> None:
    own = {item["name"]: item for item in node["properties"].get("models") or []}
    for text in strings_in(node.get("widgets_values")):
        if _EXAMPLE.fullmatch(text) and text not in needs.examples:
            needs.examples.append(text)
    for name, value in _named_values(node, object_info):
        directory = model_directory(node["type"], name)
        if is_model_file(value) and directory:
            reference = own.get(value) or needs.models.get(value) or {"name": value, "directory": directory}
            own[value] = reference
    if own:
        node["properties"]["models"] = list(own.values())
    needs.models |= own


def _named_values(node: Node, object_info: Mapping[str, Any] | None) -> Iterator[tuple[str, str]]:
    values = node.get("widgets_values")
    if isinstance(values, list):
        places = widget_places(node, definition_of(node["type"], object_info))
        pairs: Iterable[tuple[str, Any]] = [(name, values[place]) for name, place in places.items()]
        # rgthree's loader keeps {"lora": name, …} for each row
        pairs = [*pairs, *(pair for value in values if isinstance(value, dict) for pair in value.items())]
    else:
        pairs = values.items() if isinstance(values, dict) else ()
    for name, value in pairs:
        if isinstance(value, str):
            yield name, value


def wildcards_in(templates: Iterable[str]) -> list[str]:
    names = (match[1].strip() for template in templates for match in _WILDCARD.finditer(template))
    return list(dict.fromkeys(name for name in names if name))


def describe(name: str, kind: str, templates: list[tuple[str, str]], seeds: list[int], needs: Needs) -> str:
    """Markdown for the note: how to use the template, what it was drawn from, what it needs."""
    lines = [f"# {name}", "", *_how_to_use(kind, needs), ""]
    for title, template in templates[:_MOST_TEMPLATES]:
        fence = "`" * (2 + max([1, *map(len, re.findall("`+", template))]))
        lines += [f"**{title}**", "", fence, template, fence, ""]
    if seeds:
        lines += [f"Seed: {', '.join(map(str, dict.fromkeys(seeds)))}", ""]
    wanted = list(_wanted(kind, templates, needs))
    lines += ["**What it needs**", "", *(f"- {item}" for item in wanted or ["nothing but ComfyUI and a model"])]
    return "\n".join(lines)


def _how_to_use(kind: str, needs: Needs) -> Iterator[str]:
    if kind == "live":
        yield "Each run draws a new prompt from the template below."
    else:
        yield "One prompt, with ComfyUI's own nodes." if not needs.packs else "One prompt, ready to run."
    yield ""
    yield "1. Choose your model where a loader shows none or a missing one."
    for number, item in enumerate(needs.examples, 2):
        yield f"{number}. Choose a file of your own in place of `{item}`."
    yield f"{2 + len(needs.examples)}. Press *Run*."


def _wanted(kind: str, templates: list[tuple[str, str]], needs: Needs) -> Iterator[str]:
    for name, item in needs.models.items():
        where = f" ([where to get it]({item['url']}))" if "url" in item else ""
        yield f"`{name}` in `models/{item.get('directory', '')}`{where}"
    for pack in needs.packs:
        own = " (Orchestrator)" if pack == REGISTRY_ID else ""
        yield f"the nodes of `{pack}`{own}, which ComfyUI's manager installs"
    if needs.strangers:
        yield "nodes of which the workflow does not say where they are from: " + ", ".join(
            f"`{kind}`" for kind in needs.strangers
        )
    if kind == "live" and (names := wildcards_in(text for _, text in templates)):
        yield "wildcards: " + ", ".join(f"`{name}`" for name in names)


def add_note(canvas: Canvas, text: str) -> None:
    """The note, left of everything, in place of one that an earlier export put there."""
    root = canvas.root
    for node in [node for node in root.nodes if node["type"] == "MarkdownNote" and node.get("title") == NOTE_TITLE]:
        root.remove(node)
    places = [_place(node) for node in root.nodes] or [(0.0, 0.0)]
    rows = sum(1 + len(line) // 48 for line in text.split("\n"))
    left, top = min(x for x, _ in places), min(y for _, y in places)
    root.nodes.append(
        {
            "id": canvas.new_node_id(),
            "type": "MarkdownNote",
            "pos": [left - NOTE_WIDTH - 60, top],
            "size": [NOTE_WIDTH, min(900, 60 + 22 * rows)],
            "flags": {},
            "order": len(root.nodes),
            "mode": 0,
            "inputs": [],
            "outputs": [],
            "title": NOTE_TITLE,
            "properties": {},
            "widgets_values": [text],
            "color": "#432",
            "bgcolor": "#653",
        }
    )


def _place(node: Node) -> tuple[float, float]:
    """Old workflows have ``{"0": x, "1": y}``."""
    place = node.get("pos")
    values = [place.get("0"), place.get("1")] if isinstance(place, dict) else place
    if isinstance(values, list) and len(values) >= 2 and all(isinstance(value, int | float) for value in values[:2]):
        return float(values[0]), float(values[1])
    return 0.0, 0.0
