"""The pipelines that come with the pack, as files that can be copied and changed."""

from __future__ import annotations

from pathlib import Path

from orchestrator_core.errors import PipelineError
from orchestrator_core.formats.json_text import read_json_file
from orchestrator_core.spec import PipelineSpec, near, pipeline_from


def bundled_files() -> dict[str, Path]:
    """By name; ``quick`` is first, the one to begin with."""
    found = sorted((Path(__file__).resolve().parent / "examples").glob("*.json"))
    return {path.stem: path for path in sorted(found, key=lambda path: path.stem != "quick")}


def bundled_pipeline(name: str) -> PipelineSpec:
    """Raises PipelineError where there is none of this name."""
    files = bundled_files()
    if name not in files:
        raise PipelineError(f"There is no bundled pipeline {name!r}{near(name, files)}")
    return pipeline_from(read_json_file(files[name]))
