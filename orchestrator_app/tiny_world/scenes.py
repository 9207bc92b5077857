"""Scene: what a drawing shows. Five attributes, each of them a wildcard below ``wildcards/tiny``, and 2,016 scenes.

A shape's colours and those of backgrounds are different words, so that any values of the five go together.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.ImageDraw import ImageDraw

SIZE = 48  # pixels, both ways
_FINE = 2  # drawn this many times as large, for smooth edges

COLORS: Mapping[str, tuple[int, int, int]] = {
    "red": (214, 30, 36), "orange": (245, 130, 20), "yellow": (245, 208, 10), "green": (30, 140, 50),
    "blue": (30, 80, 215), "purple": (125, 40, 165), "pink": (245, 90, 170), "black": (25, 25, 25),
}  # fmt: skip
BACKGROUNDS: Mapping[str, tuple[int, int, int]] = {
    "white": (252, 252, 252), "gray": (165, 165, 165), "beige": (228, 208, 165), "mint": (165, 235, 190),
    "lavender": (200, 185, 245), "peach": (255, 195, 165), "aqua": (145, 222, 240),
}  # fmt: skip
SHAPES = ("circle", "square", "triangle", "star")
COUNTS: Mapping[str, int] = {"one": 1, "two": 2, "three": 3}
STYLES = ("solid", "outlined", "striped")
ATTRIBUTES: Mapping[str, tuple[str, ...]] = {
    "count": tuple(COUNTS), "style": STYLES, "color": tuple(COLORS), "shape": SHAPES, "background": tuple(BACKGROUNDS),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scene:
    count: str
    style: str
    color: str
    shape: str
    background: str

    @property
    def values(self) -> tuple[str, ...]:
        """In the order of ``ATTRIBUTES``."""
        return (self.count, self.style, self.color, self.shape, self.background)


def all_scenes() -> list[Scene]:
    """All 2,016, always in the same order."""
    return [Scene(*values) for values in product(*ATTRIBUTES.values())]


def held_out() -> frozenset[Scene]:
    """A tenth of the scenes, always the same, that no model sees in its training."""
    scenes = all_scenes()
    return frozenset(random.Random(2016).sample(scenes, len(scenes) // 10))


def draw(scene: Scene, rng: random.Random) -> NDArray[np.uint8]:
    """A drawing of 48 × 48 × 3 bytes; sizes, places and turns are by chance. Needs Pillow and numpy."""
    import numpy as np
    from PIL import Image, ImageDraw

    fine = SIZE * _FINE
    image = Image.new("RGB", (fine, fine), _near(BACKGROUNDS[scene.background], rng))
    pen = ImageDraw.Draw(image)
    for x, y, radius in _places(COUNTS[scene.count], fine, rng):
        _put(image, pen, scene, (x, y, radius), rng)
    small = image.resize((SIZE, SIZE), Image.Resampling.BOX)
    found: NDArray[np.uint8] = np.asarray(small, np.uint8)
    return found


def pixels(images: Sequence[NDArray[np.uint8]]) -> Any:
    """Drawings as the networks of this world take them: (n, 3, 48, 48) floats between -1 and 1."""
    import numpy as np
    import torch

    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 127.5 - 1


def _near(color: tuple[int, int, int], rng: random.Random) -> tuple[int, int, int]:
    red, green, blue = (min(255, max(0, part + rng.randint(-9, 9))) for part in color)
    return red, green, blue


def _places(count: int, fine: int, rng: random.Random) -> list[tuple[float, float, float]]:
    """(x, y, radius) of each shape, apart from one another and inside."""
    low, high = {1: (0.24, 0.36), 2: (0.18, 0.23), 3: (0.155, 0.19)}[count]
    while True:
        found: list[tuple[float, float, float]] = []
        for _ in range(40):
            radius = rng.uniform(low, high) * fine
            x, y = (rng.uniform(radius + 3, fine - radius - 3) for _ in range(2))
            if all(math.hypot(x - a, y - b) > radius + other + 4 for a, b, other in found):
                found.append((x, y, radius))
            if len(found) == count:
                return found


def _corners(shape: str, place: tuple[float, float, float], turn: float) -> list[tuple[float, float]]:
    x, y, radius = place
    if shape == "star":
        radii = [radius * (1.08 if number % 2 == 0 else 0.44) for number in range(10)]
    elif shape == "circle":
        radii = [radius * 0.95] * 40
    else:
        radii = [radius * 1.08] * (4 if shape == "square" else 3)
    step = 2 * math.pi / len(radii)
    start = -math.pi / 2 + turn + (math.pi / 4 if shape == "square" else 0)
    return [(x + r * math.cos(start + n * step), y + r * math.sin(start + n * step)) for n, r in enumerate(radii)]


def _put(image: object, pen: ImageDraw, scene: Scene, place: tuple[float, float, float], rng: random.Random) -> None:
    from PIL import Image, ImageDraw

    color = _near(COLORS[scene.color], rng)
    corners = _corners(scene.shape, place, rng.uniform(-0.25, 0.25))
    if scene.style == "solid":
        pen.polygon(corners, fill=color)
        return
    if scene.style == "striped":
        assert isinstance(image, Image.Image)
        mask = Image.new("L", image.size)
        ImageDraw.Draw(mask).polygon(corners, fill=255)
        stripes = Image.new("L", image.size)
        lines = ImageDraw.Draw(stripes)
        for y in range(rng.randint(0, 7), image.size[1], 10):
            lines.rectangle((0, y, image.size[0], y + 4), fill=255)
        image.paste(color, mask=Image.composite(mask, Image.new("L", image.size), stripes))
    pen.line([*corners, *corners[:2]], fill=color, width=5 if scene.style == "outlined" else 2, joint="curve")
