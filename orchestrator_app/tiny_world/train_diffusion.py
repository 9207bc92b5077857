"""Trains the tiny diffusion model, 25 minutes of a core:

    python -m orchestrator_app.tiny_world.train_diffusion --out FOLDER --minutes 25

It goes on from ``FOLDER/training.pt`` where that is there. What is learned is written beside it as a pipeline of
diffusers, in ``FOLDER/pipeline``, every two minutes.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from orchestrator_app.tiny_world.captions import full_caption, template_caption
from orchestrator_app.tiny_world.diffusion_lessons import Lessons, seen_scenes, tags_caption
from orchestrator_app.tiny_world.diffusion_model import (
    TOKENS,
    new_text_encoder,
    new_unet,
    save_pipeline,
    token_ids,
)
from orchestrator_app.tiny_world.diffusion_training import Plan, Training
from orchestrator_app.tiny_world.scenes import ATTRIBUTES, all_scenes
from orchestrator_app.tiny_world.vocabulary import tokenizer_for, words_of

_WORDS_STEPS = 200


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Train the tiny diffusion model.")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--pictures", type=int, default=20_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(arguments)
    _train(asked)


def _train(asked: argparse.Namespace) -> None:
    import torch

    torch.set_num_threads(asked.threads)
    torch.manual_seed(asked.seed)
    tokenizer = world_tokenizer()
    unet = new_unet().to(memory_format=torch.channels_last)
    text_encoder = new_text_encoder(tokenizer)
    lessons = Lessons(asked.pictures, asked.seed)
    training = Training(unet, text_encoder, tokenizer, lessons, Plan(asked.minutes, 1.5e-3))
    kept = asked.out / "training.pt"
    if kept.exists():
        training.resume(torch.load(kept, weights_only=True))
    else:
        print(f"words: loss {learn_words(text_encoder, tokenizer, asked.seed):.3f}", flush=True)
    asked.out.mkdir(parents=True, exist_ok=True)
    training.run(2, lambda now: _keep(now, asked.out))


def world_tokenizer() -> Any:
    """Of all words that captions of the tiny world are made of."""
    rng = random.Random(0)
    texts = [form(scene) for scene in all_scenes() for form in (full_caption, template_caption)]
    texts += [tags_caption(scene, rng) for scene in all_scenes()[:50]]
    return tokenizer_for(words_of([*texts, "a picture of"]), TOKENS)


def learn_words(text_encoder: Any, tokenizer: Any, seed: int) -> float:
    """Have the text encoder tell all five values from a caption, so that the UNet is not taught by noise; the loss."""
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.nn.functional import cross_entropy

    rng = random.Random(seed)
    scenes = seen_scenes()
    heads = torch.nn.ModuleList(torch.nn.Linear(64, len(values)) for values in ATTRIBUTES.values())
    optimizer = torch.optim.AdamW([*text_encoder.parameters(), *heads.parameters()], lr=2e-3)
    loss = torch.zeros(())
    for _ in range(_WORDS_STEPS):
        chosen = [rng.choice(scenes) for _ in range(64)]
        captions = [rng.choice((full_caption(s), template_caption(s), tags_caption(s, rng))) for s in chosen]
        with sdpa_kernel(SDPBackend.MATH):
            pooled = text_encoder(token_ids(tokenizer, captions)).last_hidden_state.mean(1)
            loss = torch.zeros(())
            for head, (name, values) in zip(heads, ATTRIBUTES.items(), strict=True):
                wanted = torch.tensor([values.index(getattr(scene, name)) for scene in chosen])
                loss = loss + cross_entropy(head(pooled), wanted)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return float(loss.detach())


def _keep(training: Training, out: Path) -> None:
    import torch

    torch.save(training.state(), out / "training.pt")
    with training.mean.in_place():
        save_pipeline(out / "pipeline", training.unet, training.text_encoder, training.tokenizer)
        save_pipeline(out / f"at-{training.elapsed / 60:.0f}", training.unet, training.text_encoder, training.tokenizer)
    loss = sum(training.losses) / max(1, len(training.losses))
    spent = f"{training.elapsed / 60:.1f} min, {time.process_time() / 60:.1f} CPU-min"
    print(f"{spent}, {training.steps} steps: loss {loss:.4f}", flush=True)


if __name__ == "__main__":
    main()
