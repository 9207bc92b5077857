"""Small pictures for the grid, and how far each image is from its baseline. Without Pillow there are neither."""

from __future__ import annotations

import io
from pathlib import Path

from orchestrator_core.errors import FormatError
from orchestrator_core.formats.image_metadata import read_image, replace_file

SIZE = (384, 384)  # pixels: sharp in a cell of a dense screen
_COMPARED = (512, 512)  # an image that is larger is made smaller before it is compared


def is_whole(path: Path) -> bool:
    """Whether a finished image is there: not half of one, and nothing else."""
    try:
        read_image(path)
    except FormatError:
        return False
    return True


def make_thumbnail(image: Path, thumbnail: Path) -> None:
    """A small picture beside the image, where one can be made; one that is newer than its image is good already."""
    try:
        if thumbnail.exists() and thumbnail.stat().st_mtime_ns >= image.stat().st_mtime_ns:
            return
        data = small_picture(image, SIZE)
        if data:
            thumbnail.parent.mkdir(exist_ok=True)
            replace_file(thumbnail, data)
    except OSError:
        return  # the image itself is shown instead


def small_picture(image: Path, size: tuple[int, int]) -> bytes:
    """The image as a WebP of at most this size; empty where Pillow is not there, or cannot read it."""
    try:
        from PIL import Image

        with Image.open(image) as picture:
            small = picture.convert("RGB")
        small.thumbnail(size)
        out = io.BytesIO()
        small.save(out, "WEBP", quality=82)
    except Exception:  # noqa: BLE001 - the page goes on without it, whatever is wrong with an image
        return b""
    return out.getvalue()


def difference(image: Path, baseline: Path) -> float | None:
    """The mean absolute difference of all pixels and channels, in percent of the full range; None if unknown."""
    try:
        from PIL import Image, ImageChops, ImageStat

        with Image.open(image) as one, Image.open(baseline) as other:
            first, second = one.convert("RGB"), other.convert("RGB")
        first.thumbnail(_COMPARED)
        if first.size != second.size:
            second = second.resize(first.size)
        means = ImageStat.Stat(ImageChops.difference(first, second)).mean
    except Exception:  # noqa: BLE001 - as above: what cannot be compared has no figure
        return None
    return round(sum(means) / len(means) / 2.55, 2)
