"""How often the tiny diffusion model draws what it is asked for, as the judge sees it, in scenes it never saw:

python -m orchestrator_app.tiny_world.measure_diffusion --lora flawed
"""

from __future__ import annotations

import argparse
import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from orchestrator_app.tiny_world.captions import full_caption, template_caption
from orchestrator_app.tiny_world.judge import Judge
from orchestrator_app.tiny_world.painter import DIFFUSION, LORAS, MODELS, Painter
from orchestrator_app.tiny_world.scenes import ATTRIBUTES, Scene, held_out


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Measure the tiny diffusion model.")
    parser.add_argument("--model", type=Path, default=DIFFUSION)
    parser.add_argument("--judge", type=Path, default=MODELS / "judge")
    parser.add_argument("--loras", type=Path, default=LORAS)
    parser.add_argument("--lora", help="with this one, at full strength")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--steps", type=int, default=10)
    asked = parser.parse_args(arguments)
    painter = Painter.open(asked.model, {asked.lora: 1.0} if asked.lora else None, asked.loras)
    pairs = drawn_and_seen(painter, Judge.open(asked.judge), asked.count, asked.steps)
    for line in report(pairs):
        print(line)


def drawn_and_seen(
    painter: Painter, judge: Judge, count: int, steps: int = 10, seed: int = 0
) -> list[tuple[Scene, Scene]]:
    """(what was asked for, what is seen); half the captions are sentences, half a template's."""
    rng = random.Random(seed)
    scenes = [rng.choice(sorted(held_out(), key=lambda scene: scene.values)) for _ in range(count)]
    captions = [(full_caption, template_caption)[number % 2](scene) for number, scene in enumerate(scenes)]
    pictures = painter.paint(captions, range(seed, seed + count), steps)
    return [(scene, Scene(**seen)) for scene, seen in zip(scenes, judge.read(pictures), strict=True)]


def report(pairs: Sequence[tuple[Scene, Scene]]) -> list[str]:
    """The share of right values: of all five, of each attribute, and of each value with what is seen instead."""
    lines = [f"all five: {_share([asked == seen for asked, seen in pairs])} of {len(pairs)}"]
    for name in ATTRIBUTES:
        found = [(getattr(asked, name), getattr(seen, name)) for asked, seen in pairs]
        lines.append(f"{name}: {_share([asked == seen for asked, seen in found])}")
        by_value: dict[str, list[str]] = defaultdict(list)
        for asked, seen in found:
            by_value[asked].append(seen)
        for value, seen_values in sorted(by_value.items()):
            wrong = Counter(seen for seen in seen_values if seen != value).most_common(2)
            instead = ", ".join(f"{seen} {number / len(seen_values):.2f}" for seen, number in wrong)
            right = _share([seen == value for seen in seen_values])
            lines.append(f"  {value}: {right} of {len(seen_values)}{f'; instead {instead}' if instead else ''}")
    return lines


def _share(values: Sequence[bool]) -> str:
    return f"{sum(values) / max(1, len(values)):.3f}"


if __name__ == "__main__":
    main()
