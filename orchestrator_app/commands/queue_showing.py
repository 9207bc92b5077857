"""How ``orchestrator queue`` shows jobs, to people and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from orchestrator_app.console import heading, remark, say, table

if TYPE_CHECKING:
    from orchestrator_core.jobs.model import Job, QueueState
    from orchestrator_core.jobs.queue import Queue

SCHEMA_VERSION = 1
_LONGEST = 60  # characters of an error in a list


def job_json(job: Job) -> dict[str, Any]:
    """All of it, with times as people write them."""
    data = asdict(job) if job.pipeline is None else asdict_of(job)
    times = {name: _time(data.pop(f"{name}_ms")) for name in ("created", "started", "ended")}
    return {"schema_version": SCHEMA_VERSION} | data | times


def asdict_of(job: Job) -> dict[str, Any]:
    from dataclasses import replace

    pipeline = job.pipeline.model_dump(mode="json") if job.pipeline is not None else None
    return asdict(replace(job, pipeline=None)) | {"pipeline": pipeline}


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000).astimezone().isoformat(timespec="seconds") if ms else ""


def show_jobs(jobs: Sequence[Job], state: QueueState) -> None:
    if jobs:
        table(("job", "state", "prio", "target", "title", ""), [_row(job) for job in jobs], right=(0, 2), wraps=5)
    counts = ", ".join(f"{count:,} {name}" for name, count in state.counts.items() if count)
    remark(counts or "The queue is empty. Add to it with: orchestrator queue add TEMPLATE")
    if state.is_paused:
        remark("Paused" + (f": {state.reason}" if state.reason else "."))


def _row(job: Job) -> tuple[str, ...]:
    return str(job.number), _state(job), str(job.priority or ""), _line(job.target), _line(job.title), _what(job)


def _line(text: str) -> str:
    """In one: a title of two would look like another job."""
    return " ".join(text.split())


def _state(job: Job) -> str:
    return "stopping" if job.is_stopping else job.state


def _what(job: Job) -> str:
    if job.state == "running":
        step, steps = job.progress.get("step"), job.progress.get("steps")
        return f"{job.stage} {step}/{steps}" if steps else job.stage
    said = f"{job.reason}: {job.error}" if job.reason and job.error else job.error or job.reason
    return said if len(said) <= _LONGEST else said[: _LONGEST - 1] + "…"


def show_job(queue: Queue, name: str, *, as_json: bool) -> None:
    job = queue.job(name)
    attempts, steps = queue.attempts(job.id), queue.steps(job.id)
    events = queue.events(job=job.id, limit=10_000)
    if as_json:
        more = {"attempts": attempts, "steps": steps, "events": events}
        listed = {key: [asdict(one) for one in found] for key, found in more.items()}  # type: ignore[attr-defined]
        say(json.dumps(job_json(job) | listed, ensure_ascii=False))
        return
    heading(f"job {job.number}  {_line(job.title)}")
    say(f"{_state(job)}" + (f" ({job.reason})" if job.reason else "") + f", attempt {job.attempt}, run {job.run_id}")
    if job.error:
        say(job.error)
    if steps:
        say()
        rows = [(step.stage, step.type, _outcome(step.state, step.outcome), f"{step.seconds:.1f} s") for step in steps]
        table(("stage", "type", "", ""), rows, right=(3,))
    if len(attempts) > 1:
        say()
        tried = [(str(one.number), one.state, one.repeats, one.error) for one in attempts]
        table(("attempt", "", "repeats", ""), tried, right=(0,), wraps=3)
    _show_run(queue, job.run_id)
    say()
    table(("when", "what", ""), [(_time(one.at_ms), one.kind, one.text) for one in events], wraps=2)


def _show_run(queue: Queue, run_id: str) -> None:
    """Its prompt, as far as it is drawn, and where its images are."""
    from orchestrator_core.errors import StoreError

    try:
        run = queue.store.load_run(run_id)
    except StoreError:  # nothing is drawn yet
        return
    say()
    say(f"prompt: {run.draft.positive}")
    for image in run.images:
        say(f"image: {image.path}" + ("" if image.path.is_file() else " (is no longer there)"))


def _outcome(state: str, outcome: str) -> str:
    if state == "started":
        return "under way"
    return f"{outcome} before" if state == "kept" else outcome


def show_workers(queue: Queue) -> None:
    found = queue.workers()
    if not found:
        remark("Nobody works on the queue. Begin with: orchestrator worker --generator KIND=ADDRESS")
        return
    rows = [(one.id, ", ".join(one.serves) or "what renders nothing", _time(one.seen_ms)) for one in found]
    table(("worker", "serves", "seen"), rows)
