"""An image as a workflow for ComfyUI's canvas: the one that lies in its file, or one made of what is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from orchestrator_core.errors import FormatError, GalleryError
from orchestrator_core.formats.comfy_graph import text_to_image_graph
from orchestrator_core.formats.comfy_workflow import workflow_from_graph
from orchestrator_core.formats.pipeline_workflow import workflow_of
from orchestrator_core.formats.sharing_nodes import OUR_NODES, WILDCARD_PROMPT
from orchestrator_core.formats.sharing_run import live_graph, set_control
from orchestrator_core.gallery.image_runs import run_of_image, stored_run
from orchestrator_core.gallery.reading import read_facts
from orchestrator_core.pipeline.registry import checked
from orchestrator_core.prompt import Origin
from orchestrator_core.request import GenerationRequest
from orchestrator_core.run import Run
from orchestrator_core.spec import PipelineSpec

if TYPE_CHECKING:
    from orchestrator_core.formats.image_metadata import ImageMetadata
    from orchestrator_core.gallery.image_runs import Drawing
    from orchestrator_core.gallery.model import GalleryImage
    from orchestrator_core.gallery.service import Gallery

Source = Literal["image", "run"]
MOST_NODES = 5_000  # of a graph that is laid out: ten times as many take minutes
MOST_LORAS = 200
_LATER = (Origin.llm, Origin.memory, Origin.trigger_words, Origin.user)
_FIXED = "The prompt is fixed in its node, as it was changed after it was drawn: set the node to populate to draw anew."


@dataclass(frozen=True, slots=True)
class FoundWorkflow:
    """``workflow``: None where nothing says enough; ``told`` says why, or what it does not do, a sentence each."""

    workflow: dict[str, Any] | None
    source: Source
    told: tuple[str, ...] = ()


def workflow_of_image(gallery: Gallery, image: GalleryImage, drawing: Drawing) -> FoundWorkflow:
    """The file's own, then that of its graph, of the run in the store, and of its settings."""
    told: list[str] = []
    metadata = _metadata(gallery, image)
    own = _own(metadata, told) if metadata is not None else None
    if own is not None:
        return FoundWorkflow(own, "image", tuple(told))
    run = stored_run(gallery, image)
    try:
        if run is not None:
            made = _of_run(run, told)
            return FoundWorkflow(made, "run", tuple(told))
        made = _of_settings(run_of_image(gallery, image, drawing).shown.request, told)
        return FoundWorkflow(made, "image", tuple(told))
    except (GalleryError, FormatError) as error:
        return FoundWorkflow(None, "image" if run is None else "run", (*told, str(error)))


def _metadata(gallery: Gallery, image: GalleryImage) -> ImageMetadata | None:
    try:
        return read_facts(gallery.file_of(image.id)).metadata
    except (GalleryError, FileNotFoundError):
        return None


def _own(metadata: ImageMetadata, told: list[str]) -> dict[str, Any] | None:
    if metadata.workflow is not None:
        if isinstance(metadata.workflow.get("nodes"), list):
            return dict(metadata.workflow)
        told.append("The workflow in the image is none: it has no nodes.")
    if metadata.graph is None:
        return None
    if len(metadata.graph) > MOST_NODES:
        told.append(
            f"The graph in the image has {len(metadata.graph):,} nodes; more than {MOST_NODES:,} are not laid out."
        )
        return None
    try:
        made = workflow_from_graph(metadata.graph, OUR_NODES)
    except FormatError as error:
        told.append(f"The graph in the image cannot be laid out here: {error}")
        return None
    told.append("Laid out anew: the image has its graph, but not where its nodes were.")
    return made


def _of_run(run: Run, told: list[str]) -> dict[str, Any]:
    """With a Wildcard Prompt that says the same; where more was done to the words than a draw, they are fixed there."""
    request = run.images[0].request
    graph, warnings = live_graph(text_to_image_graph(request), run, request)
    told += warnings
    is_changed = any(part.origin in _LATER for part in run.draft.components)
    for node in graph.values():
        if node["class_type"] == WILDCARD_PROMPT and is_changed and run.draft.source.template:
            node["inputs"]["mode"] = "fixed"
            told.append(_FIXED)
    workflow = workflow_from_graph(graph, OUR_NODES)
    for node in workflow["nodes"]:
        if node["type"] == WILDCARD_PROMPT:
            set_control(node, "fixed")
    return workflow


def _of_settings(request: GenerationRequest, told: list[str]) -> dict[str, Any]:
    """An ordinary text-to-image graph. Raises GalleryError."""
    if len(request.loras) > MOST_LORAS:
        raise GalleryError(f"The image says that it has {len(request.loras):,} LoRAs, which no workflow holds.")
    told.append("Made of the settings that the image tells of: prompt, LoRAs, size, sampler and model.")
    if not request.checkpoint:
        told.append("The image does not say which model made it: choose one in the workflow.")
    return workflow_from_graph(text_to_image_graph(request))


def workflow_of_pipeline(pipeline: PipelineSpec, object_info: Mapping[str, Any] | None = None) -> FoundWorkflow:
    """Raises PipelineError for one that cannot run, or that a canvas has no beginning for."""
    found = workflow_of(checked(pipeline), object_info)
    return FoundWorkflow(found.workflow, "run", found.told)
