"""TOOLS: what the MCP server offers, each by one route of the API. docs/mcp.md lists them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from orchestrator_app import mcp_models as asked
from orchestrator_core.api.drawing import SelectAsked
from orchestrator_core.api.job_models import JobsAsked
from orchestrator_core.api.models import Nothing
from orchestrator_core.api.pipelines import PlanAsked
from orchestrator_core.api.profiles import ProfilesWanted
from orchestrator_core.api.queue import PauseAsked

INSTRUCTIONS = (
    "Orchestrator draws prompts from templates, renders them with ComfyUI or Forge by a queue of jobs that survives "
    "crashes, and knows where every word of a prompt came from. Draw first (draw_prompts), look at what a pipeline "
    "would do (plan_pipeline), then add jobs: the least is a pipeline such as "
    '[{"id": "draw", "type": "generatePrompt", "options": {"template": "a {fox|owl}"}}, {"id": "render", "type": '
    '"dispatch"}]. Jobs run while a worker runs; get_queue says whether one does.'
)
# What only the MCP server knows of, and the API is not asked with.
OWN = frozenset({"with_origins", "thumbnails", "thumbnail", "seconds"})


@dataclass(frozen=True, slots=True)
class Tool:
    """``path`` has the names of ``asked`` in braces; the rest of it is the query of a GET, or the body."""

    name: str
    title: str
    description: str
    method: str
    path: str
    asked: type[BaseModel]
    reads_only: bool = False
    destroys: bool = False
    repeats: bool = True  # asked twice, nothing happens the second time

    @property
    def schema(self) -> dict[str, Any]:
        found = self.asked.model_json_schema()
        return {
            "type": "object",
            **{name: value for name, value in found.items() if name not in ("title", "description")},
        }

    @property
    def hints(self) -> dict[str, Any]:
        hints: dict[str, Any] = {"title": self.title, "readOnlyHint": self.reads_only, "openWorldHint": False}
        return hints if self.reads_only else {**hints, "destructiveHint": self.destroys, "idempotentHint": self.repeats}


def _reading(name: str, title: str, description: str, path: str, asked_with: type[BaseModel]) -> Tool:
    return Tool(name, title, description, "GET", path, asked_with, reads_only=True)


_ALL = (
    Tool(
        "draw_prompts",
        "Draw prompts",
        "Draw prompts from a template with wildcards and variants: 'a __colors/warm__ {fox|owl}'. Renders nothing.",
        "POST",
        "/prompts:draw",
        asked.DrawPrompts,
        reads_only=True,
    ),
    Tool(
        "select_loras",
        "Choose LoRAs",
        "The LoRAs of the library that fit a prompt, with their strengths, trigger words and the reasons.",
        "POST",
        "/loras:select",
        SelectAsked,
        reads_only=True,
    ),
    _reading("list_pipelines", "List pipelines", "Bundled pipelines and the person's own.", "/pipelines", Nothing),
    Tool(
        "plan_pipeline",
        "Plan a pipeline",
        "What a pipeline would do, item by item: prompts, seeds, LoRAs, requests. Asks no model and renders nothing.",
        "POST",
        "/pipelines:plan",
        PlanAsked,
        reads_only=True,
    ),
    _reading(
        "list_profiles",
        "List profiles",
        "Characters, settings, styles and genres that prompts can be drawn with.",
        "/profiles",
        ProfilesWanted,
    ),
    Tool(
        "add_jobs",
        "Add jobs",
        "Add jobs to the queue; a pipeline with a batch becomes a job for each of its items. Give each a key, so that "
        "asking again adds nothing twice.",
        "POST",
        "/jobs",
        JobsAsked,
        repeats=False,
    ),
    _reading(
        "list_jobs", "List jobs", "Jobs of the queue, and how many there are in each state.", "/jobs", asked.ListJobs
    ),
    _reading(
        "get_job",
        "Look at a job",
        "All that is known of a job: state, error, stages, images.",
        "/jobs/{job}",
        asked.GetJob,
    ),
    _reading(
        "wait_for_job",
        "Wait for a job",
        "Wait until a job is done, failed, cancelled or held, for at most so many seconds; then as get_job.",
        "/jobs/{job}",
        asked.WaitForJob,
    ),
    Tool(
        "cancel_job",
        "Cancel a job",
        "A waiting job never runs; one that runs is stopped, at its host too.",
        "POST",
        "/jobs/{job}/cancel",
        asked.NamedJob,
        destroys=True,
    ),
    Tool(
        "retry_job",
        "Retry a job",
        "A held, failed or cancelled job waits again, and goes on after the last stage that it finished.",
        "POST",
        "/jobs/{job}/retry",
        asked.NamedJob,
        repeats=False,
    ),
    _reading(
        "get_queue", "Look at the queue", "Whether it goes on, how much is in it, who works on it.", "/queue", Nothing
    ),
    Tool(
        "pause_queue",
        "Pause the queue",
        "No job begins any more, on any machine; those that run go on.",
        "POST",
        "/queue/pause",
        PauseAsked,
    ),
    Tool("resume_queue", "Resume the queue", "Jobs begin again.", "POST", "/queue/resume", Nothing),
    _reading(
        "search_images",
        "Search images",
        "Images that were rendered, newest first, with prompt, seed, LoRAs, scores and marks; of a text, those whose "
        "prompt or template has it.",
        "/images",
        asked.SearchImages,
    ),
    _reading("view_image", "Look at an image", "One image, with all that made it.", "/images/{image}", asked.ViewImage),
    Tool(
        "mark_image",
        "Mark an image",
        "Say of an image what the person thinks: favourite, reject, stars. It replaces its marks, and learning hears "
        "it, so mark only what the person said.",
        "PUT",
        "/images/{image}/marks",
        asked.MarkImage,
        destroys=True,
    ),
)
TOOLS: Mapping[str, Tool] = {tool.name: tool for tool in _ALL}
