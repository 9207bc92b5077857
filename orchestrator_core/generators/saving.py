"""Puts a finished image into its folder: what made it written inside, under a name that no other file has."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from orchestrator_core.errors import FormatError, RenderFailed
from orchestrator_core.formats.image_metadata import replace_file, with_metadata


def with_texts(data: bytes, texts: Mapping[str, str], name: str = "The image") -> bytes:
    """The image with these texts; with its parameters alone where it has no room for all; else as it is."""
    for attempt in (texts, {"parameters": texts["parameters"]}):  # a JPEG has no room for a workflow
        try:
            return with_metadata(data, attempt, name)
        except FormatError:
            continue
    return data  # an animation or a film, which has no place for texts


def save_image(folder: Path, run_id: str, data: bytes, suffix: str) -> Path:
    """Write under a name that is not taken: ``<run id>-001.png``. Raises RenderFailed where that cannot be."""
    stem = re.sub(r"[^\w-]", "_", run_id)[:80] or "image"
    suffix = suffix.lower() if re.fullmatch(r"\.\w{1,8}", suffix) else ".png"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        number = 1
        while (path := folder / f"{stem}-{number:03}{suffix}").exists():
            number += 1
        replace_file(path, data)
    except OSError as error:
        raise RenderFailed(f"The image cannot be saved in {folder}: {error.strerror or error}.") from None
    return path
