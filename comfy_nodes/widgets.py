"""The widgets of Wildcard Prompt, in their order; ``generate_prompt.options_from_widgets`` says what they mean.

The order is part of the format: a workflow keeps a node's values as a list. New widgets go to the end.
"""

from __future__ import annotations

WILDCARD_PROMPT = "OrchestratorWildcardPrompt"
LLM_ENHANCE = "OrchestratorLLMEnhance"
POPULATED = ("populated_text", "populated_negative")
POPULATE, FIXED = "populate", "fixed"
WIDGETS = (
    "template", "negative_template", *POPULATED, "mode", "dialect", "method", "seed", "control_after_generate",
    "index", "missing", "rerolls", "profiles", "genre",
)  # fmt: skip
BY_SEED = -1  # of the index widget: the seed's number
