"""``orchestrator export --template``: which files are ComfyUI's, drawing what never ran, and thumbnails."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator_core.errors import ConfigError, FormatError
from orchestrator_core.formats.comfy_links import is_workflow
from orchestrator_core.formats.sharing_prompts import Draw

if TYPE_CHECKING:
    from orchestrator_core.template import Wildcards

LONGEST_SIDE = 768  # pixels of a thumbnail
MOST_BYTES = 100_000


def is_comfyui_file(data: Any) -> bool:
    """A canvas workflow, or an API graph."""
    if is_workflow(data):
        return True
    nodes = data.values() if isinstance(data, dict) else ()
    return bool(nodes) and all(isinstance(node, dict) and "class_type" in node for node in nodes)


def drawing_with(wildcards: Wildcards) -> Draw:
    """Draws what a Wildcard Prompt has not drawn yet, from its values."""
    from pydantic import ValidationError

    from orchestrator_core.errors import OrchestratorError
    from orchestrator_core.stages.generate_prompt import generate, options_from_widgets

    def draw(values: Mapping[str, Any]) -> tuple[str, str] | None:
        try:
            draft = generate(options_from_widgets(values), wildcards)
        except (OrchestratorError, ValidationError):
            return None
        return draft.positive, draft.negative_prompt

    return draw


def thumbnail(path: Path) -> bytes:
    """The picture as a small JPEG, with nothing but its pixels. Raises ConfigError, and FormatError for no picture."""
    try:
        from PIL import Image, ImageOps
    except ImportError:
        raise ConfigError("A thumbnail needs Pillow: pip install pillow, or leave --thumbnail out.") from None
    try:
        with Image.open(path) as image:
            small = ImageOps.exif_transpose(image).convert("RGB")
            small.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise FormatError(f"{path} cannot be a thumbnail: {error}.") from None
    for quality in (90, 80, 65, 40):
        file = io.BytesIO()
        small.save(file, "JPEG", quality=quality, optimize=True)
        if file.tell() <= MOST_BYTES:
            break
    return file.getvalue()
