"""PICTURES: the routes for what can be done with a picture of the gallery, and for the builder of pipelines."""

from __future__ import annotations

from orchestrator_core.api import picture_doing as doing
from orchestrator_core.api import picture_groups as groups
from orchestrator_core.api import picture_models as shown
from orchestrator_core.api import pipelines, stages
from orchestrator_core.api.job_models import JobsAdded
from orchestrator_core.api.routing import Route

_IMAGE = "/gallery/images/{image}"
_MIDDLE = 1 << 20  # bytes of a body

PICTURES: tuple[Route, ...] = (
    Route("GET", f"{_IMAGE}/words", doing.words, shown.WordsShown, "Where each word of its prompt came from"),
    Route("GET", f"{_IMAGE}/taught", doing.taught, shown.TaughtAll, "What its marks changed of the odds"),
    Route("GET", f"{_IMAGE}/slots", doing.slots, shown.SlotList, "What of its prompt can be varied"),
    Route(
        "POST",
        f"{_IMAGE}/again",
        doing.again,
        JobsAdded,
        "Render it again, the same or with something else",
        body=shown.AgainAsked,
        creates=True,
    ),
    Route("GET", "/gallery/targets", doing.targets, shown.TargetList, "Where renderings can be sent to"),
    Route("GET", f"{_IMAGE}/workflow", doing.workflow, shown.WorkflowShown, "It as a workflow for ComfyUI"),
    Route("GET", "/gallery/stories", groups.stories, shown.StoryList, "Stories as film strips"),
    Route("GET", "/gallery/grids", groups.grids, shown.GridList, "LoRA tests"),
    Route("GET", "/gallery/grids/{grid}", groups.grid, shown.GridShown, "A LoRA test, the best row first"),
)
BUILDER: tuple[Route, ...] = (
    Route("GET", "/stages", stages.listed, stages.StageList, "The stages that a pipeline is made of"),
    Route(
        "POST",
        "/pipelines:workflow",
        stages.workflow,
        shown.PipelineWorkflow,
        "A pipeline as a workflow for ComfyUI",
        body=pipelines.PipelineAsked,
        most=_MIDDLE,
    ),
)
