"""What becomes of jobs, in words for a person: states, reasons and what to do, the history, times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from orchestrator_core.jobs.model import (
    BY_HAND,
    CRASHED,
    INTERRUPTED,
    MEMORY,
    MISSING,
    Attempt,
    Event,
    Job,
    State,
    Step,
    WorkerInfo,
)

# What may be asked of a job in each state; ``queue_acting`` does it.
ACTIONS: Mapping[State, tuple[str, ...]] = {
    "running": ("cancel",),
    "waiting": ("top", "up", "down", "end", "hold", "cancel"),
    "held": ("retry", "requeue", "cancel"),
    "failed": ("retry", "requeue"),
    "done": ("requeue",),
    "cancelled": ("retry", "requeue"),
}
# What an action is called, and what it does.
SAID: Mapping[str, tuple[str, str]] = {
    "top": ("To the top", "The next to begin, whatever the priorities are."),
    "up": ("Up", "One place sooner."),
    "down": ("Down", "One place later."),
    "end": ("To the end", "Behind all others."),
    "hold": ("Hold", "It waits until you retry it."),
    "cancel": ("Cancel", "It never runs; one that runs is stopped, at its host too."),
    "retry": ("Retry", "It waits again, and goes on after the last stage that it finished."),
    "requeue": ("Run anew", "Once more from its first stage, as another run, behind all others."),
}
_TO_DO = {
    MEMORY: "Free memory on the host, or ask for fewer or smaller images. Then retry it.",
    INTERRUPTED: "Its program ended while it rendered. Retry does that stage again.",
    CRASHED: "Its program ended more than once while it ran. Look at what it asks for before you retry it.",
    MISSING: "Put what is missing where it is named, or change the job. Then retry it.",
    BY_HAND: "Held by hand. Retry lets it go on.",
}
_HELD = {
    MEMORY: "out of memory",
    INTERRUPTED: "interrupted",
    CRASHED: "crashed",
    MISSING: "something is missing",
    BY_HAND: "held by hand",
}
_EVENTS = {
    "added": "Added",
    "begun": "Begun",
    "retried": "To go on",
    "requeued": "To run anew",
    "rerun": "To run again",
    "priority": "Another priority",
    "moved": "Moved",
    "lost": "Its worker ended",
    "waiting": "Put back",
    "paused": "Paused",
    "resumed": "Resumed",
}


def state_said(job: Job) -> str:
    """``out of memory``, ``stopping``, ``done``."""
    if job.is_stopping and job.state == "running":
        return "stopping"
    return _HELD.get(job.reason, job.reason or "held") if job.state == "held" else job.state


def to_do(job: Job) -> str:
    """What a person can do about a job that waits for one; "" where nothing is to be done."""
    if job.state == "held":
        if job.error.endswith("retry it."):  # the error says it already
            return ""
        return _TO_DO.get(job.reason, "Put that right, then retry it.")
    if job.state == "failed":
        return "Retry goes on after the last stage that it finished; Run anew begins at the first."
    return ""


def progress_said(job: Job) -> tuple[str, float]:
    """(``render: sampler 3/20``, how much of it from 0 to 1; 0 where that is not known)."""
    what = str(job.progress.get("what") or "")
    step, steps = _whole(job.progress.get("step")), _whole(job.progress.get("steps"))
    count = f"{step:,}/{steps:,}" if steps else ""
    said = " ".join(filter(None, (what, count)))
    stage = job.stage or "about to begin"
    return (f"{stage}: {said}" if said else stage), (min(1.0, step / steps) if steps else 0.0)


def _whole(value: object) -> int:
    return int(value) if isinstance(value, int | float) and 0 <= value < 1e12 else 0


def place_said(job: Job) -> str:
    """Where it renders and with what, and what else tells it apart: ``to forge · dream.safetensors · priority 2``."""
    parts = [f"to {job.target}" if job.target else "to whichever is free"] if job.needs_gpu else ["renders nothing"]
    parts += [job.checkpoint] if job.checkpoint else []
    parts += [f"priority {job.priority:+d}"] if job.priority else []
    parts += [f"attempt {job.attempt}"] if job.attempt > 1 else []
    return " · ".join([*parts, *(f"#{tag}" for tag in job.tags)])


def when_said(job: Job) -> str:
    """``14:03`` that it was added or began, or for what is over when and how long it took."""
    if job.state == "running":
        return f"since {clock(job.started_ms)}" if job.started_ms else ""
    if job.ended_ms:
        took = job.ended_ms - job.started_ms if job.started_ms and job.state == "done" else 0
        return " · ".join(filter(None, (duration(took), clock(job.ended_ms))))
    return f"added {clock(job.created_ms)}"


def duration(ms: int) -> str:
    """``4.2 s``, ``3:07 min``, ``2:05 h``; "" for none."""
    seconds = ms / 1000
    if seconds <= 0:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02d} min" if whole < 3600 else f"{whole // 3600}:{whole // 60 % 60:02d} h"


def clock(ms: int) -> str:
    """``14:03``, or with its day where that is not today."""
    if not ms:
        return ""
    try:
        then, now = datetime.fromtimestamp(ms / 1000).astimezone(), datetime.now().astimezone()
    except (OverflowError, ValueError, OSError):
        return ""
    return f"{then:%H:%M}" if then.date() == now.date() else f"{then:%d %b %H:%M}"


def event_said(event: Event) -> str:
    """``Begun: attempt 1 by host-12``."""
    kind = _EVENTS.get(event.kind, event.kind.capitalize())
    return f"{kind}: {event.text}" if event.text and event.text.casefold() != kind.casefold() else kind


def attempt_said(attempt: Attempt) -> str:
    again = f"does {attempt.repeats} again, which the one before had begun" if attempt.repeats else ""
    return "; ".join(filter(None, (attempt.state, again, attempt.error)))


def step_said(step: Step) -> str:
    if step.state == "started":
        return "under way"
    said = f"{step.outcome}, by an earlier attempt" if step.state == "kept" else step.outcome
    return f"{said}: {step.note}" if step.note else said


def workers_said(workers: Sequence[WorkerInfo]) -> str:
    """``2 programs work on the queue: studio-7 (comfyui, forge), box-4 (forge).``"""
    if not workers:
        return "Nobody works on the queue."
    each = ", ".join(f"{one.id.rpartition('-')[0] or one.id} ({_serves(one)})" for one in workers)
    return f"{'1 program works' if len(workers) == 1 else f'{len(workers)} programs work'} on the queue: {each}."


def _serves(worker: WorkerInfo) -> str:
    return ", ".join(worker.serves) or "what renders nothing"
