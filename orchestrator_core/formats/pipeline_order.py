"""The order of the stages of a graph, which says only what needs what."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise

from orchestrator_core.errors import PipelineError
from orchestrator_core.formats.pipeline_nodes import DRAFTS, DRAW, SCORE

Title = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Item:
    """A node that is a stage. ``before``: all stages that it needs, near and far. ``position``: where it once was."""

    key: str
    type: str
    before: frozenset[str]
    position: int | None
    is_active: bool


def in_order(items: Sequence[Item], title: Title) -> list[Item]:
    """As a pipeline does them. Raises PipelineError where one prompt goes two ways, or two go one."""
    by_key = {item.key: item for item in items}
    roots = {item.key for item in items if item.type == DRAW}
    for item in items:
        _check_root(item, roots, title)
    for root in roots:
        _check_chain([item for item in items if item.type in DRAFTS and root in (item.key, *item.before)], title)
    kept = [item for item in items if item.key in roots or item.before & roots]
    waits = {item.key: _waits_for(item, kept, by_key) for item in kept}
    return _sorted(kept, waits)


def _check_root(item: Item, roots: Collection[str], title: Title) -> None:
    found = sorted(item.before & set(roots), key=_number)
    if len(found) > 1 and item.type != SCORE:  # which may look at the images of an earlier prompt
        raise PipelineError(
            f"{title(item.key)!r} has words, or a seed, of {title(found[0])!r} and of {title(found[1])!r}: a pipeline "
            "has one prompt at a time. Write both templates into one Wildcard Prompt."
        )


def _check_chain(drafts: Sequence[Item], title: Title) -> None:
    """Each stage that changes the prompt goes on from all before it."""
    ordered = sorted(drafts, key=lambda item: (len(_drafts_before(item, drafts)), _number(item.key)))
    for one, other in pairwise(ordered):
        if one.key not in other.before:
            raise PipelineError(
                f"The prompt goes two ways, through {title(one.key)!r} and through {title(other.key)!r}: a pipeline "
                "that is read from a workflow has one way. Join them one after the other, or make two workflows."
            )


def _drafts_before(item: Item, drafts: Sequence[Item]) -> set[str]:
    return {one.key for one in drafts} & item.before


def _waits_for(item: Item, items: Sequence[Item], by_key: dict[str, Item]) -> set[str]:
    """What must be done before it: what it needs, and whoever still works with the prompt that it changes."""
    found = {key for key in item.before if key in by_key}
    if item.type not in DRAFTS:
        return found
    if item.type == DRAW:
        return _earlier_prompts(item, items)
    own = {key for key in item.before if by_key[key].type in DRAFTS}
    for other in items:
        changed = {key for key in other.before if key in by_key and by_key[key].type in DRAFTS}
        if other.type not in DRAFTS and changed and changed <= own:
            found.add(other.key)
    return found


def _earlier_prompts(item: Item, items: Sequence[Item]) -> set[str]:
    """A new prompt ends the one before: all that is made of that is done first. One that is off ends nothing."""
    if not item.is_active:
        return set()
    roots = sorted((one for one in items if one.type == DRAW and one.is_active), key=_place)
    earlier = {one.key for one in roots[: roots.index(item)]}
    return earlier | {one.key for one in items if one.before & earlier and item.key not in one.before}


def _sorted(items: Sequence[Item], waits: dict[str, set[str]]) -> list[Item]:
    waiting, done = sorted(items, key=_place), dict[str, Item]()
    while waiting:
        ready = next((item for item in waiting if waits[item.key] <= done.keys()), waiting[0])
        done[ready.key] = ready
        waiting.remove(ready)
    return list(done.values())


def _place(item: Item) -> tuple[float, int, int, float]:
    position = math.inf if item.position is None else item.position
    return (position, len(item.before), item.type not in DRAFTS, _number(item.key))


def _number(key: str) -> float:
    try:
        return float(key.rpartition(":")[2])
    except ValueError:
        return math.inf
