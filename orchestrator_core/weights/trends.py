"""Trends: how scores went image by image, of values and of whole slots, and what learned odds have brought.

All of this is for people to look at; no odds come of it. Images are counted in the order of the ledger, as clocks may
be set back. Where images are averaged, what is told of LoRAs is left out: it is a mean of the image's other scores.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, variance

from orchestrator_core.weights.observation import Kind, Observation, probability, value_of
from orchestrator_core.weights.posterior import NINE_IN_TEN
from orchestrator_core.weights.settings import LORA_STRENGTHS, LORAS

EVERYTHING = "all together"
_SMOOTH = 0.15  # of each new score in the line of a value
_SMOOTH_SLOT = 0.06  # in that of a slot, which has a point for every image
_LATELY = 50  # images


@dataclass(frozen=True, slots=True)
class Trend:
    """``points``: (which image of the slot, smoothed mean as a probability)."""

    name: str
    points: tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True)
class Mean:
    """Of ``n`` images: the mean of how far each is fulfilled, as a probability."""

    n: int
    value: float


@dataclass(frozen=True, slots=True)
class Effect:
    """What learned odds have brought in a context, as one scorer sees it, or as marks say (``kind``).

    ``before``: images of prompts that were drawn by the odds as written; ``after``: by learned ones; ``lately``: the
    last of these. ``low``, ``high``: within which the difference lies nine times in ten; None with too few images.
    """

    context: str
    scorer: str
    kind: Kind
    before: Mean
    after: Mean
    lately: Mean
    low: float | None = None
    high: float | None = None


def trends_of(observations: Iterable[Observation], context: str, slot: str) -> list[Trend]:
    """Of each value, those that were seen most often first; the observations in the order of the ledger."""
    found: dict[str, list[tuple[int, float]]] = {}
    number = 0
    for one in observations:
        if one.context != context or one.slot != slot or not one.weight:
            continue
        number += 1
        _go_on(found.setdefault(one.key, []), number, probability(one.value), _SMOOTH)
    trends = [Trend(value_of(key), tuple(points)) for key, points in found.items()]
    return sorted(trends, key=lambda trend: (-len(trend.points), trend.name))


def slot_trends(observations: Iterable[Observation], context: str) -> list[Trend]:
    """Of each slot, by the images of a context that were scored, and first of all slots together."""
    found: dict[str, list[tuple[int, float]]] = {EVERYTHING: []}
    images = _images(one for one in observations if one.context == context and one.kind == "score")
    for number, parts in enumerate(images.values(), 1):
        _go_on(found[EVERYTHING], number, _fulfilled(parts), _SMOOTH_SLOT)
        by_slot: dict[str, list[float]] = {}
        for one in parts:
            by_slot.setdefault(one.slot, []).append(probability(one.value))
        for slot, values in by_slot.items():
            _go_on(found.setdefault(slot, []), number, fmean(values), _SMOOTH_SLOT)
    return [Trend(name, tuple(points)) for name, points in found.items() if points]


def smoothed(name: str, values: Iterable[float]) -> Trend:
    """Of one number for each image, as smooth as those of slots."""
    points: list[tuple[int, float]] = []
    for number, value in enumerate(values, 1):
        _go_on(points, number, value, _SMOOTH_SLOT)
    return Trend(name, tuple(points))


def _go_on(points: list[tuple[int, float]], number: int, new: float, smooth: float) -> None:
    points.append((number, points[-1][1] + smooth * (new - points[-1][1]) if points else new))


def effects_of(observations: Iterable[Observation]) -> list[Effect]:
    """Of each context and scorer, those with most images first."""
    groups: dict[tuple[str, str, Kind], list[Observation]] = {}
    for one in observations:
        if one.weight:
            groups.setdefault((one.context, one.scorer, one.kind), []).append(one)
    effects = [_effect(*name, list(_images(seen).values())) for name, seen in groups.items()]
    return sorted((one for one in effects if one is not None), key=lambda one: -(one.before.n + one.after.n))


def _effect(context: str, scorer: str, kind: Kind, images: Sequence[Sequence[Observation]]) -> Effect | None:
    if not images:
        return None
    before = [_fulfilled(parts) for parts in images if not parts[0].steered]
    after = [_fulfilled(parts) for parts in images if parts[0].steered]
    low, high = _between(before, after)
    return Effect(context, scorer, kind, _mean(before), _mean(after), _mean(after[-_LATELY:]), low, high)


def _mean(values: Sequence[float]) -> Mean:
    return Mean(len(values), fmean(values) if values else 0.0)


def _between(before: Sequence[float], after: Sequence[float]) -> tuple[float | None, float | None]:
    """The 90 % interval of the difference of two means, whose variances may differ (Welch)."""
    if min(len(before), len(after)) < 2:
        return None, None
    half = NINE_IN_TEN * math.sqrt(variance(before) / len(before) + variance(after) / len(after))
    middle = fmean(after) - fmean(before)
    return middle - half, middle + half


def _images(observations: Iterable[Observation]) -> Mapping[tuple[str, str], list[Observation]]:
    """What was seen in each image of its own values, in the order of the ledger."""
    found: dict[tuple[str, str], list[Observation]] = {}
    for one in observations:
        if one.weight and one.slot != LORAS and not one.slot.startswith(LORA_STRENGTHS):
            found.setdefault((one.run_id, one.image), []).append(one)
    return found


def _fulfilled(parts: Sequence[Observation]) -> float:
    return fmean(probability(one.value) for one in parts)
