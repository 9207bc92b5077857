"""What the marks of one image taught: the chance of each of its values to be drawn, without them and with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator_core.errors import OrchestratorError
from orchestrator_core.profiles.source import chosen_from
from orchestrator_core.prompt import Choice
from orchestrator_core.template import Bias
from orchestrator_core.template.picking import share
from orchestrator_core.weights.observation import INLINE, context_words, slot_of, value_of, variant_words
from orchestrator_core.weights.odds import slot_odds
from orchestrator_core.weights.regression import MOST

if TYPE_CHECKING:
    from orchestrator_core.context import StageContext
    from orchestrator_core.gallery.image_runs import ImageRun
    from orchestrator_core.prompt import PromptSource
    from orchestrator_core.weights.learner import State
    from orchestrator_core.weights.ledger import Ledger


@dataclass(frozen=True, slots=True)
class TaughtValue:
    """``before``, ``after``: the chance to be drawn, 0 … 1. ``profile``: which prompts it is of, for a person; ``why``:
    why the odds are as they are, or why nothing moves."""

    slot: str
    value: str
    profile: str
    before: float
    after: float
    why: str


@dataclass(frozen=True, slots=True)
class Taught:
    """``is_learning``: whether prompts are drawn by this now; if not, it is what would be so if learning were on.
    ``notice``: why nothing at all was learned from its marks, for a person; "" where something was."""

    values: tuple[TaughtValue, ...]
    is_learning: bool
    notice: str = ""


_LEFT_OUT = (
    f"Its marks are kept, but not learned from: with its values there would be more than {MOST:,} that marks speak of. "
    "They count once marks of others are taken away or forgotten (orchestrator learn reset SLOT)."
)


def taught_by(image: ImageRun, ledger: Ledger, context: StageContext) -> Taught:
    """What changed most comes first. Values that are not told of have no mark of this image's to learn from."""
    run = image.run
    name = (run.id, image.shown.path.name)
    before, after = ledger.without_mark(*name)
    marked = {
        one.key: one.context
        for one in after.observations
        if one.kind == "mark" and one.weight > 0 and (one.run_id, one.image) == name
    }
    choices = {choice.key: choice for part in (*run.draft.components, *run.draft.negative) for choice in part.choices}
    odds = _Chances(context, run.draft.source)
    found = [
        _value(odds, choices[key], before, after, of_context)
        for key, of_context in marked.items()
        if key in choices  # not of a prompt that was drawn again otherwise since
    ]
    found.sort(key=lambda value: -abs(value.after - value.before))
    left_out = any(name in after.left_out(context) for context in set(marked.values()))
    return Taught(tuple(found), after.settings.on, _LEFT_OUT if left_out else "")


def _value(odds: _Chances, choice: Choice, before: State, after: State, context: str) -> TaughtValue:
    slot = slot_of(choice.key)
    told = slot_odds(after, context, slot)
    siblings = [f"{slot}#{text.strip()}" for text in choice.siblings] if slot.startswith(INLINE) else []
    return TaughtValue(
        variant_words(siblings) if slot.startswith(INLINE) else slot,
        value_of(choice.key),
        context_words(context),
        odds.chance(choice, multipliers(before, context, slot)),
        odds.chance(choice, multipliers(after, context, slot)),
        told.why,
    )


def multipliers(state: State, context: str, slot: str) -> dict[str, float]:
    """Of a slot's values, by key: what was learned, whether learning is on or not, and what a person set."""
    settings = state.settings
    found = {value.key: value.multiplier for value in slot_odds(state, context, slot).values}
    if slot not in settings.off_slots:
        found |= {key: pin for key, pin in settings.pins.items() if slot_of(key) == slot}
    return found | {key: 0.0 for key in settings.off_values if slot_of(key) == slot}


class _Chances:
    """How likely values are to be drawn, by what authors wrote, the profiles of the prompt and what was learned."""

    def __init__(self, context: StageContext, source: PromptSource) -> None:
        self._wildcards = context.wildcards
        self._chosen = chosen_from(context.profiles, source.profiles, source.genre)

    def chance(self, choice: Choice, learned: Mapping[str, float]) -> float:
        weights = dict((self._chosen.weights(learned) if self._chosen is not None else None) or learned)
        found = self._of_wildcard(choice, weights)
        return _of_variant(choice, weights) if found is None else found

    def _of_wildcard(self, choice: Choice, weights: Mapping[str, float]) -> float | None:
        """None where it is of no wildcard that is there, or not of it any more."""
        if not isinstance(choice.siblings, str):
            return None
        try:
            values = self._wildcards.values(choice.siblings)
        except OrchestratorError:
            return None
        places = values.indexes().get(choice.key, []) if values is not None else []
        if values is None or not places:
            return None
        odds = Bias(weights).odds(values)
        if odds is not None:
            return sum(share(odds, place) for place in places)
        return sum(values.weight(place) for place in places) / values.total if values.total else 0.0


def _of_variant(choice: Choice, weights: Mapping[str, float]) -> float:
    """As if its alternatives were alike, which is all that a run keeps of them."""
    slot = slot_of(choice.key)
    own = choice.weight * weights.get(choice.key, 1.0)
    if isinstance(choice.siblings, tuple):
        keys = [f"{slot}#{text.strip()}" for text in choice.siblings]
        others = [weights.get(key, 1.0) for key in keys if key != choice.key]
    else:
        others = [1.0] * max(choice.options - 1, 0)
    return own / total if (total := own + sum(others)) else 0.0
