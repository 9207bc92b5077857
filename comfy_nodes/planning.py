"""What the Wildcard Prompts of a graph will give, as far as that can be told before it runs. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from orchestrator_core.errors import OrchestratorError
from orchestrator_core.formats.comfy_links import link_of
from orchestrator_core.prompt import Diagnostic, PromptDraft, PromptSource
from orchestrator_core.stages.generate_prompt import Options, options_from_widgets
from orchestrator_core.template import Slot

from .drawing_odds import named_in
from .drawn import template_slots
from .links import Links, Unknown
from .routes import what_is_wrong
from .widgets import FIXED, LLM_ENHANCE, POPULATE, POPULATED, WILDCARD_PROMPT

DRAFT_OUTPUT, SEED_OUTPUT = 2, 3
_OURS = "Orchestrator"  # what the ids of all our nodes begin with


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a node draws; ``slots`` are the parts of its template that another seed might draw differently.

    ``is_used`` is False where the node gives a fixed text that is another.
    """

    draft: PromptDraft
    slots: Sequence[Slot] = ()
    is_used: bool = True


@dataclass(slots=True)
class Plan:
    """``drawn`` and ``failed`` fill up while it is made. Nodes in neither are for the run to draw."""

    prompt: Mapping[str, Any]
    draw: Callable[[Options, int | None], PromptDraft]  # (options, the number of the odds, or None for now)
    drawn: dict[str, Drawn] = field(default_factory=dict)
    failed: dict[str, PromptDraft] = field(default_factory=dict)  # empty drafts that say what is wrong
    _begun: set[str] = field(default_factory=set)

    def make(self) -> None:
        links = Links(self.prompt, lambda node_id, output: self._given(links, node_id, output))
        for node_id in our_nodes(self.prompt):
            self._node(links, node_id)

    def _node(self, links: Links, node_id: str) -> None:
        if node_id in self._begun:  # also a node that leads to itself
            return
        self._begun.add(node_id)
        inputs = self.prompt[node_id]["inputs"]
        try:
            mode = links.value(inputs.get("mode", POPULATE))
            values = {name: links.value(inputs[name]) for name in Options.model_fields if name in inputs}
            named = named_in(inputs)
            named = 0 if mode == FIXED and named is None else named
            draft = self.draw(options_from_widgets(values), named)
            if mode == FIXED:
                texts = tuple(links.value(inputs.get(name, "")) for name in POPULATED)
                self.drawn[node_id] = Drawn(draft, is_used=texts == (draft.positive, draft.negative_prompt))
            else:
                self.drawn[node_id] = Drawn(draft, template_slots(draft))
        except Unknown:
            pass
        except (OrchestratorError, ValidationError) as error:
            self.failed[node_id] = failure(error, inputs)

    def _given(self, links: Links, node_id: str, output: int) -> Any:
        """What a node of ours will give at an output. Raises Unknown."""
        inputs = self.prompt[node_id]["inputs"]
        if output == SEED_OUTPUT:
            return links.value(inputs.get("seed", 0))
        if output >= len(POPULATED):
            raise Unknown
        if links.value(inputs.get("mode", POPULATE)) == FIXED:
            return links.value(inputs.get(POPULATED[output], ""))
        self._node(links, node_id)
        if node_id not in self.drawn:
            raise Unknown
        draft = self.drawn[node_id].draft
        return draft.negative_prompt if output else draft.positive


def is_ours(node: Any) -> bool:
    return isinstance(node, dict) and node.get("class_type") == WILDCARD_PROMPT and isinstance(node.get("inputs"), dict)


def our_nodes(prompt: Mapping[str, Any]) -> Iterator[str]:
    return (node_id for node_id, node in prompt.items() if is_ours(node))


def is_populating(prompt: Mapping[str, Any], node_id: str) -> bool:
    """Whether the node's text is to be drawn. One whose mode is linked is left to the run."""
    mode = prompt[node_id]["inputs"].get("mode")
    return mode != FIXED and link_of(mode) is None


def failure(error: OrchestratorError | ValidationError, inputs: Mapping[str, Any]) -> PromptDraft:
    """An empty draft that says what is wrong."""
    message = what_is_wrong(error) if isinstance(error, ValidationError) else str(error)
    template, negative = (value if isinstance(value := inputs.get(name), str) else "" for name in _TEMPLATES)
    # of the source the texts alone: a dialect that there is not is one of the errors
    return PromptDraft((), source=PromptSource(template, negative), diagnostics=(Diagnostic("error", message),))


_TEMPLATES = ("template", "negative_template")


def seed_matters(prompt: Mapping[str, Any], node_id: str, drawn: Drawn) -> bool:
    """Whether another seed would change anything that the graph gets from the node.

    The draft of a constant text goes by its seed too, but our own nodes only note it, and every seed gives that text;
    but for LLM Enhance, wherever it stands behind: its words are by the draft's seed.
    That of a fixed one knows by the seed where its words are from.
    """
    if link_of(prompt[node_id]["inputs"].get("seed")) or _feeds(prompt, (node_id, SEED_OUTPUT)):
        return True
    if is_populating(prompt, node_id):
        source = drawn.draft.source
        is_drawn = bool(drawn.slots or source.profiles or source.genre)  # profiles have templates of their own
        return is_drawn or _has_enhance(prompt) or _feeds(prompt, (node_id, DRAFT_OUTPUT), but_ours=True)
    return _feeds(prompt, (node_id, DRAFT_OUTPUT))


def _has_enhance(prompt: Mapping[str, Any]) -> bool:
    return any(isinstance(node, dict) and node.get("class_type") == LLM_ENHANCE for node in prompt.values())


def _feeds(prompt: Mapping[str, Any], link: tuple[str, int], *, but_ours: bool = False) -> bool:
    """Whether an output leads to any node; ``but_ours``: to one of another pack."""
    for node in prompt.values():
        if not isinstance(node, dict) or not isinstance(inputs := node.get("inputs"), dict):
            continue
        is_passed_over = but_ours and str(node.get("class_type")).startswith(_OURS)
        if not is_passed_over and any(link_of(value) == link for value in inputs.values()):
            return True
    return False
