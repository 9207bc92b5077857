"""Teaches a tiny diffusion model: rectified flow, where the network tells the clean picture from a noisy one.

The learning rate falls by the clock and not by steps: ``minutes`` of training are what a busy machine makes of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from orchestrator_app.tiny_world.diffusion_lessons import Lessons
from orchestrator_app.tiny_world.diffusion_model import PATCH, token_ids


@dataclass(frozen=True, slots=True)
class Plan:
    minutes: float
    rate: float  # of learning, at its highest
    batch: int = 64
    warm_up: int = 120  # steps
    decay: float = 0.995  # of the moving mean of the weights, which is what is kept


class Averaged:
    """The moving mean of some weights, which draws better than the weights of any moment."""

    def __init__(self, parameters: list[Any], decay: float) -> None:
        self.parameters, self.decay, self.steps = parameters, decay, 0
        self.means = [each.detach().clone() for each in parameters]

    def update(self) -> None:
        import torch

        self.steps += 1
        keep = min(self.decay, (1 + self.steps) / (10 + self.steps))
        with torch.no_grad():
            torch._foreach_lerp_(self.means, self.parameters, 1 - keep)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """In it, the model has the means for weights."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def _swap(self) -> None:
        for mean, each in zip(self.means, self.parameters, strict=True):
            mean.data, each.data = each.data, mean.data


class Training:
    """Of a UNet, and of a text encoder where that has weights to be trained."""

    def __init__(self, unet: Any, text_encoder: Any, tokenizer: Any, lessons: Lessons, plan: Plan) -> None:
        import torch

        self.unet, self.text_encoder, self.tokenizer = unet, text_encoder, tokenizer
        self.lessons, self.plan = lessons, plan
        self.steps, self.elapsed = 0, 0.0
        self.parameters = [p for part in (unet, text_encoder) for p in part.parameters() if p.requires_grad]
        groups = [
            {"params": [p for p in self.parameters if p.ndim > 1], "weight_decay": 0.01},
            {"params": [p for p in self.parameters if p.ndim <= 1], "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=plan.rate, betas=(0.9, 0.97), foreach=True)
        self.mean = Averaged(self.parameters, plan.decay)
        self.losses: list[float] = []

    def run(self, every: float, look: Callable[[Training], None]) -> None:
        """Until the plan's minutes are over; ``look`` is called each ``every`` minutes, and its time is not counted."""
        looked = self.elapsed
        while self.elapsed < self.plan.minutes * 60:
            started = time.monotonic()
            self.losses = [*self.losses[-99:], self.step()]
            self.elapsed += time.monotonic() - started
            if self.elapsed - looked >= every * 60:
                looked = self.elapsed
                look(self)
        look(self)

    def step(self) -> float:
        import torch
        from torch.nn.attention import SDPBackend, sdpa_kernel

        self._set_rate()
        pictures, captions = self.lessons.batch(self.plan.batch)
        # The other kernels' backward pass is several times slower on a processor.
        with sdpa_kernel(SDPBackend.MATH), torch.autocast("cpu", torch.bfloat16):
            loss = flow_loss(self.unet, self._states(captions), pictures)
            loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.mean.update()
        self.steps += 1
        return float(loss.detach())

    def state(self) -> dict[str, Any]:
        """All that is needed to go on later."""
        return {
            "steps": self.steps,
            "elapsed": self.elapsed,
            "averaged": self.mean.steps,
            "weights": [each.detach() for each in self.parameters],
            "means": self.mean.means,
            "optimizer": self.optimizer.state_dict(),
        }

    def resume(self, state: dict[str, Any]) -> None:
        import torch

        self.steps, self.elapsed, self.mean.steps = state["steps"], state["elapsed"], state["averaged"]
        with torch.no_grad():
            for mine, saved in ((self.parameters, state["weights"]), (self.mean.means, state["means"])):
                for each, value in zip(mine, saved, strict=True):
                    each.copy_(value)
        self.optimizer.load_state_dict(state["optimizer"])

    def _states(self, captions: list[str]) -> Any:
        return self.text_encoder(token_ids(self.tokenizer, captions))[0]

    def _set_rate(self) -> None:
        """Rises for some steps, stays, and falls to nothing over the last 60 % of the time."""
        falling = min(1.0, (1 - self.elapsed / (self.plan.minutes * 60)) / 0.6)
        rate = self.plan.rate * min(1.0, (self.steps + 1) / self.plan.warm_up) * max(0.01, falling)
        for group in self.optimizer.param_groups:
            group["lr"] = rate


def flow_loss(unet: Any, states: Any, pictures: Any) -> Any:
    """x_t = (1 - t) picture + t noise; the picture's squared error, weighted by 1 / max(t, 0.25)²."""
    import torch
    from torch.nn.functional import pixel_unshuffle

    clean = pixel_unshuffle(pictures, PATCH).contiguous(memory_format=torch.channels_last)
    t = torch.sigmoid(0.6 + 1.1 * torch.randn(len(clean)))
    at = t.view(-1, 1, 1, 1)
    found = unet((1 - at) * clean + at * torch.randn_like(clean), 1000 * t, states).sample
    errors = (found.float() - clean).pow(2).mean((1, 2, 3))
    return (errors / t.clamp(min=0.25).pow(2)).mean()
