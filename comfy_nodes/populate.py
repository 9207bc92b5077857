"""Draws the prompts of a graph before it is queued, so that cache, image and browser hold the text that is rendered.

The server calls this for each request, in its own event loop: the draws run in a thread, and what is not ready within
a moment (a wildcard folder is being read anew) is left to the node itself, which draws by the same rules.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from orchestrator_core.errors import OrchestratorError
from orchestrator_core.formats.comfy_links import link_of
from orchestrator_core.formats.infotext import notes_as_json
from orchestrator_core.prompt import PromptDraft
from orchestrator_core.request import notes_for
from orchestrator_core.stages.generate_prompt import Options, generate
from orchestrator_core.template import Slot

from .canvas import write_widgets
from .drawn import drawn_as_json, template_slots
from .links import Unknown, constant
from .services import Services
from .widgets import FIXED, POPULATED, WILDCARD_PROMPT, options_from

EVENT = "orchestrator.populated"
PATIENCE = 0.03  # seconds that the server's loop waits for draws
_SEED_OUTPUT = 3
_log = logging.getLogger("orchestrator")

Draw = Callable[[Options], PromptDraft]


@dataclass(slots=True)
class Plan:
    """The nodes of one request: what is drawn for each, None where only the run can tell."""

    prompt: Mapping[str, Any]
    draw: Draw
    drafts: dict[str, PromptDraft | None] = field(default_factory=dict)

    def make(self) -> None:
        for node_id in populating(self.prompt):
            self._drawn(node_id)

    def _drawn(self, node_id: str) -> PromptDraft | None:
        if node_id not in self.drafts:
            self.drafts[node_id] = None  # also what a node that leads to itself gets
            with suppress(Unknown, OrchestratorError, ValidationError):  # the node says what is wrong when it runs
                self.drafts[node_id] = self.draw(options_from(self._values(self.prompt[node_id]["inputs"])))
        return self.drafts[node_id]

    def _values(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        return {name: self._value(value) for name, value in inputs.items() if name not in (*POPULATED, "mode")}

    def _value(self, value: Any) -> Any:
        value = constant(self.prompt, value)
        link = link_of(value)
        if link is None:
            return value
        node: Any = self.prompt.get(link[0])
        if not is_ours(node):
            raise Unknown
        draft = self._drawn(link[0]) if node["inputs"].get("mode") != FIXED else None
        if draft is None:
            raise Unknown
        return {0: draft.positive, 1: draft.negative_prompt, _SEED_OUTPUT: draft.seed}.get(link[1])


def is_ours(node: Any) -> bool:
    return isinstance(node, dict) and node.get("class_type") == WILDCARD_PROMPT and isinstance(node.get("inputs"), dict)


def populating(prompt: Mapping[str, Any]) -> Iterator[str]:
    """The ids of the nodes whose text is to be drawn."""
    for node_id, node in prompt.items():
        if is_ours(node) and node["inputs"].get("mode") != FIXED:
            yield node_id


class Populate:
    """The handler: takes the body of a ``POST /prompt`` and returns it with the texts in it. It never raises."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def __call__(self, body: dict[str, Any]) -> dict[str, Any]:
        try:
            self._populate(body)
        except Exception:  # noqa: BLE001 - whatever a stranger's program sent, the server has to take it
            _log.exception("Orchestrator: the prompts could not be drawn before queueing")
        return body

    def _populate(self, body: dict[str, Any]) -> None:
        prompt = body.get("prompt")
        if not isinstance(prompt, dict) or not any(True for _ in populating(prompt)):
            return
        plan = self._planned(prompt)
        for node_id in populating(prompt):
            draft = plan.get(node_id)
            slots = () if draft is None else template_slots(draft)
            _fill(prompt, node_id, draft, has_slots=bool(slots))
            if draft is not None:
                _tell_workflow(body, node_id, draft)
                client = body.get("client_id")
                if isinstance(client, str) and client:
                    tell_browser(self._services, node_id, draft, client, slots)
        drafts = [draft for draft in plan.values() if draft is not None]
        if len(drafts) == 1:  # of several nobody could say which one an image is of
            _tell_image(body, drafts[0])

    def _planned(self, prompt: dict[str, Any]) -> dict[str, PromptDraft | None]:
        """What could be drawn in time."""
        plan = Plan(prompt, lambda options: generate(options, self._services.wildcards))
        work = threading.Thread(target=_quietly, args=(plan.make,), name="orchestrator-draw", daemon=True)
        end = time.monotonic() + PATIENCE
        work.start()
        work.join(max(0.0, end - time.monotonic()))
        return dict(plan.drafts)


