"""ROUTES: all that can be asked, below ``/orchestrator/v1``. docs/api.md and docs/openapi.json describe it."""

from __future__ import annotations

from orchestrator_core.api import about, drawing, events, images, jobs, pipelines, profiles, queue
from orchestrator_core.api import image_models as shown
from orchestrator_core.api import job_models as asked
from orchestrator_core.api.image_bytes import IMAGE_BYTES
from orchestrator_core.api.models import Nothing
from orchestrator_core.api.outside import OUTSIDE
from orchestrator_core.api.routes_gallery import GALLERY
from orchestrator_core.api.routes_pictures import BUILDER, PICTURES
from orchestrator_core.api.routing import LARGE, Route
from orchestrator_core.api.session import SESSION

_MIDDLE = 1 << 20  # bytes of a body
_JOB, _IMAGE, _PIPELINE = "/jobs/{job}", "/images/{image}", "/pipelines/{pipeline}"

_JOBS = (
    Route(
        "POST",
        "/jobs",
        jobs.create,
        asked.JobsAdded,
        "Add a job, or several",
        body=asked.JobsAsked,
        most=LARGE,
        creates=True,
    ),
    Route("GET", "/jobs", jobs.listed, asked.JobList, "List jobs", query=asked.JobsWanted),
    Route("GET", _JOB, jobs.one, asked.JobWhole, "All that is known of a job"),
    Route(
        "GET",
        f"{_JOB}/events",
        events.of_job,
        None,
        "What happens to a job, until it has ended",
        query=events.EventsWanted,
        content_type=events.SSE,
    ),
    Route(
        "POST",
        f"{_JOB}/cancel",
        jobs.changing(lambda queue, job, _: queue.cancel(job)),
        asked.JobShown,
        "It never runs; one that runs is stopped, at its host too",
        body=Nothing,
    ),
    Route(
        "POST",
        f"{_JOB}/hold",
        jobs.changing(lambda queue, job, _: queue.hold(job)),
        asked.JobShown,
        "It waits until it is retried",
        body=Nothing,
    ),
    Route(
        "POST",
        f"{_JOB}/retry",
        jobs.changing(lambda queue, job, _: queue.retry(job)),
        asked.JobShown,
        "It goes on after the last stage that it finished",
        body=Nothing,
    ),
    Route(
        "POST",
        f"{_JOB}/requeue",
        jobs.changing(lambda queue, job, _: queue.requeue(job)),
        asked.JobShown,
        "It runs from its first stage, as another run, behind all others",
        body=Nothing,
    ),
    Route(
        "POST",
        f"{_JOB}/rerun",
        jobs.rerun,
        asked.JobShown,
        "It runs again from a stage, with what the ones before it left",
        body=asked.RerunAsked,
        most=_MIDDLE,
    ),
    Route(
        "POST",
        f"{_JOB}/priority",
        jobs.changing(lambda queue, job, asked: queue.prioritise(job, asked.priority)),
        asked.JobShown,
        "Sooner or later than others",
        body=asked.PriorityAsked,
    ),
    Route(
        "POST",
        f"{_JOB}/move",
        jobs.changing(jobs.move),
        asked.JobShown,
        "Elsewhere in the order",
        body=asked.MoveAsked,
    ),
)
_QUEUE = (
    Route("GET", "/queue", queue.shown, queue.QueueShown, "The queue as a whole, and who works on it"),
    Route(
        "POST", "/queue/pause", queue.pause, queue.QueueShown, "No job begins any more, anywhere", body=queue.PauseAsked
    ),
    Route("POST", "/queue/resume", queue.resume, queue.QueueShown, "Jobs begin again", body=Nothing),
    Route(
        "GET",
        "/events",
        events.of_all,
        None,
        "What happens to all jobs",
        query=events.EventsWanted,
        content_type=events.SSE,
    ),
)
_PROMPTS = (
    Route(
        "POST",
        "/prompts:draw",
        drawing.draw,
        drawing.Drawn,
        "Draw prompts, with the origin of every word",
        body=drawing.DrawAsked,
        most=_MIDDLE,
    ),
    Route(
        "POST",
        "/loras:select",
        drawing.select,
        drawing.Selected,
        "The LoRAs that fit a prompt, and why",
        body=drawing.SelectAsked,
        most=_MIDDLE,
    ),
)
_IMAGES = (
    Route("GET", "/images", images.listed, shown.ImageList, "Images, newest first", query=shown.ImagesWanted),
    Route("GET", _IMAGE, images.one, shown.ImageShown, "One image, with its prompt, scores and marks"),
    Route("GET", f"{_IMAGE}/file", images.file, None, "Its bytes", content_type="image/png"),
    Route(
        "PUT",
        f"{_IMAGE}/marks",
        images.mark,
        shown.Marked,
        "Say of it what you think; learning hears it",
        body=shown.MarksAsked,
    ),
)
_PROFILES = (
    Route("GET", "/profiles", profiles.listed, profiles.ProfileList, "List profiles", query=profiles.ProfilesWanted),
    Route("GET", "/profiles/{profile*}", profiles.one, profiles.ProfileShown, "One, with what it inherits"),
)
_PIPELINES = (
    Route("GET", "/pipelines", pipelines.listed, pipelines.PipelineList, "Bundled pipelines and your own"),
    Route("GET", _PIPELINE, pipelines.one, pipelines.PipelineShown, "One, as a file has it"),
    Route(
        "PUT",
        _PIPELINE,
        pipelines.put,
        pipelines.PipelineShown,
        "Save one of your own",
        body=pipelines.PipelineAsked,
        most=_MIDDLE,
        creates=True,
    ),
    Route("DELETE", _PIPELINE, pipelines.delete, pipelines.PipelineList, "Take one of your own away"),
    Route(
        "POST",
        "/pipelines:check",
        pipelines.check,
        pipelines.Checked,
        "Whether one can run",
        body=pipelines.PipelineAsked,
        most=_MIDDLE,
    ),
    Route(
        "POST",
        "/pipelines:plan",
        pipelines.plan,
        pipelines.Plan,
        "What one would do; no model is asked",
        body=pipelines.PlanAsked,
        most=_MIDDLE,
    ),
)
_ABOUT = (
    Route("GET", "/health", about.health, about.Health, "Whether it works"),
    Route("GET", "/openapi.json", about.openapi, None, "This description", content_type="application/json"),
)
ROUTES: tuple[Route, ...] = (
    _JOBS
    + _QUEUE
    + _PROMPTS
    + _IMAGES
    + GALLERY
    + PICTURES
    + OUTSIDE
    + IMAGE_BYTES
    + _PROFILES
    + _PIPELINES
    + BUILDER
    + SESSION
    + _ABOUT
)
