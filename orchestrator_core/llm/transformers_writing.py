"""How a model in this process writes: its own random numbers, and an ear for each new word.

Torch's global random numbers are the image model's: a sampler that took from them would change the next image. Adding
Gumbel noise to the logits and taking the largest is the same as sampling from their softmax (Gumbel, 1954; Maddison et
al., "A* Sampling", 2014), and lets a generator of our own decide, on the processor, alike on every device.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from orchestrator_core.llm.port import IsCancelled, OnText

MIN_P = 0.05  # of the likeliest token's probability: less likely ones are never taken
_HALF = "\ufffd"  # what half of a letter decodes to


class Sampler:
    """A logits processor after which the largest logit is a sample. ``temperature`` 0: the logits as they are."""

    def __init__(self, temperature: float, seed: int) -> None:
        import torch

        self._temperature = temperature
        self._generator = torch.Generator().manual_seed(seed % 2**63)

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        if self._temperature <= 0:
            return scores
        import torch

        logits = scores.float() / self._temperature
        floor = logits.max(dim=-1, keepdim=True).values + math.log(MIN_P)
        waits = torch.empty(scores.shape).exponential_(generator=self._generator)
        noisy = logits - waits.log().to(logits.device)
        return noisy.masked_fill(logits < floor, -math.inf)


class Listener:
    """A stopping criterion that passes on the text so far, and stops when it was cancelled or took too long."""

    def __init__(
        self, decode: Callable[[Any], str], start: int, until: float, on_text: OnText | None, is_cancelled: IsCancelled
    ) -> None:
        self._decode, self._start, self._until = decode, start, until
        self._on_text, self._is_cancelled = on_text, is_cancelled
        self._told = ""
        self.was_cancelled = self.is_late = False

    def __call__(self, input_ids: Any, scores: Any, **kwargs: Any) -> Any:
        import torch

        if self._on_text:
            self.tell(self._decode(input_ids[0, self._start :]))
        self.was_cancelled = self._is_cancelled()
        self.is_late = time.monotonic() > self._until
        stop = self.was_cancelled or self.is_late
        return torch.full((input_ids.shape[0],), stop, device=input_ids.device, dtype=torch.bool)

    def tell(self, text: str, is_all: bool = False) -> None:
        """Pass on what is new; half of a letter waits for its other half, unless nothing more comes."""
        is_whole = is_all or not text.endswith(_HALF)
        if self._on_text and is_whole and text.startswith(self._told) and text != self._told:
            piece, self._told = text[len(self._told) :], text
            self._on_text(piece)
