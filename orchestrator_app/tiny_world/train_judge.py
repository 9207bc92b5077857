"""Trains the judge and the tagger: ``python -m orchestrator_app.tiny_world.train_judge FOLDER``, in three minutes.

Both are one network, trained from different beginnings on different drawings; the judge's are blurred, shifted in
colour and noisy as a small diffusion model's are. The tagger is written as the taggers of booru images are: an ONNX
file that takes pixels and gives a probability for each tag, and ``selected_tags.csv`` that names them.
"""

from __future__ import annotations

import argparse
import csv
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from orchestrator_app.tiny_world.captions import tag
from orchestrator_app.tiny_world.judge import WEIGHTS, network
from orchestrator_app.tiny_world.scenes import ATTRIBUTES, SIZE, Scene, all_scenes, draw, held_out, pixels

IMAGES, BATCH, ROUNDS = 24_000, 128, 4
MODEL, TAGS = "model.onnx", "selected_tags.csv"
GENERAL = 0  # the category of a tag of what is seen


def train_network(seed: int, blemish: Callable[[Any], Any]) -> Any:
    """A network that has seen all scenes but those held out; ``blemish`` spoils a batch of pixels first."""
    import torch
    from torch.nn import functional

    torch.manual_seed(seed)
    rng, secret = random.Random(seed), held_out()
    scenes = [scene for scene in all_scenes() if scene not in secret]
    shown = [rng.choice(scenes) for _ in range(IMAGES)]
    images, goals = pixels([draw(scene, rng) for scene in shown]), torch.tensor([_row(scene) for scene in shown])
    model = network()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.02)
    steps = ROUNDS * IMAGES // BATCH
    plan = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    for step in range(1, steps + 1):
        places = torch.randint(IMAGES, (BATCH,))
        with torch.autocast("cpu", torch.bfloat16):
            found = model(blemish(images[places]))
        loss = functional.binary_cross_entropy_with_logits(found.float(), goals[places])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        plan.step()
        if step % 250 == 0 or step == steps:
            print(f"seed {seed}  step {step:5}  loss {loss.item():.4f}  {_told(model)}", flush=True)
    return model.eval()


def blemished(images: Any) -> Any:
    """As a small diffusion model might draw them: soft edges, colours beside the right ones, noise."""
    import torch
    from torch.nn import functional

    soft = functional.avg_pool2d(functional.pad(images, (1, 1, 1, 1), mode="replicate"), 3, 1)
    share = torch.rand(len(images), 1, 1, 1)
    shift = torch.randn(len(images), 3, 1, 1) * 0.04
    return images * (1 - share) + soft * share + shift + torch.randn_like(images) * 0.05 * torch.rand(1)


def _row(scene: Scene) -> list[float]:
    return [float(value == getattr(scene, name)) for name, values in ATTRIBUTES.items() for value in values]


def _told(model: Any) -> str:
    import torch

    rng = random.Random(3)
    scenes = sorted(held_out(), key=lambda scene: scene.values)
    model.eval()
    with torch.inference_mode():
        rows = model(pixels([draw(scene, rng) for scene in scenes]))
    model.train()
    start, parts = 0, []
    for name, values in ATTRIBUTES.items():
        found = rows[:, start : start + len(values)].argmax(1).tolist()
        start += len(values)
        right = sum(values[place] == getattr(scene, name) for place, scene in zip(found, scenes, strict=True))
        parts.append(f"{name} {right / len(scenes):.3f}")
    return "  ".join(parts)


def save_judge(model: Any, folder: Path) -> None:
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    state = {name: value.half() if value.is_floating_point() else value for name, value in model.state_dict().items()}
    save_file(state, folder / WEIGHTS)


def save_tagger(model: Any, folder: Path) -> None:
    """In: (n, 48, 48, 3) floats of 0 to 255, blue first, as those taggers have it. Needs the package onnx."""
    import torch

    class Tagger(torch.nn.Module):  # type: ignore[misc]  # of a package that mypy does not see
        def __init__(self) -> None:
            super().__init__()
            self.inner = model

        def forward(self, images: Any) -> Any:
            return torch.sigmoid(self.inner(images.flip(3).permute(0, 3, 1, 2) / 127.5 - 1))

    folder.mkdir(parents=True, exist_ok=True)
    example = torch.zeros(1, SIZE, SIZE, 3)
    names = {
        "input_names": ["input"],
        "output_names": ["output"],
        "dynamic_axes": {"input": {0: "n"}, "output": {0: "n"}},
    }
    torch.onnx.export(Tagger().eval(), (example,), str(folder / MODEL), dynamo=False, **names)
    _write_tags(folder, [tag(name, value) for name, values in ATTRIBUTES.items() for value in values])


def _write_tags(folder: Path, tags: Sequence[str]) -> None:
    with (folder / TAGS).open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["tag_id", "name", "category", "count"])
        rows.writerows([number, name.replace(" ", "_"), GENERAL, IMAGES] for number, name in enumerate(tags))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the folders judge and tagger are made")
    parser.add_argument("--threads", type=int, default=1, help="of torch; two that wait for one another are slower")
    given = parser.parse_args()
    import torch

    torch.set_num_threads(given.threads)
    save_judge(train_network(11, blemished), given.folder / "judge")
    save_tagger(train_network(12, lambda images: images), given.folder / "tagger")


if __name__ == "__main__":
    main()
