"""What a Retry Until does with the scores of one try: end, or make the nodes of the next one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from orchestrator_core.errors import ConfigError

from .score_clearer import clearer
from .score_repeating import GetNode, Try, linked_node, repeated, source_of
from .score_tries import Tried
from .score_types import Scored

SEED_TOLD = "the next seed"


@dataclass(frozen=True, slots=True)
class Asked:
    """``change``: one of score_retry.CHANGES."""

    until: float
    tries: int
    change: str


Copies = dict[str, dict[str, Any]]


def after(get: GetNode, node_id: str, images: Any, scored: Scored, asked: Asked) -> tuple[Tried, Copies | None]:
    """The tries with this one, and the copies that make the next; None where the best of those is to be handed on.

    Raises ConfigError where another try could change nothing.
    """
    inputs = (get(node_id) or {}).get("inputs") or {}
    tried, changes = inputs.get("tried") or (Tried(node_id), ())
    tried = tried.adding(images, scored, changes)
    if len(tried.attempts) >= asked.tries or tried.reaches(asked.until) or tried.value is None:
        return tried, None
    return tried, _next(get, tried, scored, asked)


def _next(get: GetNode, tried: Tried, scored: Scored, asked: Asked) -> Copies:
    scorer = linked_node(get, tried.origin, "scored")
    source = source_of(get, scorer) if scorer else None
    draft = scored.draft
    changes: list[str] = []
    if "words" in asked.change:
        if source is None:
            raise ConfigError(
                "Retry Until cannot change words: connect the draft of a Wildcard Prompt to the CLIP Scorer before "
                "it, or set change to seed."
            )
        draft, changes = clearer(scored.draft, scored.images[scored.order[0]].fulfilments)
    step = len(tried.attempts) if "seed" in asked.change or not changes else 0
    told = (*changes, *((SEED_TOLD,) if step else ()))
    copies = repeated(get, tried.origin, source if "words" in asked.change else None, Try(draft, step))
    copies[tried.origin]["inputs"]["tried"] = (tried, told)
    return copies
