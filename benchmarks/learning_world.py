"""A simulated world to learn in: eight wildcards of twenty values, of which some matter and most do not.

An image is one value for each wildcard. Its quality is the sum of its values' effects, normal with a standard deviation
that each wildcard draws from .05, .1, .2, .3, .4, .5, and of four tables of interactions between random pairs of
wildcards (standard deviation .075). A policy sees the quality with normal noise, or for each slot its value's effect
with that noise divided by √8. Regret is counted so that drawing at random costs one for each image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

SLOTS, VALUES = 8, 20
_SCALES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
_PAIRS, _INTERACTION = 4, 0.25 * 0.3
_CLIMBS, _SAMPLES = 12, 2000  # for the best image, and for the mean of images drawn at random


@dataclass(frozen=True)
class World:
    effects: Any  # (slot, value)
    pairs: list[tuple[int, int]]
    tables: list[Any]  # (value, value), for each pair
    best: float
    random: float

    def mean(self, image: Any) -> float:
        found = float(self.effects[np.arange(SLOTS), image].sum())
        for (one, other), table in zip(self.pairs, self.tables, strict=True):
            found += float(table[image[one], image[other]])
        return found


def make_world(seed: int) -> World:
    """The same numbers in the same order for a seed."""
    rng = np.random.default_rng(seed)
    scales = rng.choice(list(_SCALES), size=SLOTS)
    effects = rng.normal(0, 1, (SLOTS, VALUES)) * scales[:, None]
    pairs = [tuple(int(one) for one in rng.choice(SLOTS, 2, replace=False)) for _ in range(_PAIRS)]
    tables = [rng.normal(0, _INTERACTION, (VALUES, VALUES)) for _ in pairs]
    world = World(effects, pairs, tables, 0.0, 0.0)
    best = max(_climbed(world, rng.integers(0, VALUES, SLOTS)) for _ in range(_CLIMBS))
    mean = float(np.mean([world.mean(rng.integers(0, VALUES, SLOTS)) for _ in range(_SAMPLES)]))
    return World(effects, pairs, tables, best, mean)


def _climbed(world: World, image: Any) -> float:
    """The quality that changing one slot at a time leads to."""
    while True:
        before = world.mean(image)
        for slot in range(SLOTS):
            tried = []
            for value in range(VALUES):
                image[slot] = value
                tried.append(world.mean(image))
            image[slot] = int(np.argmax(tried))
        if world.mean(image) - before < 1e-9:
            return world.mean(image)
