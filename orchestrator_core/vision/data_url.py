"""An image as a data: URL, small enough to be sent to a model with each question."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator_core.vision.port import Pixels

_MOST_SIDE = 768  # of the longer side, in pixels: most models look at less
_QUALITY = 90


def data_url(image: Pixels) -> str:
    """A JPEG, as every server reads one; larger images are made smaller, with their shape kept."""
    from PIL import Image

    picture = Image.fromarray(image)
    scale = _MOST_SIDE / max(picture.size)
    if scale < 1:
        width, height = (max(1, round(side * scale)) for side in picture.size)
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode("ascii")
