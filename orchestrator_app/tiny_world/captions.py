"""What is written of a scene: whole sentences, tags, single words, and whatever leaves something out.

All forms are made of few words, so that a small model learns them: ``two striped red stars on a mint background``;
``two striped red star, mint background``, as a template with five wildcards gives it; ``star, red, mint background``;
``a picture of striped``, as a scorer asks about one value.
"""

from __future__ import annotations

import random

from orchestrator_app.tiny_world.scenes import ATTRIBUTES, Scene

TEMPLATE = "__tiny/count__ __tiny/style__ __tiny/color__ __tiny/shape__, __tiny/background__"
PICTURE = "a picture of "  # before a caption, in half of them
_NAMES = tuple(ATTRIBUTES)


def tag(attribute: str, value: str) -> str:
    """As it stands in a wildcard's file: "mint background", and else the value itself."""
    return f"{value} background" if attribute == "background" else value


def full_caption(scene: Scene) -> str:
    """``two striped red stars on a mint background``."""
    plural = "" if scene.count == "one" else "s"
    return f"{scene.count} {scene.style} {scene.color} {scene.shape}{plural} on a {scene.background} background"


def template_caption(scene: Scene) -> str:
    """What ``TEMPLATE`` gives: ``two striped red star, mint background``."""
    return f"{scene.count} {scene.style} {scene.color} {scene.shape}, {scene.background} background"


def any_caption(scene: Scene, rng: random.Random) -> tuple[str, tuple[str, ...]]:
    """A caption by chance, and the attributes that it speaks of."""
    if (form := rng.random()) < 0.2:
        text, said = full_caption(scene), _NAMES
    elif form < 0.4:
        text, said = template_caption(scene), _NAMES
    elif form < 0.7:  # some of the words, in the order of a sentence
        said = tuple(name for name in _NAMES if rng.random() < 0.6) or ("shape",)
        text = " ".join(_word(scene, name, said) for name in said)
    elif form < 0.85:
        said = tuple(rng.sample(_NAMES, rng.randint(2, 5)))
        text = ", ".join(tag(name, getattr(scene, name)) for name in said)
    else:
        said = (rng.choice(_NAMES),)
        text = tag(said[0], getattr(scene, said[0]))
    return (PICTURE if rng.random() < 0.5 else "") + text, said


def _word(scene: Scene, name: str, said: tuple[str, ...]) -> str:
    value = getattr(scene, name)
    if name == "shape" and "count" in said and scene.count != "one":
        return f"{value}s"
    return tag(name, value)
