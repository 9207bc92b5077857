"""What an LLM Enhance node does with its inputs and outputs; apart from the node, since ComfyUI's start should not wait
for what this imports."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from pydantic import ValidationError

from orchestrator_core.enhancing.budget import CountTokens, estimated_tokens
from orchestrator_core.enhancing.options import Options
from orchestrator_core.enhancing.rules import RulesModel
from orchestrator_core.errors import Cancelled, ConfigError
from orchestrator_core.prompt import Origin, PromptDraft

from . import host_language
from .checkpoint_family import checkpoint_of, loader_file
from .drafts import draft_of
from .drawn import drawn_as_json
from .host import io, model_kinds
from .image_info import note_told
from .llm_enhancing import Enhancing, Given
from .routes import what_is_wrong
from .tokens import count_tokens

_COUNTED = 512  # texts whose tokens are remembered during a run


def problem_of(values: Mapping[str, Any]) -> str:
    """Why the options cannot be used; "" where they can."""
    try:
        options_of(values)
    except ConfigError as error:
        return str(error)
    return ""


def options_of(values: Mapping[str, Any]) -> Options:
    """The widgets' values; a graph of an older version has not all of them, and a seed below 0 is none.

    Raises ConfigError.
    """
    given = {name: values[name] for name in Options.model_fields if values.get(name) is not None}
    if type(given.get("seed")) is int and given["seed"] < 0:
        del given["seed"]
    try:
        return Options.model_validate(given)
    except ValidationError as error:
        raise ConfigError(f"LLM Enhance cannot be used so: {what_is_wrong(error)}") from error


def fingerprint(enhancing: Enhancing, values: Mapping[str, Any]) -> str:
    try:
        return enhancing.fingerprint(options_of(values))
    except ConfigError:
        return ""  # the run says what is wrong


def enhanced(enhancing: Enhancing, hidden: Any, values: Mapping[str, Any]) -> io.NodeOutput:
    """Ask, and say what came of it. ``hidden`` are the node's hidden inputs."""
    node_id, model = str(hidden.unique_id), values.get("model")
    checkpoint = checkpoint_of(*model_kinds(model), loader_file(hidden.prompt, node_id))
    before = draft_of(values.get("draft"), values.get("text"))
    language = values["llm"] if "llm" in values else RulesModel()  # a None that is connected is "off"
    given = Given(before, language, checkpoint, counter(values.get("clip")))
    try:
        draft = enhancing.enhanced(given, options_of(values), node_id)
    except Cancelled:
        host_language.end_if_interrupted()
        raise
    told = draft.enhanced
    assert told is not None
    noted = note_told(hidden.extra_pnginfo, node_id, draft)
    noted |= {"natural": told.natural} if told.natural else {}
    texts = (draft.positive, draft.negative_prompt, told.natural, told.status, report_of(draft))
    return io.NodeOutput(draft, *texts, ui=ui_of(draft, noted))


def counter(clip: Any) -> CountTokens:
    """Counts with the text encoder that is connected; of several, with the one that needs most."""
    if clip is None or not count_tokens(clip, ""):
        return estimated_tokens

    @lru_cache(_COUNTED)
    def count(text: str) -> int:
        return max((each["tokens"] for each in count_tokens(clip, text)), default=estimated_tokens(text))

    return count


def added_in(draft: PromptDraft) -> str:
    """The new words, those of different places apart."""
    texts = (component.text.strip(" ,\n") for component in draft.components if component.origin is Origin.llm)
    return ", ".join(filter(None, texts))


def report_of(draft: PromptDraft) -> str:
    """Lines for a person: what came of it, what is new, and why something is not."""
    told = draft.enhanced
    assert told is not None
    by = f" by {told.model}" if told.model and told.status in ("enhanced", "cached") else ""
    lines = [f"{told.status}{by}", f"new: {added}" if (added := added_in(draft)) else "", told.detail]
    return "\n".join([*filter(None, lines), *([f"in sentences: {told.natural}"] if told.natural else [])])


def ui_of(draft: PromptDraft, noted: Mapping[str, str]) -> dict[str, Any]:
    """What the node shows. ComfyUI joins the lists of several runs of one node."""
    drawn, told = drawn_as_json(draft), draft.enhanced
    assert told is not None
    shown = {
        "status": told.status,
        "detail": told.detail,
        "model": told.model,
        "natural": told.natural,
        "words": drawn["words"],
        "decisions": drawn["decisions"],
        "noted": noted,
    }
    return {"orchestrator_enhanced": [shown]}
