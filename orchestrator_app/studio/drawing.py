"""Draws what a page asks for: so many prompts from one form, each with a seed of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator_app.studio.odds import NO_ODDS, Odds
from orchestrator_core.errors import OrchestratorError
from orchestrator_core.profiles.source import ProfileSource
from orchestrator_core.prompt import MAX_SEED, PromptDraft
from orchestrator_core.stages import generate_prompt
from orchestrator_core.template import Template, Wildcards

MOST = 1_000  # prompts of one click
_TRIES = 20  # draws until a part says something else
Rerolls = Mapping[str, Mapping[str, int]]  # by seed: how often single parts of that prompt were drawn again


@dataclass(frozen=True, slots=True)
class Drawn:
    """The drafts that could be drawn, and why there are no more."""

    drafts: tuple[PromptDraft, ...] = ()
    problem: str = ""


def nth(options: generate_prompt.Options, number: int, rerolls: Rerolls | None = None) -> generate_prompt.Options:
    """The options of the number-th prompt (from 0), with what was drawn again of it."""
    found = options.nth(number)
    own = (rerolls or {}).get(str(found.seed))
    return found.model_copy(update={"rerolls": {**options.rerolls, **own}}) if own else found


def draw(
    options: generate_prompt.Options,
    count: int,
    wildcards: Wildcards,
    rerolls: Rerolls | None = None,
    profiles: ProfileSource | None = None,
    odds: Odds = NO_ODDS,
) -> Drawn:
    """``count`` drafts. What cannot be drawn ends them: "combination 8 of 8" has no next."""
    drafts: list[PromptDraft] = []
    try:
        for number in range(count):
            drafts.append(_drawn(nth(options, number, rerolls), wildcards, profiles, odds))
    except OrchestratorError as error:
        return Drawn(tuple(drafts), str(error))
    return Drawn(tuple(drafts))


def _drawn(
    options: generate_prompt.Options, wildcards: Wildcards, profiles: ProfileSource | None, odds: Odds
) -> PromptDraft:
    return odds.noted(generate_prompt.generate(options, wildcards, odds.weights, None, profiles, odds.number))


class Slots:
    """The parts of a draft's template that can be drawn again."""

    def __init__(self, draft: PromptDraft) -> None:
        source = draft.source
        self.slots = Template(source.template, source.negative, source.dialect).slots

    def around(self, where: str, span: tuple[int, int] | None) -> str:
        """The slot that this place of the template is in; "" for none."""
        if span is None:
            return ""
        found = (
            slot.id for slot in self.slots if slot.where == where and slot.start <= span[0] and span[1] <= slot.end
        )
        return next(found, "")


def rerolled(
    options: generate_prompt.Options,
    wildcards: Wildcards,
    rerolls: Rerolls,
    seed: int,
    slot: str,
    profiles: ProfileSource | None = None,
    odds: Odds = NO_ODDS,
) -> Rerolls:
    """With one slot of the prompt of this seed drawn until it says something else, or a few times in vain."""

    def text(rerolls: Rerolls) -> tuple[str, str]:
        own = nth(options, (seed - options.seed) % (MAX_SEED + 1), rerolls)
        draft = _drawn(own, wildcards, profiles, odds)
        return draft.positive, draft.negative_prompt

    own = dict(rerolls.get(str(seed), {}))
    before = text(rerolls)
    found = rerolls
    for _ in range(_TRIES):
        own[slot] = own.get(slot, 0) + 1
        found = {**rerolls, str(seed): dict(own)}
        if text(found) != before:
            break
    return found
