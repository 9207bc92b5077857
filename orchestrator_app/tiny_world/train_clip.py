"""Trains the tiny world's CLIP: ``python -m orchestrator_app.tiny_world.train_clip FOLDER``, for a quarter of an hour.

A caption is right for every image of which all that it says is true, so each row of likenesses has several right
answers; a sigmoid term beside that trains ``logit_bias``, so that both ways of reading a likeness can be tested. Only
the few tokens of the captions are trained, in a small table, and put into CLIP's own vocabulary at the end: what users'
models are read with then reads this one.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator_app.tiny_world.captions import PICTURE, any_caption, full_caption, tag
from orchestrator_app.tiny_world.scenes import ATTRIBUTES, SIZE, Scene, all_scenes, draw, held_out, pixels

CONFIG: dict[str, Any] = {
    "model_cfg": {
        "embed_dim": 64,
        "vision_cfg": {"image_size": SIZE, "layers": [1, 1, 1, 1], "width": 12},
        "text_cfg": {"context_length": 24, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2},
        "init_logit_scale": 2.30,
        "init_logit_bias": -6.0,
    },
    "preprocess_cfg": {
        "mean": [0.5, 0.5, 0.5],
        "std": [0.5, 0.5, 0.5],
        "interpolation": "bicubic",
        "resize_mode": "squash",
    },
}
IMAGES, BATCH, STEPS, EARLY = 20_000, 128, 3000, 350
RATE, WARM_UP = 2e-3, 100
_LOOK = 250  # steps between two measurements


@dataclass(frozen=True, slots=True)
class Tokens:
    """CLIP's tokens of the captions, and the numbers that they have in the small table; their order is the same."""

    tokenize: Any
    known: Any  # the sorted ids

    @classmethod
    def of(cls, texts: Sequence[str]) -> Tokens:
        import open_clip
        import torch

        tokenize = open_clip.SimpleTokenizer(context_length=CONFIG["model_cfg"]["text_cfg"]["context_length"])
        return cls(tokenize, torch.unique(tokenize(list(texts))))

    def __call__(self, texts: Sequence[str]) -> Any:
        import torch

        return torch.searchsorted(self.known, self.tokenize(list(texts)))


def all_texts() -> list[str]:
    """Texts that hold every word of every caption."""
    singles = [tag(name, value) for name, values in ATTRIBUTES.items() for value in values]
    return [*(PICTURE + full_caption(scene) for scene in all_scenes()), ", ".join(singles)]


def train(steps: int, early: Path | None, folder: Path) -> None:
    """Saves the model in ``folder``, and as it is after ``EARLY`` steps in ``early``."""
    import torch
    from open_clip.model import CLIP
    from torch.nn.attention import SDPBackend, sdpa_kernel

    torch.manual_seed(1)
    rng = random.Random(1)
    tokens = Tokens.of(all_texts())
    settings = CONFIG["model_cfg"] | {
        "text_cfg": CONFIG["model_cfg"]["text_cfg"] | {"vocab_size": len(tokens.known)},
    }
    model = CLIP(**settings)
    secret = held_out()
    scenes = [scene for scene in all_scenes() if scene not in secret]
    shown = [rng.choice(scenes) for _ in range(IMAGES)]
    images = pixels([draw(scene, rng) for scene in shown])
    test = _Test.of(tokens, sorted(secret, key=lambda scene: scene.values), random.Random(2))
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.05)
    began, cpu = time.monotonic(), time.process_time()
    for step in range(1, steps + 1):
        for group in optimizer.param_groups:
            group["lr"] = _rate(step, steps)
        places = [rng.randrange(IMAGES) for _ in range(BATCH)]
        captions = [any_caption(shown[place], rng) for place in places]
        read, true = tokens([text for text, _ in captions]), _true(shown, places, captions)
        # torch's fast attention is slow backwards on a processor, and bfloat16 is quicker on those that have it.
        with sdpa_kernel(SDPBackend.MATH), torch.autocast("cpu", torch.bfloat16):
            loss = _loss(model, images[places], read, true)
            optimizer.zero_grad()
            loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % _LOOK == 0 or step in (EARLY, steps):
            minutes = f"{(time.monotonic() - began) / 60:5.1f} min  {(time.process_time() - cpu) / 60:5.1f} CPU-min"
            print(f"step {step:5}  {minutes}  loss {loss.item():.3f}  {test.told(model)}", flush=True)
        if step == EARLY and early is not None:
            save(model, tokens, early)
    save(model, tokens, folder)


