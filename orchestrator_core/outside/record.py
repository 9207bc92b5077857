"""The record: what a place elsewhere is told of a picture. What its maker has no use for there, paths first, is not."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestrator_core.gallery.model import GalleryImage

SCHEMA_VERSION = 1
SETTINGS = ("sampler", "scheduler", "steps", "cfg", "denoise", "clip_skip")


def record_of(image: GalleryImage, size: int, kind: str, scores: Iterable[tuple[str, float]]) -> dict[str, Any]:
    """JSON values. ``size`` in bytes; ``kind``: the media type."""
    loras = image.settings.get("loras") or ()
    same = ("width", "height", "prompt", "negative", "template", "seed", "story", "run_id", "tool", "score")
    return {
        "schema_version": SCHEMA_VERSION,
        "sha256": image.key,
        "name": last_part(image.name),
        "size": size,
        "type": kind,
        "made": _time(image.made_ms),
        **{name: getattr(image, name) for name in same},
        "model": last_part(image.model),
        "loras": [{"name": last_part(str(told[0])), "strength": _number(told[1:])} for told in loras if told],
        "settings": {name: image.settings[name] for name in SETTINGS if image.settings.get(name) is not None},
        "profiles": [name.strip() for name in image.profiles.split(",") if name.strip()],
        "scores": {metric: value for metric, value in scores if math.isfinite(value)},
        "marks": {"favourite": image.favourite, "reject": image.reject, "rating": image.rating},
    }


def last_part(name: str) -> str:
    """Without folders."""
    return re.split(r"[\\/]", name)[-1]


def _number(told: Any) -> float | None:
    return told[0] if told and isinstance(told[0], int | float) and math.isfinite(told[0]) else None


def _time(ms: int) -> str | None:
    if not ms:
        return None
    at = datetime.fromtimestamp(ms / 1000, timezone.utc)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
