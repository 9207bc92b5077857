"""From candidates to a few LoRAs that go together: greedy, under budgets, each step the one that adds most.

What a candidate adds is its score, of which most is lost where the words that speak for it are those that a LoRA chosen
before already answers. Pinned LoRAs come first and those that stand in the prompt count; neither is ever refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import accumulate

from orchestrator_core.loras.conflicts import Pairs, conflict
from orchestrator_core.loras.ranking import Ranked
from orchestrator_core.loras.reasons import Reason
from orchestrator_core.loras.record import LoraRecord
from orchestrator_core.loras.strengths import LEAST, Strength, shared, strength_of
from orchestrator_core.template.chance import GOLDEN, MASK, mix, place, start, unit

_SAID_ALREADY = 0.3  # what is left of a score whose words are all answered
_NEAR = 0.3  # at full variety, candidates that lose less than this to the best one may win
_STYLES = 2  # that go together
_OF_A_PERSON = {"character": "character", "clothing": "outfit", "pose": "pose"}  # one for each figure, and its name


@dataclass(frozen=True, slots=True)
class Limits:
    """The budgets, and what else a person can set. ``minimum`` is the least score that counts as evidence."""

    max_loras: int = 3
    total_strength: float = 1.8
    strength: float = 0.8  # where nothing is known
    characters: int = 1  # figures in the prompt; each has room for one character, one outfit and one pose
    style_beside_character: float = 0.7
    minimum: float = 0.25
    variety: float = 0.0
    seed: int = 0
    never_together: Pairs = frozenset()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A LoRA that could be used. ``words``: what each word of the prompt says of it, by its stem; ``given``: a person's
    strength, ``learned``: one that images taught. Of the words, who only mentions one leaves it to another LoRA."""

    record: LoraRecord
    score: float = 0.0
    reasons: tuple[Reason, ...] = ()
    words: Mapping[str, float] = field(default_factory=dict)
    mentioned: Callable[[], frozenset[str]] = field(default=frozenset, compare=False)  # words of its notes alone
    shown: Mapping[str, str] = field(default_factory=dict)  # the words as they stand in the prompt
    pinned: bool = False
    given: float | None = None
    learned: float | None = None
    partner: LoraRecord | None = None  # the other half of a Wan pair
    ranked: Ranked | None = None  # what the ranking found, for who wants the reasons


@dataclass(frozen=True, slots=True)
class Chosen:
    """A LoRA that is used. ``among``: the near ties that it was drawn from, itself included."""

    candidate: Candidate
    strength: Strength
    partner_strength: Strength | None = None  # of the other half of a Wan pair
    among: tuple[LoraRecord, ...] = ()
    probability: float = 1.0

    @property
    def record(self) -> LoraRecord:
        return self.candidate.record

    @property
    def answers(self) -> frozenset[str]:
        """The words of the prompt that no other LoRA is needed for."""
        return frozenset(self.candidate.words) - self.candidate.mentioned()


@dataclass(frozen=True, slots=True)
class NotChosen:
    """A LoRA that is not used, and the reason."""

    candidate: Candidate
    reason: Reason

    @property
    def record(self) -> LoraRecord:
        return self.candidate.record


@dataclass(frozen=True, slots=True)
class Composition:
    chosen: tuple[Chosen, ...]
    nearly: tuple[NotChosen, ...]


def compose(candidates: Sequence[Candidate], limits: Limits, present: Sequence[Chosen] = ()) -> Composition:
    """The LoRAs to add to those that are ``present`` in the prompt, and those that nearly were."""
    chosen = list(present)
    chosen += [_used(candidate, limits) for candidate in candidates if candidate.pinned]
    nearly: list[NotChosen] = []
    new = chosen
    left = [candidate for candidate in candidates if not candidate.pinned]
    while left:
        left, refused = _sifted(left, chosen, new, limits)
        nearly += refused
        if not left:
            break
        winner, among, probability = _drawn(left, chosen, limits)
        left.remove(winner)
        new = [replace(_used(winner, limits), among=among, probability=probability)]
        chosen = [*chosen, *new]
    kept, dropped = _within_budget(chosen[len(present) :], chosen[: len(present)], limits)
    return Composition(tuple(kept), tuple(nearly + dropped))


def _used(candidate: Candidate, limits: Limits) -> Chosen:
    """The candidate at its own strength. A pair counts as one: its halves are for two models."""
    partner = candidate.partner
    return Chosen(
        candidate,
        strength_of(candidate.record, limits.strength, candidate.given, candidate.learned),
        None if partner is None else strength_of(partner, limits.strength, candidate.given),
    )


def _sifted(
    left: Sequence[Candidate], chosen: Sequence[Chosen], new: Sequence[Chosen], limits: Limits
) -> tuple[list[Candidate], list[NotChosen]]:
    """Those that still can be used, and those that cannot any more. Only ``new`` ones may bring new conflicts."""
    kept, refused = [], []
    answered = _answered(chosen)
    for candidate in left:
        reason = (
            _too_little(candidate, limits)
            or _conflicting(candidate, new, limits)
            or _category_is_full(candidate, chosen, limits)
            or _redundant(candidate, chosen, answered, limits)
            or _too_many(chosen, limits)
        )
        if reason is None:
            kept.append(candidate)
        else:
            refused.append(NotChosen(candidate, reason))
    return kept, refused


