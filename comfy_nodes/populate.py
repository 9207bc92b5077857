"""Draws the prompts of a graph before it is queued, so that cache, image and browser hold the text that is rendered.

The server calls this for each request, in its own event loop: the draws run in a thread, and what is not ready within
a moment (a wildcard folder is being read anew) is left to the node itself, which draws by the same rules.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from orchestrator_core.prompt import PromptDraft

from .canvas import write_widgets
from .checkpoint_family import family_in
from .drawing_odds import noted
from .drawn import drawn_as_json
from .image_info import note_odds, note_origin, recall_odds, texts_of
from .planning import Drawn, Plan, is_populating, our_nodes, seed_matters
from .services import Services
from .widgets import POPULATED

EVENT = "orchestrator.populated"
# Seconds that the server's loop waits for draws, which take a few milliseconds. On a busy machine 30 have been too few,
# and a draw that comes too late has the same image rendered once more when it comes in time again.
PATIENCE = 0.1
_log = logging.getLogger("orchestrator")


class Populate:
    """The handler: takes the body of a ``POST /prompt`` and returns it with the texts in it. It never raises."""

    def __init__(self, services: Services, patience: float = PATIENCE) -> None:
        self._services = services
        self._patience = patience

    def __call__(self, body: dict[str, Any]) -> dict[str, Any]:
        try:
            self._populate(body)
        except Exception:  # noqa: BLE001 - whatever a stranger's program sent, the server has to take it
            _log.exception("Orchestrator: the prompts could not be drawn before queueing")
        return body

    def _populate(self, body: dict[str, Any]) -> None:
        prompt = body.get("prompt")
        if not isinstance(prompt, dict) or not any(True for _ in our_nodes(prompt)):
            return
        _forget_odd_clients(body)
        recall_odds(body, prompt)
        drawn, failed = self._planned(prompt)
        populating = {node_id: drawn.get(node_id) for node_id in our_nodes(prompt) if is_populating(prompt, node_id)}
        for node_id, found in populating.items():
            inputs, draft = prompt[node_id]["inputs"], found.draft if found else None
            inputs.update(dict.fromkeys(POPULATED, "") if draft is None else texts_of(draft))
            if draft is not None:
                noted(inputs, draft)
        _forget_seeds(prompt, drawn)
        _tell_image(body, prompt, drawn)
        told = {node_id: found for node_id, found in populating.items() if found is not None}
        told |= {node_id: Drawn(draft) for node_id, draft in failed.items()}
        client = body.get("client_id")
        if told and client:
            _in_thread(lambda: self._tell_browser(told, client))

    def _planned(self, prompt: dict[str, Any]) -> tuple[dict[str, Drawn], dict[str, PromptDraft]]:
        """What could be drawn in time, and what could not be drawn at all."""
        # Copies of what is written to below, while a draw that takes longer still reads it.
        ours = {node_id: {**prompt[node_id], "inputs": {**prompt[node_id]["inputs"]}} for node_id in our_nodes(prompt)}
        plan = Plan({**prompt, **ours}, partial(self._services.draw, family=family_in(prompt)))
        _in_thread(plan.make).join(self._patience)
        return dict(plan.drawn), dict(plan.failed)

    def _tell_browser(self, told: Mapping[str, Drawn], client: str) -> None:
        for node_id, found in told.items():
            self._services.send(EVENT, drawn_message(node_id, found), client)


def drawn_message(node_id: str, drawn: Drawn) -> dict[str, Any]:
    """What the node shows of a drawn text."""
    return {"node": node_id, **drawn_as_json(drawn.draft, drawn.slots)}


def _in_thread(call: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=_quietly, args=(call,), name="orchestrator-draw", daemon=True)
    thread.start()
    return thread


def _quietly(call: Callable[[], None]) -> None:
    try:
        call()
    except Exception:  # noqa: BLE001 - in a thread of its own nobody else would hear of it
        _log.exception("Orchestrator: a prompt could not be drawn before queueing")


def _forget_seeds(prompt: dict[str, Any], drawn: Mapping[str, Drawn]) -> None:
    """Seeds are part of the cache's key: without this, a new one would have the same text rendered again."""
    for node_id, found in drawn.items():
        inputs = prompt[node_id]["inputs"]
        if "seed" in inputs and not seed_matters(prompt, node_id, found):
            inputs["seed"] = 0


def _forget_odd_clients(body: dict[str, Any]) -> None:
    """ComfyUI looks a window up by its id, and would end at one that no mapping can have as a key."""
    for holder in (body, body.get("extra_data")):
        if isinstance(holder, dict) and not isinstance(holder.get("client_id"), str):
            holder.pop("client_id", None)


def _tell_image(body: dict[str, Any], prompt: dict[str, Any], drawn: Mapping[str, Drawn]) -> None:
    """The texts go into the workflow, their origin beside it; a program that sends no workflow gets that as well."""
    if body.get("extra_data") is None:  # at a null ComfyUI's own thread would end, and the queue with it
        body["extra_data"] = {}
    extra = body["extra_data"]
    info = extra.setdefault("extra_pnginfo", {}) if isinstance(extra, dict) else None
    if not isinstance(info, dict):
        return
    texts = {node_id: texts_of(found.draft) for node_id, found in drawn.items() if is_populating(prompt, node_id)}
    write_widgets(info.get("workflow"), texts)
    note_odds(info.get("workflow"), {node_id: drawn[node_id].draft for node_id in texts})
    for found in drawn.values():
        if found.is_used:
            note_origin(info, prompt, found.draft)
