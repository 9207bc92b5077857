"""All combinations of a space, one after another: what two neighbours have in common is joined once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orchestrator_core.prompt import Component
from orchestrator_core.template.draw import Parts
from orchestrator_core.template.spaces import Listed, Product, Space

_KEPT = 50  # of the last lists, how many keep what stands before them joined


def walk(space: Space, start: int) -> Iterator[Parts]:
    """All combinations from the start-th on, in order."""
    if start >= space.size:
        return
    lists = _merged(space.factors) if isinstance(space, Product) else []
    if not lists:
        for index in range(start, space.size):
            yield space.at(index)
        return
    digits: list[int] = []
    for parts in reversed(lists):
        start, digit = divmod(start, len(parts))
        digits.insert(0, digit)
    yield from _odometer(lists, digits)


def _merged(factors: Sequence[Space]) -> list[Sequence[Parts]]:
    """The factors' lists, those with one entry joined to their neighbour; none where a factor is no list."""
    lists: list[Sequence[Parts]] = []
    waiting: list[Component] = []  # of a run of single entries
    for factor in factors:
        if not isinstance(factor, Listed):
            return []
        if factor.size == 1:
            waiting.extend(factor.parts[0])
            continue
        head = tuple(waiting)
        lists.append([head + parts for parts in factor.parts] if head else factor.parts)
        waiting = []
    tail = tuple(waiting)
    if not lists:
        return [[tail]]
    lists[-1] = [parts + tail for parts in lists[-1]]
    return lists


def _odometer(lists: Sequence[Sequence[Parts]], digits: list[int]) -> Iterator[Parts]:
    """Keeps what is common to one prompt and the next, of the last few lists, joined."""
    last = len(lists) - 1
    kept = max(0, last - _KEPT)
    before: list[Parts] = [()] * (last + 1)  # all that stands before a list
    changed = 0
    while True:
        if changed <= kept:
            before[kept] = tuple([part for number in range(kept) for part in lists[number][digits[number]]])
        for number in range(max(changed, kept), last):
            before[number + 1] = before[number] + lists[number][digits[number]]
        for parts in lists[last][digits[last] :]:
            yield before[last] + parts
        digits[last] = 0
        changed = last - 1
        while changed >= 0 and digits[changed] + 1 == len(lists[changed]):
            digits[changed] = 0
            changed -= 1
        if changed < 0:
            return
        digits[changed] += 1
