"""What the images of a run say: the graph as ``prompt``, and ComfyUI's ``extra_pnginfo``. Any shape of it is taken."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from orchestrator_core.formats.comfy_links import link_of
from orchestrator_core.formats.image_notes import notes_as_json
from orchestrator_core.prompt import LoraUse, PromptDraft
from orchestrator_core.request import notes_for

from .canvas import find_node, write_widgets
from .drawing_odds import INPUT, PROPERTY, noted
from .lora_names import StackItem
from .planning import is_ours, is_populating, our_nodes
from .widgets import POPULATED

NOTES = "orchestrator"  # the key of extra_pnginfo, and so the name of the image's text


def texts_of(draft: PromptDraft) -> dict[str, str]:
    return dict(zip(POPULATED, (draft.positive, draft.negative_prompt), strict=True))


def note_origin(info: Any, prompt: Mapping[str, Any], draft: PromptDraft) -> None:
    """Note where the prompt is from, in a graph that has one Wildcard Prompt: of several nobody could say which.

    What a program has put there itself stays.
    """
    if isinstance(info, dict) and len(list(our_nodes(prompt))) == 1:
        info.setdefault(NOTES, notes_as_json(notes_for("", draft)))


def recall_odds(body: Mapping[str, Any], prompt: Mapping[str, Any]) -> None:
    """Fixed texts were drawn by the odds that the canvas remembers: by those their words are explained."""
    extra = body.get("extra_data")
    info = extra.get("extra_pnginfo") if isinstance(extra, dict) else None
    workflow = info.get("workflow") if isinstance(info, dict) else None
    for node_id in our_nodes(prompt):
        if not is_populating(prompt, node_id) and INPUT not in prompt[node_id]["inputs"]:
            properties = (find_node(workflow, node_id) or {}).get("properties")
            number = properties.get(PROPERTY) if isinstance(properties, dict) else None
            if type(number) is int and number > 0:
                prompt[node_id]["inputs"][INPUT] = number


def note_odds(workflow: Any, drafts: Mapping[str, PromptDraft]) -> None:
    """Note on the canvas by which odds the texts that stand there were drawn."""
    for node_id, draft in drafts.items():
        node = find_node(workflow, node_id)
        properties = node.get("properties") if node is not None else None
        if isinstance(properties, dict):
            properties.pop(PROPERTY, None)
            properties |= {PROPERTY: draft.source.odds} if draft.source.odds else {}


def show_while_running(prompt: Any, info: Any, node_id: str, draft: PromptDraft) -> None:
    """Put a text that only the run could draw into what the images of this run will hold.

    A node that is given a list draws several; then the images of all of them say all of them, one on a line.
    """
    if not isinstance(prompt, dict) or not is_ours(prompt.get(node_id)):
        return
    inputs = prompt[node_id]["inputs"]
    texts = texts_of(draft)
    is_first = not any(inputs.get(name) for name in POPULATED)
    noted(inputs, draft)
    if is_first:
        note_origin(info, prompt, draft)
    else:
        texts = {name: _with_line(inputs.get(name), text) for name, text in texts.items()}
        if isinstance(info, dict):
            info.pop(NOTES, None)
    inputs.update(texts)
    if isinstance(info, dict):
        write_widgets(info.get("workflow"), {node_id: texts})
        note_odds(info.get("workflow"), {node_id: draft})


def note_loaded(info: Any, node_id: str, loras: Iterable[StackItem], text: str | None = None) -> dict[str, Any]:
    """Note in the workflow, for who shares it, what a LoRA node has loaded; the same for the browser."""
    from orchestrator_core.formats.sharing_loras import LOADED, LoadedLoras  # no start of ComfyUI waits for it

    loaded = LoadedLoras(tuple(LoraUse(*item) for item in loras), text).as_property()
    node = find_node(info.get("workflow"), node_id) if isinstance(info, dict) else None
    if node is not None and isinstance(node.setdefault("properties", {}), dict):
        node["properties"][LOADED] = loaded
    return loaded


def note_told(info: Any, node_id: str, draft: PromptDraft) -> dict[str, str]:
    """Note in the workflow, for who shares it, the texts that a node made of its prompt in the run."""
    told = {"positive": draft.positive, "negative": draft.negative_prompt}
    node = find_node(info.get("workflow"), node_id) if isinstance(info, dict) else None
    if node is not None and isinstance(node.setdefault("properties", {}), dict):
        node["properties"]["orchestrator_told"] = told
    return told


def _with_line(before: Any, text: str) -> str:
    lines = before.split("\n") if isinstance(before, str) and before else []
    return "\n".join(lines if text in lines else [*lines, text])


def of_this_draft(
    prompt: Any, info: Any, node_id: str, draft: PromptDraft | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The prompt and the info for images of one draft, where the Wildcard Prompt before ``node_id`` drew several.

    Copies, if anything has to be changed: other nodes hold the same.
    """
    prompt, info = (value if isinstance(value, dict) else {} for value in (prompt, info))
    source = _drawing_node(prompt, node_id)
    if draft is None or source is None:
        return prompt, info
    inputs, texts = prompt[source]["inputs"], texts_of(draft)
    if all(inputs.get(name, "") == text for name, text in texts.items()):
        return prompt, info
    prompt = {**prompt, source: {**prompt[source], "inputs": {**inputs, **texts}}}
    info = {**info, "workflow": copy.deepcopy(info["workflow"])} if "workflow" in info else info
    write_widgets(info.get("workflow"), {source: texts})
    return prompt, info


def _drawing_node(prompt: Mapping[str, Any], node_id: str) -> str | None:
    """The Wildcard Prompt that gives a node its draft."""
    node = prompt.get(node_id)
    inputs = node.get("inputs") if isinstance(node, dict) else None
    link = link_of(inputs.get("draft")) if isinstance(inputs, dict) else None
    return link[0] if link and is_ours(prompt.get(link[0])) else None
