"""Our nodes that make another text of a prompt in the run, in a stock template: the texts that they made stand there.

A node that has run keeps them as a property, which goes into the image's workflow too.
"""

from __future__ import annotations

from typing import Protocol

from orchestrator_core.formats.sharing_canvas import Canvas, Level, Link
from orchestrator_core.formats.sharing_nodes import LLM_ENHANCE, TELLING_NODES, Node
from orchestrator_core.formats.sharing_prompts import Prompts

TOLD = "orchestrator_told"  # the node's property
TOLD_POSITIVE, TOLD_NEGATIVE = 1, 2  # their outputs
_TEXTS = ((TOLD_POSITIVE, "positive"), (TOLD_NEGATIVE, "negative"))
_NATURAL = 3  # an output of LLM Enhance alone
_BYPASSED = 4  # ComfyUI's mode of a node


class Stock(Protocol):
    """What is used of the work on a whole template."""

    canvas: Canvas
    prompts: Prompts

    def give(self, level: Level, node: Node, slot: int, text: str, title: str) -> None: ...
    def text_of(self, level: Level, draft: Link | None, negative: bool = False) -> Link | None: ...


def told_of(node: Node) -> dict[str, str] | None:
    """The texts that a node noted of its run; None where it did not, or what stands there is not ours."""
    held = node["properties"].get(TOLD)
    if node.get("mode") == _BYPASSED or not isinstance(held, dict):
        return None
    texts = {name: text for name, text in held.items() if isinstance(text, str)}
    return texts if texts.get("positive") else None


def forget_told(canvas: Canvas) -> None:
    """A live template tells anew: what was told of a person's story does not go along."""
    for _, node in canvas.nodes():
        node["properties"].pop(TOLD, None)


def told_as_texts(work: Stock) -> None:
    """Texts in place of these nodes; of one that never ran, what it would have been given."""
    nodes = [(level, node) for level, node in work.canvas.nodes() if node["type"] in TELLING_NODES]
    # From the last to the first: what one was given is asked for while the node before it is there.
    for level, node in reversed(nodes):
        told = told_of(node)
        if told is None and node.get("mode") != _BYPASSED:
            name = f"{node.get('title') or node['type']} ({node['id']})"
            work.prompts.warnings.append(f"{name} is left out, with what it adds. Run it once, then export.")
        for slot, name in _TEXTS:
            if told is None:
                _feed(work, level, node, slot, _given(work, level, node, slot))
            else:
                work.give(level, node, slot, told.get(name, ""), f"{name} text")
        if told is not None and node["type"] == LLM_ENHANCE:
            work.give(level, node, _NATURAL, told.get("natural", ""), "text in sentences")
        _feed(work, level, node, 0, level.into(node, "draft"))
        level.remove(node)


def _given(work: Stock, level: Level, node: Node, slot: int) -> Link | None:
    draft = level.into(node, "draft")
    if slot == TOLD_NEGATIVE:
        return work.text_of(level, draft, negative=True)
    return level.into(node, "text") or work.text_of(level, draft)


def _feed(work: Stock, level: Level, node: Node, slot: int, fed: Link | None) -> None:
    for link in level.from_output(node, slot):
        level.cut(link)
        if fed:
            level.join(fed._replace(id=work.canvas.new_link_id(), target=link.target, target_slot=link.target_slot))