def _too_little(candidate: Candidate, limits: Limits) -> Reason | None:
    if candidate.score >= limits.minimum:
        return None
    sentence = f"too little evidence ({candidate.score:.2f} of {limits.minimum:.2f})"
    return Reason("too little", sentence, number=candidate.score)


def _conflicting(candidate: Candidate, chosen: Sequence[Chosen], limits: Limits) -> Reason | None:
    for use in chosen:
        for record in filter(None, (candidate.record, candidate.partner)):
            if why := conflict(record, use.record, limits.never_together):
                return Reason("conflict", f"'{use.record.name}' is used: {why}", (use.record.name,))
    return None


def _category_is_full(candidate: Candidate, chosen: Sequence[Chosen], limits: Limits) -> Reason | None:
    category = candidate.record.category or ""
    most = _STYLES if category == "style" else limits.characters if category in _OF_A_PERSON else None
    there = [use.record.name for use in chosen if use.record.category == category]
    if most is None or len(there) < most:
        return None
    many = f"{most} {_OF_A_PERSON.get(category, category)}{'s' * (most != 1)}"
    return Reason("category", f"there is room for {many}: {_names(there)}", tuple(there), most)


def _redundant(candidate: Candidate, chosen: Sequence[Chosen], answered: Set[str], limits: Limits) -> Reason | None:
    added = _adds(candidate, answered)
    if added >= limits.minimum:
        return None
    by = [use for use in chosen if use.answers & candidate.words.keys()]
    names = tuple(use.record.name for use in by)
    words = [word for word in candidate.words if any(word in use.answers for use in by)]
    told = _names(dict.fromkeys(candidate.shown.get(word, word) for word in words))
    return Reason("redundant", f"{_names(names)} already answer{'s' * (len(by) == 1)} {told}", names, added)


def _too_many(chosen: Sequence[Chosen], limits: Limits) -> Reason | None:
    if len(chosen) < limits.max_loras:
        return None
    return Reason("count", f"{limits.max_loras} LoRAs are used, which is the most that you allow", (), limits.max_loras)


def _answered(chosen: Iterable[Chosen]) -> Set[str]:
    return {word for use in chosen for word in use.answers}


def _adds(candidate: Candidate, answered: Set[str]) -> float:
    total = sum(candidate.words.values())
    new = sum(value for word, value in candidate.words.items() if word not in answered)
    return candidate.score * (_SAID_ALREADY + (1 - _SAID_ALREADY) * (new / total if total else 1.0))


def _drawn(
    left: Sequence[Candidate], chosen: Sequence[Chosen], limits: Limits
) -> tuple[Candidate, tuple[LoraRecord, ...], float]:
    """The best one, or one of its near ties by the seed; with all of these, and its probability."""
    answered = _answered(chosen)
    ranked = sorted(((_adds(candidate, answered), candidate) for candidate in left), key=_order)
    least = ranked[0][0] * (1 - _NEAR * limits.variety)
    near = [(added, candidate) for added, candidate in ranked if added >= least] if limits.variety else ranked[:1]
    total = sum(added for added, _ in near)
    marks = accumulate(added for added, _ in near)
    drawn = _chance(limits.seed, len(chosen)) * total
    place_of_winner = next((at for at, mark in enumerate(marks) if drawn < mark), 0)
    added, winner = near[place_of_winner]
    return winner, tuple(candidate.record for _, candidate in near), added / total if total else 1.0


def _order(item: tuple[float, Candidate]) -> tuple[float, str, str]:
    return -round(item[0], 9), item[1].record.name, item[1].record.path


def _chance(seed: int, step: int) -> float:
    return unit(mix((start(seed) ^ place("select_loras")) + GOLDEN * step & MASK))


def _within_budget(
    added: Sequence[Chosen], present: Sequence[Chosen], limits: Limits
) -> tuple[list[Chosen], list[NotChosen]]:
    """All strengths shared out. What would be left with almost nothing is dropped, the last one first."""
    dropped: list[NotChosen] = []
    while True:
        kept = _shared_out(added, present, limits)
        weak = [at for at, use in enumerate(kept) if not use.candidate.pinned and abs(use.strength.model) < LEAST]
        if not weak:
            return kept, dropped
        sentence = f"of {limits.total_strength:g}, which is the most in all, no strength is left"
        dropped.append(NotChosen(added[weak[-1]].candidate, Reason("strength", sentence, (), limits.total_strength)))
        added = [use for at, use in enumerate(added) if at != weak[-1]]


def _shared_out(added: Sequence[Chosen], present: Sequence[Chosen], limits: Limits) -> list[Chosen]:
    character = any(use.record.category == "character" for use in (*present, *added))
    highest = limits.style_beside_character if character else float("inf")
    capped = [use.strength.at_most(highest) if use.record.category == "style" else use.strength for use in added]
    there = [replace(use.strength, fixed=True) for use in present]
    scaled = shared([*there, *capped], limits.total_strength)[len(there) :]
    return [_scaled(use, strength) for use, strength in zip(added, scaled, strict=True)]


def _scaled(use: Chosen, strength: Strength) -> Chosen:
    """The use at another strength, and its other half in the same proportion."""
    partner = use.partner_strength
    if partner is not None and strength != use.strength and use.strength.model:
        partner = partner.times(strength.model / use.strength.model)
    return replace(use, strength=strength, partner_strength=partner)


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