def _rate(step: int, steps: int) -> float:
    import math

    if step < WARM_UP:
        return RATE * step / WARM_UP
    return RATE * max(0.01, 0.5 * (1 + math.cos(math.pi * (step - WARM_UP) / max(1, steps - WARM_UP))))


def _true(shown: Sequence[Scene], places: Sequence[int], captions: Sequence[tuple[str, tuple[str, ...]]]) -> Any:
    """(images, captions): is all that the caption says true of the image?"""
    import torch

    names = tuple(ATTRIBUTES)
    numbers = {value: number for values in ATTRIBUTES.values() for number, value in enumerate(values)}
    scenes = torch.tensor([[numbers[value] for value in shown[place].values] for place in places])
    said = torch.tensor([[name in words for name in names] for _, words in captions])
    alike = scenes[:, None, :] == scenes[None, :, :]
    return (alike | ~said[None, :, :]).all(-1)


def _loss(model: Any, images: Any, texts: Any, true: Any) -> Any:
    import torch
    from torch.nn import functional

    seen = functional.normalize(model.encode_image(images), dim=-1)
    read = functional.normalize(model.encode_text(texts), dim=-1)
    likeness = seen @ read.T
    logits, goal = model.logit_scale.exp() * likeness, true.float()
    rows = functional.cross_entropy(logits, goal / goal.sum(1, keepdim=True))
    columns = functional.cross_entropy(logits.T, goal.T / goal.T.sum(1, keepdim=True))
    each = functional.binary_cross_entropy_with_logits(logits + model.logit_bias, goal, reduction="sum")
    found: torch.Tensor = (rows + columns) / 2 + 0.3 * each / len(images)
    return found


@dataclass(frozen=True, slots=True)
class _Test:
    """Drawings of scenes that training never shows."""

    images: Any
    scenes: list[Scene]
    texts: Any  # of all scenes
    tags: dict[str, Any]

    @classmethod
    def of(cls, tokens: Tokens, scenes: list[Scene], rng: random.Random) -> _Test:
        tags = {name: tokens([tag(name, value) for value in values]) for name, values in ATTRIBUTES.items()}
        images = pixels([draw(scene, rng) for scene in scenes])
        return cls(images, scenes, tokens([full_caption(scene) for scene in all_scenes()]), tags)

    def told(self, model: Any) -> str:
        import torch

        model.eval()
        with torch.inference_mode():
            seen = model.encode_image(self.images, normalize=True)
            scenes = all_scenes()
            found = (seen @ model.encode_text(self.texts, normalize=True).T).argmax(1)
            right = sum(scenes[place] == scene for place, scene in zip(found.tolist(), self.scenes, strict=True))
            each = {name: self._rate(model, seen, name) for name in ATTRIBUTES}
        model.train()
        parts = "  ".join(f"{name} {rate:.3f}" for name, rate in each.items())
        return f"one caption of all {right / len(self.scenes):.3f}  {parts}"

    def _rate(self, model: Any, seen: Any, name: str) -> float:
        found = (seen @ model.encode_text(self.tags[name], normalize=True).T).argmax(1).tolist()
        values = ATTRIBUTES[name]
        right: int = sum(values[place] == getattr(scene, name) for place, scene in zip(found, self.scenes, strict=True))
        return right / len(self.scenes)


def save(model: Any, tokens: Tokens, folder: Path) -> None:
    """In open_clip's ``local-dir:`` form, as float16; rows of tokens that no caption has are zero."""
    import torch
    from safetensors.torch import save_file

    state = {name: value.detach().half().contiguous() for name, value in model.state_dict().items()}
    table = torch.zeros(CONFIG["model_cfg"]["text_cfg"]["vocab_size"], state["token_embedding.weight"].shape[1]).half()
    table[tokens.known] = state["token_embedding.weight"]
    state["token_embedding.weight"] = table
    folder.mkdir(parents=True, exist_ok=True)
    save_file(state, folder / "open_clip_model.safetensors")
    (folder / "open_clip_config.json").write_text(json.dumps(CONFIG, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--early", type=Path, help=f"where the model is kept as it is after {EARLY} steps")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--threads", type=int, default=1, help="of torch; two that wait for one another are slower")
    given = parser.parse_args()
    import torch

    torch.set_num_threads(given.threads)
    train(given.steps, given.early, given.folder)


if __name__ == "__main__":
    main()
