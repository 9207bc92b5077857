"""Taking some of several alternatives, at random or in turn. Pure functions over numbers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from math import perm
from operator import mul

from orchestrator_core.template.chance import unit
from orchestrator_core.template.tree import Count
from orchestrator_core.template.values import Values, pick_weighted

MAX_PICKS = 1_000  # alternatives taken at once; more is a slip of the pen
_TRIES = 8  # for each pick, before what is left is listed


def how_many(count: Count, available: int, state: int) -> int:
    low, high = count.limits(available)
    high = min(high, MAX_PICKS)
    return high if low >= high else low + int(unit(state, 1) * (high - low + 1))


def pick_options(weights: Sequence[float], texts: Sequence[str], count: Count, state: int) -> list[int]:
    """Options of a variant, in the order drawn. Options of the same text are one, with their weights added."""
    able = [number for number, weight in enumerate(weights) if weight > 0]
    if not able:
        return []
    odds = list(accumulate([weights[number] for number in able]))
    if count.upper == 1 == count.lower:
        return [able[pick_weighted(odds, unit(state))]]
    wanted = how_many(count, len(able) if count.repeats else len({texts[number] for number in able}), state)
    picks: list[int] = []
    taken: set[str] = set()
    draw = misses = 0
    while len(picks) < wanted:
        pick = able[pick_weighted(odds, unit(state, 2 + draw if draw else 0))]
        draw += 1
        if count.repeats or texts[pick] not in taken:
            taken.add(texts[pick])
            picks.append(pick)
            misses = 0
            continue
        misses += 1  # drawing again is the same as drawing from the rest; that is listed when little of it is left
        if misses == _TRIES:
            able = [number for number in able if texts[number] not in taken]
            odds = list(accumulate([weights[number] for number in able]))
    return picks


def pick_values(values: Values, odds: Sequence[float] | None, count: Count, state: int) -> list[int]:
    """Distinct values of a wildcard, as if drawn one after another without putting back."""
    wanted = how_many(count, len(values), state)
    picks: list[int] = []
    taken: set[str] = set()
    draw = 0
    while len(picks) < wanted and draw < _TRIES * wanted + _TRIES:
        number = unit(state, 2 + draw if draw else 0)
        draw += 1
        index = values.pick(number) if odds is None else pick_weighted(odds, number)
        if index < 0:
            return picks
        # drawing again is the same as drawing from the rest, and costs nothing in a long list
        if count.repeats or values.text(index) not in taken:
            taken.add(values.text(index))
            picks.append(index)
    if len(picks) < wanted:
        picks += _from_rest(values, odds, taken, wanted - len(picks), state, draw)
    return picks


def _from_rest(
    values: Values, odds: Sequence[float] | None, taken: set[str], wanted: int, state: int, draw: int
) -> list[int]:
    rest = [index for index in range(len(values)) if values.text(index) not in taken]
    weights = [values.weight(index) if odds is None else share(odds, index) for index in rest]
    texts = [values.text(index) for index in rest]
    picks = pick_options(weights, texts, Count(wanted, wanted), state ^ draw)
    return [rest[pick] for pick in picks]


def share(odds: Sequence[float], index: int) -> float:
    """The probability of one index under cumulative weights."""
    return (odds[index] - (odds[index - 1] if index else 0.0)) / odds[-1] if odds[-1] else 0.0


def arrangements(available: int, count: Count) -> int:
    """How many ordered picks there are: all sizes from lower to upper."""
    low, high = count.limits(available)
    return sum(_ways(available, min(high, MAX_PICKS), count.repeats)[min(low, MAX_PICKS) :])


def arrangement(available: int, count: Count, index: int) -> list[int]:
    """The index-th ordered pick: smaller ones first, then in the order of the alternatives."""
    low, high = count.limits(available)
    for size, total in enumerate(_ways(available, min(high, MAX_PICKS), count.repeats)):
        if size < min(low, MAX_PICKS):
            continue
        if index < total:
            return _repeating(available, size, index) if count.repeats else _permutation(available, size, index)
        index -= total
    return []


@lru_cache(maxsize=16)
def _ways(available: int, most: int, repeats: bool) -> tuple[int, ...]:
    """How many ordered picks of 0, 1, … ``most`` there are."""
    factors = [available if repeats else available - taken for taken in range(most)]
    return tuple(accumulate(factors, mul, initial=1))


def _repeating(available: int, size: int, index: int) -> list[int]:
    digits = []
    for _ in range(size):
        index, digit = divmod(index, available)
        digits.append(digit)
    return digits[::-1]


def _permutation(available: int, size: int, index: int) -> list[int]:
    rest = list(range(available))
    picks = []
    block = perm(available, size)
    for position in range(size):
        block //= available - position  # perm(available - position - 1, size - position - 1)
        digit, index = divmod(index, block)
        picks.append(rest.pop(digit))
    return picks


def distinct(indexes: Sequence[int], texts: Sequence[str]) -> list[int]:
    """The first index of each text."""
    seen: dict[str, int] = {}
    for index, text in zip(indexes, texts, strict=True):
        seen.setdefault(text, index)
    return list(seen.values())
