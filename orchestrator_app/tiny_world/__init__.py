"""A world small enough that real models of it fit into the repository: drawings of coloured shapes, and their captions.

What learns from pictures can so be shown and tested whole, with real inference everywhere: a CLIP scores, a diffusion
model renders, and the drawing itself says what is true. docs/tiny_world.md has the figures; no test trains anything.
"""

from __future__ import annotations

from pathlib import Path

MODELS = Path(__file__).parent / "models"  # clip, clip_early, judge, tagger, diffusion, loras
WILDCARDS = Path(__file__).parent / "wildcards"
