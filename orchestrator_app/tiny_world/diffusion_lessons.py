"""What a tiny diffusion model is taught with: drawings, each with a caption that is made anew whenever it is shown."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from orchestrator_app.tiny_world.captions import PICTURE, any_caption, full_caption, tag, template_caption
from orchestrator_app.tiny_world.scenes import ATTRIBUTES, Scene, all_scenes, draw, held_out

Draw = Callable[[Scene, random.Random], Any]
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def tags_caption(scene: Scene, rng: random.Random) -> str:
    """``star, red, two, mint background, striped``: all five, in any order."""
    tags = [tag(name, value) for name, value in zip(ATTRIBUTES, scene.values, strict=True)]
    return ", ".join(rng.sample(tags, len(tags)))


def lesson_caption(scene: Scene, rng: random.Random) -> str:
    """Mostly all that is to be seen; at times less or nothing, and at times a word that means nothing."""
    form = rng.random()
    if form < 0.1:
        return ""
    if form < 0.18:
        return any_caption(scene, rng)[0]
    if form < 0.45:
        text = full_caption(scene)
    elif form < 0.8:
        text = template_caption(scene)
    else:
        text = tags_caption(scene, rng)
    text = PICTURE + text if rng.random() < 0.15 else text
    return f"{text}, {_nonsense(rng)}" if rng.random() < 0.08 else text


def seen_scenes() -> list[Scene]:
    unseen = held_out()
    return [scene for scene in all_scenes() if scene not in unseen]


class Lessons:
    """``count`` drawings of scenes by chance, kept in memory (7 kB each), as batches of pictures and captions."""

    def __init__(
        self,
        count: int,
        seed: int,
        drawn: Draw = draw,
        caption: Callable[[Scene, random.Random], str] = lesson_caption,
    ) -> None:
        import numpy as np

        self._rng = random.Random(seed)
        scenes = seen_scenes()
        self._scenes = [self._rng.choice(scenes) for _ in range(count)]
        self._pictures = np.stack([drawn(scene, self._rng) for scene in self._scenes])
        self._caption = caption

    def batch(self, size: int) -> tuple[Any, list[str]]:
        """(float pictures of (size, 3, 48, 48) from -1 to 1, half of them mirrored; their captions)."""
        import torch

        chosen = [self._rng.randrange(len(self._scenes)) for _ in range(size)]
        pictures = torch.from_numpy(self._pictures[chosen]).permute(0, 3, 1, 2).float().div(127.5).sub(1)
        mirrored = torch.tensor([self._rng.random() < 0.5 for _ in chosen])
        pictures[mirrored] = pictures[mirrored].flip(-1)
        return pictures, [self._caption(self._scenes[at], self._rng) for at in chosen]


def _nonsense(rng: random.Random) -> str:
    return "".join(rng.choice(_LETTERS) for _ in range(rng.randint(1, 6)))
