"""What a person takes along of a result: the workflow for ComfyUI's canvas, the template, the infotext."""

from __future__ import annotations

import json

from orchestrator_app.exporting import SETTINGS, OwnGraph, export, template_file
from orchestrator_core.errors import FormatError
from orchestrator_core.formats.infotext import format_infotext
from orchestrator_core.request import GenerationRequest, notes_for
from orchestrator_core.run import Run


def infotext(run: Run, request: GenerationRequest) -> str:
    return format_infotext(request, notes_for(run.id, run.draft))


def workflow(run: Run, request: GenerationRequest) -> str:
    """A canvas workflow that renders this very prompt, as JSON. Raises FormatError."""
    found = export(run, request, OwnGraph())
    if found.workflow is None:
        raise FormatError(found.problem)
    return json.dumps(found.workflow, indent=1)


def template(run: Run, request: GenerationRequest) -> str:
    """A template file (YAML) that draws anew: ``orchestrator run`` and the batch page read it."""
    source = run.draft.source
    settings = {name: value for name in SETTINGS if (value := getattr(request, name)) != ""}
    return template_file(source.template or run.draft.positive, source.negative, source.dialect, settings)
