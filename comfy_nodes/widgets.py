"""The widgets of Wildcard Prompt: their order, and what they mean to ``generatePrompt``.

The order is part of the format: a workflow keeps a node's values as a list. New widgets go to the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator_core.prompt import MAX_SEED
from orchestrator_core.stages.generate_prompt import Options

from .rerolls import parse_rerolls

WILDCARD_PROMPT = "OrchestratorWildcardPrompt"
POPULATED = ("populated_text", "populated_negative")
POPULATE, FIXED = "populate", "fixed"
WIDGETS = (
    "template", "negative_template", *POPULATED, "mode", "dialect", "method", "seed", "control_after_generate",
    "index", "missing", "rerolls",
)  # fmt: skip
BY_SEED = -1  # of the index widget: the seed's number


def options_from(values: Mapping[str, Any]) -> Options:
    """Widget values as the stage's options; what an older workflow lacks is as by default.

    A linked seed may be any number, as other nodes count with them.

    Raises pydantic's ValidationError for what no widget of ours would give.
    """
    given = {name: value for name, value in values.items() if name in Options.model_fields and value is not None}
    if type(given.get("seed")) is int:
        given["seed"] &= MAX_SEED
    if type(index := given.get("index")) is int and index < 0:
        del given["index"]
    if isinstance(given.get("rerolls"), str):
        given["rerolls"] = parse_rerolls(given["rerolls"])
    return Options.model_validate(given)
