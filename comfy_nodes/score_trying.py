"""What a Retry Until does with the scores of one try: end, or make the nodes of the next one."""

from __future__ import annotations

from typing import Any

from orchestrator_core.errors import ConfigError
from orchestrator_core.weights.retrying import Options, Reword, next_try

from .score_repeating import GetNode, Try, linked_node, repeated, source_of
from .score_tries import Tried
from .score_types import Scored

Copies = dict[str, dict[str, Any]]


def after(
    get: GetNode, node_id: str, images: Any, scored: Scored, asked: Options, reword: Reword
) -> tuple[Tried, Copies | None]:
    """The tries with this one, and the copies that make the next; None where the best of those is to be handed on.

    Raises ConfigError where another try could change nothing; Cancelled.
    """
    inputs = (get(node_id) or {}).get("inputs") or {}
    tried, changes = inputs.get("tried") or (Tried(node_id), ())
    tried = tried.adding(images, scored, changes)
    return tried, None if tried.tries.is_over(asked) else _next(get, tried, asked, reword)


def _next(get: GetNode, tried: Tried, asked: Options, reword: Reword) -> Copies:
    source = None
    if "words" in asked.change:
        scorer = linked_node(get, tried.origin, "scored")
        source = source_of(get, scorer) if scorer else None
        if source is None:
            raise ConfigError(
                "Retry Until cannot change words: connect the draft of a Wildcard Prompt to the CLIP Scorer before "
                "it, or set change to seed."
            )
    new = next_try(tried.tries, asked, reword)
    copies = repeated(get, tried.origin, source, Try(new.draft, new.step))
    copies[tried.origin]["inputs"]["tried"] = (tried, new.changes)
    return copies
