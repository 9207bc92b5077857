"""From drawn prompts to jobs of the queue: each goes along as it was drawn, so that its image is of that very prompt.

What is known of it by now, the story, the enhancing, the LoRAs, is in it as the page shows it. Where a language model
is still to be asked, which takes its time, the job asks: then those are stages of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from orchestrator_app.studio.html import number
from orchestrator_app.studio.job import Task
from orchestrator_app.studio.preparing import LeftOut, accepted_draft
from orchestrator_app.studio.scorers import score_options
from orchestrator_core.formats.run_json import run_to_json
from orchestrator_core.jobs.model import NewJob
from orchestrator_core.run import Run
from orchestrator_core.spec import PipelineSpec, StageSpec

if TYPE_CHECKING:
    from pydantic import BaseModel

    from orchestrator_app.studio.live import LiveEnvironment
    from orchestrator_app.studio.pages.generate_elements import Rendering
    from orchestrator_core.jobs.place import QueuePlace
    from orchestrator_core.jobs.queue import Added

_TITLE = 200  # characters of the prompt
RENDERED_ONCE = "What is queued is rendered once each: to try again until one is right is Generate's alone."
NOBODY = "Nobody works on the queue now; the page Queue says why."


def jobs_of(
    live: LiveEnvironment, tasks: Iterable[Task], wanted: Rendering, left_out: LeftOut | None = None
) -> list[NewJob]:
    """Raises OrchestratorError for what cannot be, as a search for LoRAs that cannot be read."""
    preparer, choose = live.preparer(wanted.wishes), live.choose(wanted.loras)
    found: list[NewJob] = []
    for task in tasks:
        checkpoint = task.options.checkpoint
        prepared = preparer.known(task.run.draft, task.target.base_model(checkpoint))
        if prepared.waits:
            found.append(_job(task, task.run, [*_still_to_do(wanted), *_rendering(live, task)]))
            continue
        draft = accepted_draft(prepared, left_out or {})
        draft = draft if choose is None else choose(draft, task.target.name, checkpoint)
        found.append(_job(task, task.run.replacing(draft=draft), _rendering(live, task)))
    return found


def _job(task: Task, run: Run, stages: Sequence[StageSpec]) -> NewJob:
    return NewJob(
        pipeline=PipelineSpec(stages=tuple(stages)),
        run=run_to_json(run),
        target=task.target.name.lower(),
        title=" ".join(run.draft.positive.split())[:_TITLE],
    )


def _still_to_do(wanted: Rendering) -> list[StageSpec]:
    """In the order of a page's job: the story, the enhancing, the LoRAs."""
    wishes = wanted.wishes
    stages = [_stage("story", "followStory", wishes.story)] if wishes.tells else []
    stages += [_stage("enhance", "llmEnhance", wishes.enhance)] if wishes.enhance is not None else []
    stages += [_stage("loras", "selectLoras", wanted.loras.options)] if wanted.loras.is_on else []
    return stages


def _rendering(live: LiveEnvironment, task: Task) -> list[StageSpec]:
    stages = [_stage("render", "dispatch", task.options)]
    settings = live.settings
    if settings.score_images and live.environment.scoring is not None:
        # An image is an image, where nothing can look at it, too.
        stages.append(_stage("score", "scoreImages", score_options(settings), on_error="skip"))
    return stages


def _stage(stage_id: str, kind: str, options: BaseModel, **more: Any) -> StageSpec:
    return StageSpec(id=stage_id, type=kind, options=options.model_dump(mode="json", exclude_defaults=True), **more)


def add(place: QueuePlace, jobs: Sequence[NewJob]) -> str:
    """Adds them and has whoever works here begin; what a person is told. Raises OrchestratorError."""
    queue = place.open()
    added = queue.add_all(jobs)
    doing = place.ensure_worker().doing
    is_nobody = doing not in ("starting", "working") and not queue.workers()
    paused = "The queue is paused." if queue.state().is_paused else NOBODY if is_nobody else ""
    return " ".join(filter(None, (_added_said(added), paused)))


def _added_said(added: Sequence[Added]) -> str:
    numbers = [one.job.number for one in added]
    if not numbers:
        return "There is nothing to add."
    which = f"{numbers[0]:,}" if len(numbers) == 1 else f"{numbers[0]:,} to {numbers[-1]:,}"
    return f"{number(len(numbers), 'job')} added to the queue: {which}."
