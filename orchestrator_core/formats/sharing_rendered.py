"""What was rendered before as a template: an image's or a run's own workflow where it is known, or else a plain one."""

from __future__ import annotations

from typing import Any, NamedTuple

from orchestrator_core.errors import FormatError
from orchestrator_core.formats.image_metadata import read_image
from orchestrator_core.formats.sharing import Host, Kind, Shared, share_run, share_workflow
from orchestrator_core.formats.sharing_nodes import WILDCARD_PROMPT
from orchestrator_core.request import GenerationRequest
from orchestrator_core.run import Run

PLAIN = "Its own graph cannot be laid out ({reason}) The template is a plain text-to-image workflow with its settings."


class Carried(NamedTuple):
    """The API graph and the canvas workflow that an image carries."""

    graph: dict[str, Any] | None = None
    workflow: dict[str, Any] | None = None


def carried_by(run: Run) -> Carried:
    """What the run's first image carries; nothing where there is none, or it is gone or no image."""
    if not run.images:
        return Carried()
    try:
        metadata = read_image(run.images[0].path)
    except FormatError:
        return Carried()
    graph, workflow = metadata.graph, metadata.workflow
    return Carried(None if graph is None else dict(graph), None if workflow is None else dict(workflow))


def share_rendered(run: Run, request: GenerationRequest, kind: Kind, carried: Carried, host: Host) -> Shared:
    """A template of what an image or a run was rendered from.

    A live one of a workflow without our nodes is a plain one that draws, where the template is known.
    """
    found = carried.workflow or carried.graph
    if found is None or (kind == "live" and not _draws(found) and run.draft.source.template):
        return share_run(run, request, kind, host=host)
    try:
        return share_workflow(found, kind, _name(run), carried.graph, host, request)
    except FormatError as error:
        shared = share_run(run, request, kind, host=host)
        return Shared(shared.template, shared.taken_out, (PLAIN.format(reason=error), *shared.warnings))


def _draws(found: dict[str, Any]) -> bool:
    """Has it a Wildcard Prompt, or our notes, by which it gets one?"""
    extra = found.get("extra")
    return WILDCARD_PROMPT in str(found) or (isinstance(extra, dict) and "orchestrator" in extra)


def _name(run: Run) -> str:
    return " ".join(run.draft.positive.split()[:8]).rstrip(",.;:")