def _quietly(call: Callable[[], None]) -> None:
    try:
        call()
    except Exception:  # noqa: BLE001 - in a thread of its own nobody else would hear of it
        _log.exception("Orchestrator: a prompt could not be drawn before queueing")


def _fill(prompt: dict[str, Any], node_id: str, draft: PromptDraft | None, *, has_slots: bool) -> None:
    """An empty text tells the node to draw by itself; one that is there is what it gives."""
    inputs = prompt[node_id]["inputs"]
    texts = ("", "") if draft is None else (draft.positive, draft.negative_prompt)
    inputs.update(zip(POPULATED, texts, strict=True))
    if draft is not None and not has_slots and not _gives_seed(prompt, node_id):
        inputs["seed"] = 0  # part of the cache's key: without it a new seed would render the same text again


def _gives_seed(prompt: Mapping[str, Any], node_id: str) -> bool:
    """Whether the node's seed comes from elsewhere, or goes there."""
    if link_of(prompt[node_id]["inputs"].get("seed")):
        return True
    inputs = (node.get("inputs") for node in prompt.values() if isinstance(node, dict))
    values = (value for held in inputs if isinstance(held, dict) for value in held.values())
    return any(link_of(value) == (node_id, _SEED_OUTPUT) for value in values)


def _tell_workflow(body: dict[str, Any], node_id: str, draft: PromptDraft) -> None:
    info = _image_info(body)
    if info is not None:
        show_in_workflow(info.get("workflow"), node_id, draft)


def show_in_workflow(workflow: Any, node_id: str, draft: PromptDraft) -> None:
    """Put the drawn texts into the widgets of the workflow that goes into the images."""
    write_widgets(workflow, node_id, WILDCARD_PROMPT, _texts_of(draft))


def show_in_image(prompt: Any, info: Any, node_id: str, draft: PromptDraft) -> None:
    """The same while a graph runs: ``prompt`` and ``info`` are what the images of this run will hold."""
    if isinstance(prompt, dict) and is_ours(prompt.get(node_id)):
        prompt[node_id]["inputs"].update(_texts_of(draft))
    if isinstance(info, dict):
        show_in_workflow(info.get("workflow"), node_id, draft)


def _texts_of(draft: PromptDraft) -> dict[str, str]:
    return dict(zip(POPULATED, (draft.positive, draft.negative_prompt), strict=True))


def _tell_image(body: dict[str, Any], draft: PromptDraft) -> None:
    """A program that sends a graph alone gets the origin into its images too."""
    if isinstance(extra := body.setdefault("extra_data", {}), dict):
        info = extra.setdefault("extra_pnginfo", {})
        if isinstance(info, dict):
            info["orchestrator"] = notes_as_json(notes_for("", draft))


def _image_info(body: Mapping[str, Any]) -> dict[str, Any] | None:
    extra = body.get("extra_data")
    info = extra.get("extra_pnginfo") if isinstance(extra, dict) else None
    return info if isinstance(info, dict) else None


def tell_browser(
    services: Services, node_id: str, draft: PromptDraft, client: str, slots: Sequence[Slot] | None = None
) -> None:
    """Show the drawn text in the node, in the window that asked for it and in no other."""
    services.send(EVENT, {"node": node_id, **drawn_as_json(draft, slots)}, client)
