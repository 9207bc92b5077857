"""What comes back from the host of a job: during it, and at its end."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Look:
    """How far a job is. ``passes``: (which, of how many): a hires fix is a second pass."""

    step: int
    steps: int
    passes: tuple[int, int]
    preview_id: int
    preview: bytes = b""


@dataclass(frozen=True, slots=True)
class RenderedImage:
    """``path`` is empty where the host did not save it: it was not finished."""

    path: str
    infotext: str
    seed: int
    prompt: str
    is_black: bool


@dataclass(frozen=True, slots=True)
class Rendered:
    images: tuple[RenderedImage, ...]
    interrupted: bool
    comments: str = ""  # what scripts had to say
