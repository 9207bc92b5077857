"""Images of every kind that hosts hand about, as checked pixels: uint8, (height, width, 3), RGB.

A path, a PIL image, an array, or a ComfyUI tensor (batch, height, width, channels) of floats in 0 … 1. What shows
nothing (a NaN, no pixel, a single one) is refused with a reason. Transparent parts become white. Larger sides than
``MOST_SIDE`` are made smaller at once, strip by strip, so that an image of 16k takes no second copy of its floats.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator_core.errors import ScorerError

if TYPE_CHECKING:
    from orchestrator_core.vision.port import Pixels

MOST_SIDE = 4096  # no scorer looks at more than some hundred
_LEAST_SIDE = 4
_MOST_FILE = 180_000_000  # pixels of a file that is decoded
_FAILURES = (OSError, ValueError, SyntaxError, TypeError, MemoryError, EOFError, ArithmeticError)
_SHAPES = "(height, width, channels) or (batch, height, width, channels), with 1, 3 or 4 channels"


@dataclass(frozen=True, slots=True)
class Picture:
    """One image: its pixels, or why there are none."""

    pixels: Pixels | None
    problem: str = ""


def pixels_of(source: Any) -> list[Pixels]:
    """The images in ``source``, an array of a batch being many. Raises ScorerError, which names the first bad one."""
    found = pictures_of(source)
    if problem := next((each.problem for each in found if each.problem), ""):
        raise ScorerError(problem)
    return [each.pixels for each in found if each.pixels is not None]


def pictures_of(source: Any) -> list[Picture]:
    """Of one source, or of a list of them, in their order; a bad one costs no other. Sizes may be mixed."""
    if isinstance(source, list | tuple):
        return [picture for number, each in enumerate(source, 1) for picture in _named(each, f"image {number}")]
    return _named(source, "the image")


def _named(source: Any, name: str) -> list[Picture]:
    try:
        if isinstance(source, str | Path):
            return [Picture(_from_file(Path(source)))]
        if hasattr(source, "getbands"):
            return [Picture(_from_pil(source, name))]
        return _from_array(source, name)
    except ScorerError as error:
        return [Picture(None, str(error))]


def _from_file(path: Path) -> Pixels:
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                image.draft("RGB", (MOST_SIDE, MOST_SIDE))  # JPEG is decoded smaller, as it is read
                if image.width * image.height > _MOST_FILE:
                    raise ScorerError(f"{path.name}: {image.width} × {image.height} pixels are too many to decode.")
                return _from_pil(image, path.name)
    except Image.DecompressionBombError as error:
        raise ScorerError(f"{path.name}: it has too many pixels to decode: {error}") from error
    except _FAILURES as error:
        raise ScorerError(f"{path.name}: this image cannot be read: {error}") from error


def _from_pil(image: Any, name: str) -> Pixels:
    import numpy as np
    from PIL import Image, ImageOps

    _check_sides(image.height, image.width, name)
    if image.mode.startswith("I"):  # 16 bits, which PIL would cut off at 255
        image = Image.fromarray((np.asarray(image, dtype=np.float64) / 257).clip(0, 255).astype(np.uint8))
    reduce = math.ceil(max(image.size) / MOST_SIDE)
    if reduce > 1 and image.mode in ("L", "RGB", "RGBA"):
        image = image.reduce(reduce)
    image = ImageOps.exif_transpose(image)
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.array(image.convert("RGB"))


def _from_array(source: Any, name: str) -> list[Picture]:
    array = source.detach().cpu() if hasattr(source, "detach") else source
    shape = tuple(getattr(array, "shape", ()))
    if len(shape) not in (3, 4) or shape[-1] not in (1, 3, 4):
        told = f"an array of the shape {shape}" if shape else f"a {type(source).__name__}"
        raise ScorerError(f"{name}: {told} is no image. Needed: a path, a PIL image, or {_SHAPES}.")
    if len(shape) == 3:
        return [_checked(array, name)]
    if not shape[0]:
        raise ScorerError(f"{name}: the batch holds no image.")
    of = "" if name == "the image" else f"{name}, "
    return [_checked(each, f"{of}image {n} of {shape[0]}") for n, each in enumerate(array, 1)]


def _checked(array: Any, name: str) -> Picture:
    try:
        height, width, _ = array.shape
        _check_sides(height, width, name)
        step = math.ceil(max(height, width) / MOST_SIDE)
        return Picture(_in_strips(array, step, name))
    except ScorerError as error:
        return Picture(None, str(error))


def _in_strips(array: Any, step: int, name: str) -> Pixels:
    """As bytes; ``step`` × ``step`` pixels become their mean."""
    import numpy as np

    rows = max(1, 256 // step) * step
    strips = [_strip(np.asarray(_numbers(array[at : at + rows])), step, name) for at in range(0, len(array), rows)]
    return np.concatenate(strips)


def _strip(strip: Any, step: int, name: str) -> Pixels:
    import numpy as np

    values = strip.astype(np.float32)
    if not np.isfinite(values).all():
        raise ScorerError(f"{name}: it holds NaN or infinite values, as a VAE or model in too short a dtype gives.")
    if strip.dtype != np.uint8:
        values = values.clip(0, 1) * 255
    if step > 1:
        values = _means(values, step)
    if values.shape[-1] == 4:
        alpha = values[..., 3:] / 255
        values = values[..., :3] * alpha + 255 * (1 - alpha)
    bytes_ = values.round().astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(bytes_, (*bytes_.shape[:2], 3)))


def _means(values: Any, step: int) -> Any:
    import numpy as np

    down = np.add.reduceat(values, range(0, values.shape[0], step), axis=0)
    both = np.add.reduceat(down, range(0, values.shape[1], step), axis=1)
    high = np.diff([*range(0, values.shape[0], step), values.shape[0]])
    wide = np.diff([*range(0, values.shape[1], step), values.shape[1]])
    return both / (high[:, None, None] * wide[None, :, None]).astype(np.float32)


def _numbers(array: Any) -> Any:
    """bfloat16 is not known to numpy."""
    return array.float() if str(getattr(array, "dtype", "")) == "torch.bfloat16" else array


def _check_sides(height: int, width: int, name: str) -> None:
    if min(height, width) < _LEAST_SIDE:
        raise ScorerError(f"{name}: {width} × {height} pixels show nothing that could be scored.")


def whole(pictures: Iterable[Picture]) -> tuple[list[Pixels], list[int]]:
    """The pixels of those that are fine, and the place of each in the whole."""
    found = [(each.pixels, place) for place, each in enumerate(pictures) if each.pixels is not None]
    return [pixels for pixels, _ in found], [place for _, place in found]
