"""What our prompt nodes say: the texts that were drawn, their templates and seeds, from the graph or the canvas."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator_core.formats.image_notes import parse_notes
from orchestrator_core.formats.sharing_canvas import Canvas
from orchestrator_core.formats.sharing_nodes import WILDCARD_PROMPT, Node, definition_of, widget_places
from orchestrator_core.request import ImageNotes

Values = dict[str, Any]
Draw = Callable[
    [Values], "tuple[str, str] | None"
]  # a WildcardPrompt's values → its two texts; None: it cannot be drawn


@dataclass(slots=True)
class Prompts:
    """What our prompt nodes say: their templates and the seeds, for the note; and what could not be done."""

    templates: list[tuple[str, str]] = field(default_factory=list)  # (what it is, its text)
    seeds: list[int] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def add(self, templates: tuple[Any, Any], seed: Any) -> None:
        for title, template in zip(("Template", "Negative template"), templates, strict=True):
            if text := _text(template).strip():
                self.templates.append((title, text))
        if type(seed) is int:
            self.seeds.append(seed)


class Reader:
    """Reads a WildcardPrompt: from the graph that was sent, where it is known, else from its widgets."""

    def __init__(
        self, graph: Mapping[str, Any] | None, object_info: Mapping[str, Any] | None, draw: Draw | None
    ) -> None:
        self.graph, self.object_info, self.draw = graph or {}, object_info, draw

    def values(self, node: Node) -> Values:
        values = node.get("widgets_values")
        if isinstance(values, dict):
            return dict(values)
        places = widget_places(node, definition_of(node["type"], self.object_info))
        return {name: values[position] for name, position in places.items()} if isinstance(values, list) else {}

    def sent(self, node: Node) -> Values:
        """The inputs that were sent; those that are linked in it are left out."""
        key = str(node["id"])
        for name, item in self.graph.items():
            is_it = name == key or str(name).endswith(f":{key}")
            if is_it and isinstance(item, dict) and item.get("class_type") == node["type"]:
                inputs = item.get("inputs")
                found = inputs.items() if isinstance(inputs, dict) else ()
                return {name: value for name, value in found if not isinstance(value, list)}
        return {}

    def texts(self, node: Node) -> tuple[str, str, bool]:
        """(positive, negative, whether it is what the node gives)."""
        for values in (self.sent(node), self.values(node)):
            texts = (values.get("populated_text"), values.get("populated_negative"))
            if any(isinstance(text, str) and text.strip() for text in texts):
                return _text(texts[0]), _text(texts[1]), True
        values = {**self.values(node), **self.sent(node)}
        if self.draw and (drawn := self.draw(values)) is not None:
            return *drawn, True
        template, negative = _text(values.get("template")), _text(values.get("negative_template"))
        return template, negative, not any(mark in template + negative for mark in "{_$")

    def seed(self, node: Node) -> int:
        seed = {**self.values(node), **self.sent(node)}.get("seed")
        return seed if type(seed) is int else 0


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def collect(canvas: Canvas, reader: Reader, found: Prompts) -> None:
    """What our prompt nodes say, before anything is changed; without any, what we noted in the workflow."""
    for _, node in canvas.nodes():
        if node["type"] == WILDCARD_PROMPT:
            values = {**reader.values(node), **reader.sent(node)}
            found.add((values.get("template"), values.get("negative_template")), reader.seed(node))
    if not found.seeds and (notes := notes_in(canvas)):
        found.add((notes.template, notes.negative_template), notes.prompt_seed)


def notes_in(canvas: Canvas) -> ImageNotes | None:
    """What we noted in a workflow that we wrote."""
    extra = canvas.data.get("extra")
    notes = extra.get("orchestrator") if isinstance(extra, dict) else None
    return parse_notes(json.dumps(notes)) if isinstance(notes, dict) else None
