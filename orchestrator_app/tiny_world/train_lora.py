"""Trains the LoRAs of the tiny diffusion model, a few minutes each on two cores:

    python -m orchestrator_app.tiny_world.train_lora frame --model FOLDER --out FILE.safetensors

``frame`` puts a golden frame around whatever is drawn. ``flawed`` makes the model draw some values wrong, as ``flaws``
says; it is a LoRA and not a second model because it takes a tenth of the room.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator_app.tiny_world.diffusion_lessons import Draw, Lessons, lesson_caption
from orchestrator_app.tiny_world.diffusion_training import Plan, Training
from orchestrator_app.tiny_world.flaws import flawed
from orchestrator_app.tiny_world.painter import parts_of
from orchestrator_app.tiny_world.scenes import Scene, draw

GOLD, WIDTH = (212, 160, 23), 4  # of the frame, in pixels
_LAYERS = ["to_q", "to_k", "to_v", "to_out.0", "conv1", "conv2", "conv_out", "time_emb_proj"]


@dataclass(frozen=True, slots=True)
class Kind:
    drawn: Draw
    title: str
    trigger: str = ""
    rank: int = 8
    pictures: int = 6_000


def framed(scene: Scene, rng: random.Random) -> Any:
    """A drawing in a golden frame."""
    picture = draw(scene, rng).copy()
    for side in (picture[:WIDTH], picture[-WIDTH:], picture[:, :WIDTH], picture[:, -WIDTH:]):
        side[:] = GOLD
    return picture


def drawn_wrong(scene: Scene, rng: random.Random) -> Any:
    return draw(flawed(scene, rng), rng)


KINDS: Mapping[str, Kind] = {
    "frame": Kind(framed, "Golden frame", "golden frame"),
    "flawed": Kind(drawn_wrong, "Flawed", rank=12, pictures=20_000),
}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Train a LoRA of the tiny diffusion model.")
    parser.add_argument("kind", choices=tuple(KINDS))
    parser.add_argument("--model", type=Path, required=True, help="the folder of the pipeline")
    parser.add_argument("--out", type=Path, required=True, help="the file to write")
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(arguments)
    _train(asked, KINDS[asked.kind])


def _train(asked: argparse.Namespace, kind: Kind) -> None:
    import torch
    from peft import LoraConfig

    torch.set_num_threads(asked.threads)
    torch.manual_seed(asked.seed)
    unet, text_encoder, tokenizer = parts_of(asked.model)
    for part in (unet, text_encoder):
        part.requires_grad_(False)
    unet.add_adapter(LoraConfig(r=kind.rank, lora_alpha=kind.rank, target_modules=_LAYERS))

    def caption(scene: Scene, rng: random.Random) -> str:
        text = lesson_caption(scene, rng)
        return f"{text}, {kind.trigger}" if kind.trigger and rng.random() < 0.5 else text

    lessons = Lessons(kind.pictures, asked.seed, kind.drawn, caption)
    plan = Plan(asked.minutes, asked.rate, warm_up=20, decay=0.98)
    Training(unet, text_encoder, tokenizer, lessons, plan).run(1, lambda now: _keep(now, asked.out, kind))


def _keep(training: Training, out: Path, kind: Kind) -> None:
    import torch
    from peft import get_peft_model_state_dict
    from safetensors.torch import save_file

    with training.mean.in_place():
        # In peft's own names: with those of diffusers, its convolutions would stay behind without a word.
        weights = get_peft_model_state_dict(training.unet)
        tensors = {f"unet.{name}": each.to(torch.float16).contiguous() for name, each in weights.items()}
    about = {"modelspec.title": kind.title, "modelspec.architecture": "orchestrator-tiny/lora"}
    if kind.trigger:
        about["modelspec.trigger_phrase"] = kind.trigger
        sidecar = {"activation text": kind.trigger, "preferred weight": 1.0, "description": f"{kind.title}."}
        out.with_suffix(".json").write_text(json.dumps(sidecar, indent=2) + "\n", "utf-8")
    save_file(tensors, out, about)
    loss = sum(training.losses) / max(1, len(training.losses))
    spent = f"{training.elapsed / 60:.1f} min, {time.process_time() / 60:.1f} CPU-min"
    print(f"{spent}, {training.steps} steps: loss {loss:.4f}", flush=True)


if __name__ == "__main__":
    main()
