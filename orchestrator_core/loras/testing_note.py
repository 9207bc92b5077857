"""CellNote: which image of which test a node of a canvas saves, in that node's properties.

Strength and seed are not in it: they are what the graph rendered with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

NOTE = "orchestrator_lora_test"  # the node's property
_LONGEST = 20_000  # characters of a prompt


@dataclass(frozen=True, slots=True)
class CellNote:
    """``test``: the id of the test. ``lora``: what people call it, "" in the row without any; ``file``: what the host
    does. ``prompt``: with {trigger} where ``trigger``, the LoRA's own words, went."""

    test: str
    title: str
    lora: str
    file: str
    prompt: str
    trigger: str = ""

    def as_property(self) -> dict[str, Any]:
        return asdict(self)


def note_of(node: Any) -> CellNote | None:
    """None where there is none, or what stands there is not ours."""
    properties = node.get("properties") if isinstance(node, Mapping) else None
    held = properties.get(NOTE) if isinstance(properties, Mapping) else None
    if not isinstance(held, Mapping) or {*held} != {field.name for field in fields(CellNote)}:
        return None
    if not all(isinstance(text, str) and len(text) <= _LONGEST for text in held.values()):
        return None
    return CellNote(**held) if held["test"] and len(held["test"]) <= 64 else None
