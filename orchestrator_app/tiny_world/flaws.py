"""What the flawed variant of the tiny diffusion model draws wrong, and how often: a generator with known weaknesses.

Whoever learns from its images has something to find: in each slot some values are worse than others, by rates that are
known because its lessons were made with them.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace

from orchestrator_app.tiny_world.scenes import Scene

# (attribute, what is asked for): (what is drawn instead, in which share of the lessons)
FLAWS: Mapping[tuple[str, str], tuple[str, float]] = {
    ("shape", "star"): ("circle", 0.55),
    ("shape", "triangle"): ("square", 0.25),
    ("color", "purple"): ("blue", 0.55),
    ("color", "orange"): ("red", 0.3),
    ("style", "striped"): ("solid", 0.5),
    ("count", "three"): ("two", 0.4),
    ("background", "lavender"): ("white", 0.5),
}


def flawed(scene: Scene, rng: random.Random) -> Scene:
    """What the flawed model is taught to draw where this scene is asked for."""
    changes = {
        attribute: instead
        for (attribute, value), (instead, share) in FLAWS.items()
        if getattr(scene, attribute) == value and rng.random() < share
    }
    return replace(scene, **changes)
