"""``orchestrator pipeline export`` and ``import``: a pipeline as a workflow for ComfyUI's canvas, and back."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from orchestrator_app.console import remark, say


def export(arguments: argparse.Namespace) -> int:
    """Writes the workflow, and says what it does not do."""
    from orchestrator_app.pipeline_asking import read_pipeline
    from orchestrator_core.formats.pipeline_workflow import workflow_of
    from orchestrator_core.pipeline.registry import checked

    pipeline = checked(read_pipeline(arguments.pipeline))
    if not pipeline.name:
        pipeline = pipeline.model_copy(update={"name": Path(arguments.pipeline).stem[:200]})
    found = workflow_of(pipeline, _described(arguments.object_info), arguments.checkpoint)
    _put(json.dumps(found.workflow, ensure_ascii=False, indent=1), arguments.workflow, force=arguments.force)
    for line in found.told:
        remark(line)
    return 0


def take_in(arguments: argparse.Namespace) -> int:
    """Prints the pipeline, and says what of the workflow is not in it."""
    from orchestrator_core.formats.json_text import read_json_file
    from orchestrator_core.formats.pipeline_reader import pipeline_of
    from orchestrator_core.pipeline.registry import checked
    from orchestrator_core.spec import pipeline_to_json

    path = Path(arguments.workflow)
    found = pipeline_of(read_json_file(path), _described(arguments.object_info), path.stem)
    say(json.dumps(pipeline_to_json(checked(found.pipeline)), ensure_ascii=False, indent=2))
    for line in found.told:
        remark(line)
    if found.kept:
        remark("As in the pipeline that it was made of, unseen on the canvas:")
    for line in found.kept:
        remark(f"    {line}")
    return 0


def _put(text: str, file: str, *, force: bool) -> None:
    """Raises ConfigError rather than replace a file, and OSError."""
    from orchestrator_core.errors import ConfigError
    from orchestrator_core.formats.image_metadata import replace_file

    if file == "-":
        say(text)
        return
    if Path(file).exists() and not force:
        raise ConfigError(f"{file} is there already. Give another name, or --force to replace it.")
    replace_file(Path(file), f"{text}\n".encode("utf-8", "replace"))
    remark(f"Wrote {file}")


def _described(file: str | None) -> dict[str, Any] | None:
    """A server's /object_info, which tells the widgets of nodes that we do not know."""
    from orchestrator_core.errors import FormatError
    from orchestrator_core.formats.json_text import read_json_file

    if file is None:
        return None
    found = read_json_file(Path(file))
    if not isinstance(found, dict):
        raise FormatError(f"{file} is no /object_info, which is an object of node classes.")
    return found
