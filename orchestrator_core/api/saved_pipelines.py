"""A person's own pipelines: JSON files of one folder, beside the bundled ones, which nobody changes."""

from __future__ import annotations

import json
import os
import re
import tempfile
from contextlib import suppress
from pathlib import Path

from orchestrator_core.errors import FormatError, PipelineError
from orchestrator_core.formats.json_text import read_json_file
from orchestrator_core.pipeline.bundled import bundled_files
from orchestrator_core.spec import PipelineSpec, near, pipeline_from, pipeline_to_json

NAME = r"[A-Za-z0-9][A-Za-z0-9 _\-]{0,79}"
MOST_FILES = 1_000
# What Windows takes for devices, whatever follows a dot.
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)", re.IGNORECASE)


def checked_name(name: str) -> str:
    """Raises PipelineError for what no file of ours is called."""
    if not re.fullmatch(NAME, name) or name.endswith(" ") or _DEVICES.fullmatch(name):
        raise PipelineError(
            f"{name[:100]!r} is no name for a pipeline: up to 80 letters, digits, spaces, '-' and '_', "
            "beginning with a letter or a digit."
        )
    return name


def own_files(folder: Path) -> dict[str, Path]:
    """By name, in its order."""
    try:
        found = sorted(path for path in folder.iterdir() if path.suffix == ".json" and not path.name.startswith("."))
    except OSError:  # nobody has saved any
        return {}
    return {path.stem: path for path in found[:MOST_FILES]}


def all_files(folder: Path) -> dict[str, Path]:
    """Bundled ones first."""
    return bundled_files() | {name: path for name, path in own_files(folder).items() if name not in bundled_files()}


def read_saved(folder: Path, name: str) -> PipelineSpec:
    """Raises PipelineError where there is none of this name, or its file is damaged."""
    files = all_files(folder)
    if name not in files:
        raise PipelineError(f"There is no pipeline {name[:100]!r}{near(name[:100], files)}")
    return read_file(files[name])


def read_file(path: Path) -> PipelineSpec:
    """Raises PipelineError, which names the file."""
    try:
        return pipeline_from(read_json_file(path))
    except (FormatError, PipelineError) as error:
        raise PipelineError(f"{path.name}: {error}") from None


def save(folder: Path, name: str, pipeline: PipelineSpec) -> bool:
    """In one step; whether it is new. Raises PipelineError, OSError."""
    path = folder / f"{checked_name(name)}.json"
    text = json.dumps(pipeline_to_json(pipeline), ensure_ascii=False, indent=2) + "\n"
    folder.mkdir(parents=True, exist_ok=True)
    is_new = not path.exists()
    handle, temporary = tempfile.mkstemp(prefix=f".{name}-", suffix=".tmp", dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode("utf-8", "replace"))
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except OSError:
        with suppress(OSError):
            Path(temporary).unlink()
        raise
    return is_new
