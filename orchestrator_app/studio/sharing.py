"""What a person takes along of a result: the infotext, workflows for ComfyUI, the template as a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from orchestrator_app.exporting import SETTINGS, OwnGraph, export, template_file
from orchestrator_core.errors import FormatError
from orchestrator_core.formats.infotext import format_infotext
from orchestrator_core.formats.sharing import share_run
from orchestrator_core.request import GenerationRequest, notes_for
from orchestrator_core.run import Run


@dataclass(frozen=True, slots=True)
class File:
    """A file to take along. ``notes`` say what was left out of it, and what to know before it is given away."""

    name: str
    text: str
    notes: tuple[str, ...] = ()


def infotext(run: Run, request: GenerationRequest) -> str:
    return format_infotext(request, notes_for(run.id, run.draft))


def workflow(run: Run, request: GenerationRequest) -> File:
    """A canvas workflow that renders this very prompt, with the run's id."""
    found = export(run, request, OwnGraph())
    if found.workflow is None:
        raise FormatError(found.problem)
    return File(f"{run.id}.json", json.dumps(found.workflow, indent=1))


def live(run: Run, request: GenerationRequest) -> File:
    """A workflow for others that draws anew, with our nodes."""
    found = share_run(run, request, "live")
    return File("template-live.json", found.text, (*found.taken_out, *found.warnings))


def stock(run: Run, request: GenerationRequest) -> File:
    """A workflow for others with the prompt as it was drawn, in ComfyUI's own nodes alone."""
    found = share_run(run, request, "stock")
    return File("template-stock.json", found.text, (*found.taken_out, *found.warnings))


def template(run: Run, request: GenerationRequest) -> File:
    """A template file (YAML) that draws anew: ``orchestrator run`` and the batch page read it."""
    settings = {name: value for name in SETTINGS if (value := getattr(request, name)) != ""}
    return File("template.yaml", template_file(run.draft, settings))


# What the buttons say, and what each gives. All raise FormatError for what cannot be expressed.
FILES: Mapping[str, tuple[str, Callable[[Run, GenerationRequest], File]]] = {
    "workflow": ("ComfyUI workflow", workflow),
    "live": ("Share: draws anew", live),
    "stock": ("Share: this prompt", stock),
    "template": ("Template file", template),
}
