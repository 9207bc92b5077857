"""What of a graph another try needs again: the nodes between a prompt and its scores, with other words or another seed.

Pure: a graph is as ComfyUI's API has it, and the copy holds the new words in place of links to the node that drew them.
What stands before that node, and what depends on neither words nor seed (the checkpoint, the VAE), is not run again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator_core.errors import ConfigError
from orchestrator_core.formats.comfy_links import link_of
from orchestrator_core.formats.sharing_nodes import LLM_ENHANCE, LORA_SELECTOR, STORY_MEMORY, WILDCARD_PROMPT
from orchestrator_core.prompt import MAX_SEED, PromptDraft

_SEEDS = ("seed", "noise_seed")  # the widgets of samplers, core's and of other packs
_OURS = "Orchestrator"
_MOST_HOPS = 50
# What the outputs of a node that gives a draft are; others of it (the model of a LoRA Selector) stay what they are.
OUTPUTS: Mapping[str, Mapping[int, str]] = {
    WILDCARD_PROMPT: {0: "positive", 1: "negative", 2: "draft", 3: "seed"},
    STORY_MEMORY: {0: "draft", 1: "positive", 2: "negative"},
    LLM_ENHANCE: {0: "draft", 1: "positive", 2: "negative"},
    LORA_SELECTOR: {2: "positive", 3: "draft"},
}
GetNode = Callable[[str], "Mapping[str, Any] | None"]  # by its id; None where there is none


@dataclass(frozen=True, slots=True)
class Try:
    """What the next try is made with. ``step``: how far each seed goes on from the first try's; 0: the same noise."""

    draft: PromptDraft
    step: int

    def value(self, kind: str) -> Any:
        """For one of our outputs."""
        if kind == "seed":
            return (self.draft.seed + self.step) & MAX_SEED
        return {"positive": self.draft.positive, "negative": self.draft.negative_prompt, "draft": self.draft}[kind]


def repeated(get: GetNode, end: str, source: str | None, next_try: Try) -> dict[str, dict[str, Any]]:
    """Copies of the nodes that the next try needs again, ``end`` among them, by their ids; links go to originals.

    ``source``: the node that gave the draft, or None where the words stay. Raises ConfigError where another try would
    change nothing.
    """
    before = frozenset([*_ancestors(get, source), source] if source else ())
    copying = _Copying(get, source, before, next_try)
    for node_id in [*_ancestors(get, end), end]:
        if node_id not in before:
            copying.look_at(node_id)
    if end not in copying.copies:
        raise ConfigError(
            "Another try would give the same image: no seed and no words lead from a Wildcard Prompt, or a "
            "sampler, to this node. Connect them, or take Retry Until out."
        )
    return copying.copies


def source_of(get: GetNode, node_id: str, name: str = "draft") -> str | None:
    """The node of ours that gives a node its draft; None where there is none, or one that is not known."""
    link = _link(get, node_id, name)
    for _ in range(_MOST_HOPS):
        if link is None:
            return None
        node = get(link[0]) or {}
        if OUTPUTS.get(str(node.get("class_type")), {}).get(link[1]) == "draft":
            return link[0]
        links = list(_links(node))
        link = links[0] if len(links) == 1 else None  # a reroute hands on what it gets
    return None


def linked_node(get: GetNode, node_id: str, name: str) -> str | None:
    """The node that an input is linked to."""
    link = _link(get, node_id, name)
    return link[0] if link else None


@dataclass(frozen=True, slots=True)
class _Copying:
    """``before``: the source, and all that it depends on."""

    get: GetNode
    source: str | None
    before: frozenset[str]
    next_try: Try
    copies: dict[str, dict[str, Any]] = field(default_factory=dict)

    def look_at(self, node_id: str) -> None:
        """Copies a node in which something is new. All that it depends on was looked at before."""
        node = self.get(node_id) or {}
        inputs = dict(node.get("inputs") or {})
        is_ours = str(node.get("class_type")).startswith(_OURS)
        new = {name: found for name, value in inputs.items() if (found := self._new(name, value, is_ours))}
        if new:
            inputs |= {name: found[0] for name, found in new.items()}
            self.copies[node_id] = {"class_type": node.get("class_type"), "inputs": inputs}

    def _new(self, name: str, value: Any, is_ours: bool) -> tuple[Any] | None:
        """What an input is to hold, in a tuple; None where it stays as it is."""
        link = link_of(value)
        if link is not None and link[0] in self.copies:
            return (value,)  # that this node is copied too is for whoever puts the copies into the graph
        if link is not None and (kind := self._kind(link)):
            return (self.next_try.value(kind),)
        if name not in _SEEDS or is_ours or not self.next_try.step:
            return None
        if type(value) is int:
            return ((value + self.next_try.step) & MAX_SEED,)
        return (self.next_try.value("seed"),) if link is not None and link[0] in self.before else None

    def _kind(self, link: tuple[str, int]) -> str:
        """Which part of the prompt a link gives: the seed of any Wildcard Prompt, the words of the source alone."""
        kind = OUTPUTS.get(str((self.get(link[0]) or {}).get("class_type")), {}).get(link[1], "")
        if kind == "seed":
            return kind if self.next_try.step else ""
        return kind if link[0] == self.source else ""


def _ancestors(get: GetNode, end: str) -> list[str]:
    done: dict[str, None] = {}
    waiting = [(end, False)]
    seen: set[str] = set()
    while waiting:
        node_id, is_done = waiting.pop()
        if is_done:
            done[node_id] = None
        elif node_id not in seen:
            seen.add(node_id)
            waiting.append((node_id, True))
            waiting += [(link[0], False) for link in _links(get(node_id) or {})]
    done.pop(end, None)
    return list(done)


def _links(node: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    inputs = node.get("inputs")
    return (link for value in (inputs or {}).values() if (link := link_of(value)))


def _link(get: GetNode, node_id: str, name: str) -> tuple[str, int] | None:
    inputs = (get(node_id) or {}).get("inputs") or {}
    return link_of(inputs.get(name))
