"""Run: the one value that flows through a pipeline. Frozen, so a snapshot after each stage costs nothing."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, replace
from typing import Any

from orchestrator_core.prompt import PromptDraft
from orchestrator_core.request import GeneratedImage

COMPARED = "compared:"  # how the metric begins of what is there, missing or unasked: no measure of an image


@dataclass(frozen=True, slots=True)
class Score:
    """How well an image (or one component of it) did, by one metric. A probability's ``value`` is within low … high."""

    run_id: str
    image: str  # file name
    component: int | None  # index into the draft's components; None = the whole image
    metric: str
    value: float
    raw: float | None = None  # the scorer's own number, as a cosine: it can be calibrated again later
    low: float = 0.0  # 90 % interval of the value
    high: float = 1.0
    calibrated: bool = True  # False: it orders images, and is never learned from
    scorer: str = ""  # its identity: scores of two are never mixed
    key: str = ""  # of the Choice that is credited; "" for none
    text: str = ""  # what should be seen


@dataclass(frozen=True, slots=True)
class Run:
    id: str
    draft: PromptDraft
    images: tuple[GeneratedImage, ...] = ()
    scores: tuple[Score, ...] = ()

    def replacing(self, **changes: Any) -> Run:
        """A new run with these fields changed."""
        return replace(self, **changes)


def new_run_id() -> str:
    """32 hex digits that sort by time: 12 of milliseconds since 1970, 20 of chance."""
    return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(10)}"
