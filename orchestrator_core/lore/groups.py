"""Inclusion groups: of the entries of one group that a text calls for, one is told.

Who is sticky wins; else who has the most keys in the text, where the group counts them; else the one with the highest
order of those that are preferred; else chance by weight. A group of which one is told already takes no second.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass

from orchestrator_core.lore.book import Entry
from orchestrator_core.lore.candidates import Candidate
from orchestrator_core.lore.chance import fraction


@dataclass(frozen=True, slots=True)
class Choosing:
    """How one scan chooses. ``score``: how many keys of an entry are there."""

    seed: Hashable
    turn: int
    is_sticky: Callable[[Candidate], bool]
    score: Callable[[Candidate], int]
    counts_keys: bool = False  # for all that do not say it themselves


def losers(called: Sequence[Candidate], taken: Collection[str], choosing: Choosing) -> Mapping[Candidate, str]:
    """Those of the called entries that are not told, each with the name of the group that it lost in.

    ``taken``: the groups of which one is told already.
    """
    lost: dict[Candidate, str] = {}
    for name in dict.fromkeys(name for one in called for name in one.entry.groups):
        members = [one for one in called if name in one.entry.groups and one not in lost]
        winners = _winners(name, members, taken, choosing)
        lost |= {one: name for one in members if one not in winners}
    return lost


def _winners(name: str, members: list[Candidate], taken: Collection[str], choosing: Choosing) -> list[Candidate]:
    sticky = [one for one in members if choosing.is_sticky(one)]
    if sticky:
        return sticky
    if name in taken:
        return []
    members = _best_scored(members, choosing)
    if len(members) < 2:
        return members
    preferred = [one for one in members if one.entry.group_override]
    if preferred:
        return [max(preferred, key=lambda one: one.entry.order)]
    return [_drawn(name, members, choosing)]


def _best_scored(members: list[Candidate], choosing: Choosing) -> list[Candidate]:
    counted = [_counts(one.entry, choosing) for one in members]
    if not choosing.counts_keys and not any(one.entry.use_group_scoring for one in members):
        return members
    scores = [choosing.score(one) for one in members]
    best = max(scores, default=0)
    return [one for one, score, counts in zip(members, scores, counted, strict=True) if score == best or not counts]


def _counts(entry: Entry, choosing: Choosing) -> bool:
    return choosing.counts_keys if entry.use_group_scoring is None else entry.use_group_scoring


def _drawn(name: str, members: list[Candidate], choosing: Choosing) -> Candidate:
    weights = [max(one.entry.group_weight, 0.0) for one in members]
    room = fraction(choosing.seed, "group", name, choosing.turn) * sum(weights)
    for one, weight in zip(members, weights, strict=True):
        room -= weight
        if room < 0:
            return one
    return members[-1]  # all weights are 0
