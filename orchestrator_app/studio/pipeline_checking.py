"""What is wrong in a draft, at the card that it is of, in the words of the core; and what its batch comes to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pydantic import ValidationError

from orchestrator_app.studio.pipeline_draft import Card, Draft
from orchestrator_core.errors import OrchestratorError, PipelineError
from orchestrator_core.pipeline import checked, options_of
from orchestrator_core.pipeline.batches import Items, product_of
from orchestrator_core.pipeline.registry import fallback_of
from orchestrator_core.spec import PipelineSpec, StageSpec, pipeline_from, problems_of

_LISTED = re.compile(r"(?:used twice|one another): (.+)$")


@dataclass(frozen=True, slots=True)
class Check:
    """``cards``: problems by the key of a card. ``pipeline`` is there where nothing is wrong, ``stages`` where only the
    batch is. ``count``: how many items, and how that comes about.
    """

    cards: dict[str, str] = field(default_factory=dict)
    whole: str = ""
    batch: str = ""
    pipeline: PipelineSpec | None = None
    stages: PipelineSpec | None = None
    count: str = ""

    @property
    def problem(self) -> str:
        """The first of all, for who wants to run it."""
        return self.whole or next(iter(self.cards.values()), "") or self.batch


def check(draft: Draft) -> Check:
    """Never raises."""
    if not draft.cards:
        return Check(whole="There is no stage yet. Add one.")
    found = {card.key: problem for card in draft.cards if (problem := _alone(card))}
    if found:
        return Check(found)
    stages = {name: value for name, value in draft.data.items() if name != "batch"}
    try:
        alone = checked(pipeline_from(stages))
    except PipelineError as error:
        cards = dict.fromkeys(_meant(str(error), draft.cards), str(error))
        return Check(cards, "" if cards else str(error))
    try:
        pipeline = pipeline_from(draft.data)
        Items(pipeline)
    except OrchestratorError as error:
        return Check(batch=str(error), stages=alone)
    return Check(pipeline=pipeline, stages=alone, count=product_of(pipeline))


def _alone(card: Card) -> str:
    """What is wrong in a stage by itself."""
    try:
        spec = StageSpec.model_validate(card.raw)
    except ValidationError as error:
        return f"Stage {card.id!r}: {problems_of(error)}"
    try:
        options_of(spec)
        fallback_of(spec)
    except PipelineError as error:
        return str(error)
    return ""


def _meant(message: str, cards: Sequence[Card]) -> Iterator[str]:
    """The keys of the cards that a message about several is of."""
    listed = _LISTED.search(message)
    ids = set(re.split(r", | → ", listed[1])) if listed else set()
    stage = re.search(r"[Ss]tage ('[^']*'|\"[^\"]*\")", message)
    for card in cards:
        if card.id in ids or (not listed and stage and stage[1] == repr(card.id)):
            yield card.key
