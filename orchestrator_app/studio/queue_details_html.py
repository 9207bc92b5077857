"""A job's details as HTML: what it asks for, its stages, attempts, images and history. Every text is escaped."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator_app.studio.html import escape, pressable
from orchestrator_app.studio.queue_html import DO, button_html, pictures_html, problem_html
from orchestrator_app.studio.queue_words import (
    ACTIONS,
    attempt_said,
    clock,
    duration,
    event_said,
    place_said,
    progress_said,
    state_said,
    step_said,
)
from orchestrator_core.errors import OrchestratorError
from orchestrator_core.jobs.model import Attempt, Event, Job, Step

if TYPE_CHECKING:
    from orchestrator_core.jobs.queue import Queue

_EVENTS = 200  # the newest
_LONGEST = 20_000  # characters of a pipeline, an error, a traceback


@dataclass(frozen=True, slots=True)
class JobDetails:
    """A job with all that is known of it."""

    job: Job
    attempts: Sequence[Attempt]
    steps: Sequence[Step]
    events: Sequence[Event]

    @property
    def stages(self) -> list[str]:
        """The ids of its stages, in the order in which they run."""
        return [stage.id for stage in self.job.pipeline.ordered] if self.job.pipeline else []

    @property
    def can_rerun(self) -> bool:
        return self.job.state not in ("waiting", "running")


def details_of(queue: Queue, number: int) -> JobDetails:
    """Raises JobError where it is gone, StoreError, PipelineError for one of a newer pack."""
    job = queue.job(number)
    events = queue.events(job=job.id, limit=10_000)
    return JobDetails(job, queue.attempts(job.id), queue.steps(job.id), events[-_EVENTS:])


def details_html(found: JobDetails, pictures: Sequence[bytes]) -> str:
    job = found.job
    parts = [
        f'<h3 class="orc-name">Job {job.number} <small dir="auto">{escape(job.title)}</small></h3>',
        f'<p class="orc-q-line"><span class="orc-q-state {job.state}">{escape(state_said(job))}</span>'
        f"<small>{escape(place_said(job))}</small></p>",
        _buttons(job),
        _problem(job),
        pictures_html(job, pictures),
        _prompt(found),
        _steps(found.steps),
        _attempts(found.attempts),
        _history(found.events),
        _pipeline(job),
    ]
    return f'<div class="orc-q-details">{"".join(parts)}</div>'


def _buttons(job: Job) -> str:
    buttons = "".join(button_html(action, job, named=True) for action in ACTIONS[job.state])
    return pressable(DO, buttons, "orc-q-buttons")


def _problem(job: Job) -> str:
    if job.state == "running":
        return f'<p class="orc-q-progress">{escape(progress_said(job)[0])}</p>'
    said = problem_html(job, _LONGEST) if job.error or job.state == "held" else ""
    return said + (_folded("Where in the program that was", _code(job.detail)) if job.detail else "")


def _prompt(found: JobDetails) -> str:
    """The prompt as it was last left, or as it is given."""
    left = next((step.run for step in reversed(found.steps) if step.run), None) or found.job.run
    positive, negative = _words(left)
    if not positive:
        return ""
    below = f'<p class="orc-words orc-negative" dir="auto"><b>negative</b> {escape(negative)}</p>' if negative else ""
    return f'<p class="orc-words" dir="auto">{escape(positive)}</p>{below}'


def _words(run: object) -> tuple[str, str]:
    from orchestrator_core.formats.run_json import run_from_json

    if not run:
        return "", ""
    try:
        draft = run_from_json(run).draft
    except OrchestratorError:  # of a newer pack: its worker will say so
        return "", ""
    return draft.positive, draft.negative_prompt


def _steps(steps: Sequence[Step]) -> str:
    rows = [(step.stage, step.type, step_said(step), duration(round(step.seconds * 1000))) for step in steps]
    return _table("Stages", rows)


def _attempts(attempts: Sequence[Attempt]) -> str:
    rows = [
        (str(one.number), one.worker.rpartition("-")[0] or one.worker, attempt_said(one), clock(one.started_ms))
        for one in attempts
    ]
    return _table("Attempts", rows)


def _history(events: Sequence[Event]) -> str:
    lines = "".join(f"<li><small>{clock(one.at_ms)}</small> {escape(event_said(one))}</li>" for one in reversed(events))
    return _folded(f"History ({len(events):,})", f'<ul class="orc-q-history">{lines}</ul>') if lines else ""


def _pipeline(job: Job) -> str:
    if job.pipeline is None:
        return ""
    data = job.pipeline.model_dump(mode="json", exclude_defaults=True)
    return _folded("The pipeline as JSON", _code(json.dumps(data, indent=2, ensure_ascii=False)))


def _table(title: str, rows: Sequence[tuple[str, ...]]) -> str:
    if not rows:
        return ""
    lines = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f'<h4>{title}</h4><div class="orc-values"><table>{lines}</table></div>'


def _folded(title: str, content: str) -> str:
    return f"<details><summary>{escape(title)}</summary>{content}</details>"


def _code(text: str) -> str:
    shown = text if len(text) <= _LONGEST else text[:_LONGEST] + "\n…"
    return f'<pre class="orc-q-code">{escape(shown)}</pre>'
