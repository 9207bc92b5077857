"""Learning with real images in the tiny world: how much of what there is to gain is gained, by a judge it never saw.

    python benchmarks/tiny_world.py [--seeds 10] [--images 200] [--mode fast]

The generator draws some values badly, at rates that are known (``orchestrator_app/tiny_world/flaws.py``). For each seed
so many images are drawn, rendered, scored by the tiny CLIP and learned from, then 50 by odds that stand still. The
judge reads those, and images drawn by uniform odds and by an oracle that never draws a value that is drawn badly; what
is counted is the share of the gap between these two that was closed. Every image takes the pack's whole way, file and
ledger included.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean

from orchestrator_app.learning_demo.loop import LearningLoop
from orchestrator_app.tiny_world import MODELS
from orchestrator_app.tiny_world.captions import template_caption
from orchestrator_app.tiny_world.flaws import FLAWS
from orchestrator_app.tiny_world.judge import Judge
from orchestrator_app.tiny_world.painter import Painter
from orchestrator_app.tiny_world.scenes import ATTRIBUTES, Scene

FROZEN, REFERENCE = 50, 300


def right(scene: Scene, seen: Mapping[str, str]) -> float:
    return fmean(float(seen[name] == getattr(scene, name)) for name in ATTRIBUTES)


def reference(values: Mapping[str, Sequence[str]], seed: int) -> float:
    """The share of attributes that are right in images of scenes drawn evenly from these values."""
    rng = random.Random(seed)
    scenes = [Scene(**{name: rng.choice(list(some)) for name, some in values.items()}) for _ in range(REFERENCE)]
    painter = Painter.open(loras={"flawed": 1.0})
    pictures = painter.paint([template_caption(scene) for scene in scenes], [rng.randrange(2**32) for _ in scenes])
    seen = Judge.open(MODELS / "judge").read(pictures)
    return fmean(right(scene, one) for scene, one in zip(scenes, seen, strict=True))


def sound() -> Mapping[str, Sequence[str]]:
    return {name: [one for one in values if (name, one) not in FLAWS] for name, values in ATTRIBUTES.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--mode", default="fast", choices=("fast", "careful"))
    given = parser.parse_args()
    uniform, oracle = reference(ATTRIBUTES, 1), reference(sound(), 2)
    print(f"attributes right, by the judge: uniform odds {uniform:.3f}, oracle {oracle:.3f} ({REFERENCE} images each)")
    closed, scorer, generator = [], None, None
    for seed in range(given.first, given.first + given.seeds):
        with tempfile.TemporaryDirectory() as folder:
            began = time.process_time()
            loop = LearningLoop.open(Path(folder), seed, mode=given.mode, scorer=scorer, generator=generator)
            scorer = loop.context.scorer
            for _ in loop.go(given.images):
                pass
            cpu = (time.process_time() - began) / given.images
            after = fmean(one.judged for one in loop.frozen(FROZEN))
        closed.append((after - uniform) / (oracle - uniform))
        print(
            f"seed {seed:3}  right {after:.3f}  gap closed {100 * closed[-1]:4.0f} %  {cpu:.2f} CPU-s an image",
            flush=True,
        )
    enough = sum(share >= 0.5 for share in closed)
    print(f"{enough} of {len(closed)} seeds close half of the gap or more; the mean is {100 * fmean(closed):.0f} %")


if __name__ == "__main__":
    main()
