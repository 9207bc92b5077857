"""What ``/orchestrator/queue…`` answers: the jobs as a page shows them, one in full, and what a person does to them.

As in routes_answers.py, each method takes what was asked, as JSON has it, and is called from several threads at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from orchestrator_core.errors import JobError, OrchestratorError

if TYPE_CHECKING:
    from orchestrator_core.jobs.model import Job, State
    from orchestrator_core.jobs.place import QueuePlace
    from orchestrator_core.jobs.queue import Queue

MOST = 200  # rows at once
_MOST_NAMED = 10_000  # jobs that one deed is done to
_TOLD = 3  # problems that are told at once
_ERROR = 500  # characters of an error in the list

# The parts of each view, one behind the other.
VIEWS: Mapping[str, Sequence[tuple[State, ...]]] = {
    "open": (("running",), ("waiting",), ("held",)),
    "ended": (("done", "failed", "cancelled"),),
    "done": (("done",),),
    "failed": (("failed",), ("held",)),
}
View = Literal["open", "ended", "done", "failed"]
Deed = Literal["cancel", "hold", "retry", "requeue", "top", "end"]
ViewOf = Callable[[Path], "Mapping[str, str] | None"]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _List(_Asked):
    view: View = "open"
    text: str = Field("", max_length=500)
    offset: int = Field(0, ge=0, le=2**53)
    limit: int = Field(60, ge=1, le=MOST)


class _One(_Asked):
    job: int = Field(ge=1, le=2**53)


class _Act(_Asked):
    """One deed to all these jobs; or ``before``: they come just before that one, in this order."""

    jobs: tuple[int, ...] = Field(min_length=1, max_length=_MOST_NAMED)
    deed: Deed | None = None
    before: int | None = None
    priority: int | None = Field(None, ge=-1_000_000, le=1_000_000)

    @model_validator(mode="after")
    def _is_one_thing(self) -> _Act:
        if sum(value is not None for value in (self.deed, self.before, self.priority)) != 1:
            raise ValueError("give one of deed, before and priority")
        return self


class _Rerun(_One):
    stage: str = Field(min_length=1, max_length=100)
    options: dict[str, Any] = Field(default_factory=dict)


class _Pause(_Asked):
    paused: bool


class QueueAnswers:
    """``view_of`` says how the browser gets an image."""

    def __init__(self, place: QueuePlace, view_of: ViewOf = lambda path: None) -> None:
        self._place, self._view_of = place, view_of

    def listed(self, query: dict[str, Any]) -> dict[str, Any]:
        """``rows`` of ``total``, with all that ``state`` says."""
        from orchestrator_core.store import jobs

        asked = _List.model_validate(query)
        queue = self._place.open()
        with queue.store.reading() as connection:
            counts = jobs.counts(connection, asked.text)
            rows = list(_part(connection, VIEWS[asked.view], counts, asked))
        total = sum(counts.get(state, 0) for states in VIEWS[asked.view] for state in states)
        images = self._images(queue, [job.run_id for job in rows if job.state == "done"])
        shown = [{**row_of(job), "images": images.get(job.run_id, [])[:1]} for job in rows]
        return {"rows": shown, "total": total, "offset": asked.offset, **self._state(queue)}

    def state(self, query: dict[str, Any]) -> dict[str, Any]:
        """What is asked for again and again: ``event`` is another number as soon as a list would show other jobs."""
        _Asked.model_validate(query)
        return self._state(self._place.open())

    def _state(self, queue: Queue) -> dict[str, Any]:
        from orchestrator_core.jobs.model import STATES, job_of
        from orchestrator_core.store import jobs

        with queue.store.reading() as connection:
            row, counts = jobs.queue_row(connection), jobs.counts(connection)
            running = [job_of(one) for one in jobs.page(connection, ["running"], MOST, 0)]
        here = self._place.state()
        return {
            "event": row["events"],
            "paused": bool(row["paused"]),
            "reason": row["reason"],
            "counts": {state: counts.get(state, 0) for state in STATES},
            "running": [row_of(job) for job in running],
            "worker": {
                "doing": here.doing,
                "why": here.why,
                "problems": [one.problem for one in here.lanes if one.problem],
            },
        }

    def job(self, query: dict[str, Any]) -> dict[str, Any]:
        """One in full: its stages with what became of them, its attempts, its history, its images."""
        number = _One.model_validate(query).job
        queue = self._place.open()
        job = queue.job(number)
        steps, attempts = queue.steps(job.id), queue.attempts(job.id)
        done = {step.stage: step for step in steps}
        stages = [
            {
                "id": stage.id,
                "type": stage.type,
                "outcome": _outcome(done.get(stage.id)),
                "note": done[stage.id].note if stage.id in done else "",
                "seconds": done[stage.id].seconds if stage.id in done else None,
            }
            for stage in (job.pipeline.ordered if job.pipeline else ())
        ]
        return {
            **row_of(job),
            "error": job.error,
            "detail": job.detail[-20_000:],
            "run_id": job.run_id,
            "positive": _positive(steps),
            "stages": stages,
            "attempts": [
                {"number": one.number, "state": one.state, "error": one.error, "repeats": one.repeats}
                for one in attempts
            ],
            "history": [
                {"at_ms": event.at_ms, "kind": event.kind, "text": event.text}
                for event in queue.events(job=job.id, limit=200)
            ],
            "images": self._images(queue, [job.run_id]).get(job.run_id, []),
        }

    def _images(self, queue: Queue, run_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
        """By run: the name of each, and how the browser gets it, where ComfyUI's own folder has it."""
        from sqlalchemy import select

        from orchestrator_core.store.schema import images

        found: dict[str, list[dict[str, Any]]] = {}
        if not run_ids:
            return found
        asked = select(images.c.run_id, images.c.path).where(images.c.run_id.in_(run_ids))
        with queue.store.reading() as connection:
            rows = connection.execute(asked.order_by(images.c.run_id, images.c.position)).all()
        for run_id, path in rows:
            found.setdefault(run_id, []).append({"name": Path(path).name, "view": self._view_of(Path(path))})
        return found

    # what a person does

    def act(self, body: dict[str, Any]) -> dict[str, Any]:
        """``problems``: why it could not be done to some; the others it was done to."""
        asked = _Act.model_validate(body)
        queue = self._place.open()
        done, problems = 0, []
        for number in _in_turn(asked):
            try:
                _do(queue, number, asked)
                done += 1
            except JobError as error:
                problems.append(str(error))
        if asked.deed in ("retry", "requeue"):
            self._place.ensure_worker()
        more = [f"… and {len(problems) - _TOLD} more"] if len(problems) > _TOLD else []
        return {"done": done, "problems": problems[:_TOLD] + more, **self._state(queue)}

    def rerun(self, body: dict[str, Any]) -> dict[str, Any]:
        """From this stage on, with these of its options changed, as another run."""
        asked = _Rerun.model_validate(body)
        queue = self._place.open()
        queue.rerun(asked.job, asked.stage, asked.options)
        self._place.ensure_worker()
        return self._state(queue)

    def pause(self, body: dict[str, Any]) -> dict[str, Any]:
        asked = _Pause.model_validate(body)
        queue = self._place.open()
        if asked.paused:
            queue.pause()
        else:
            queue.resume()
            with suppress(OrchestratorError):
                self._place.ensure_worker()
        return self._state(queue)


def row_of(job: Job) -> dict[str, Any]:
    """As the list shows it."""
    same = ("number", "state", "title", "target", "priority", "attempt", "stage", "reason", "checkpoint", "tags")
    times = ("created_ms", "started_ms", "ended_ms")
    return {
        **{name: getattr(job, name) for name in (*same, *times)},
        "error": job.error[:_ERROR],
        "progress": dict(job.progress),
        "is_stopping": job.is_stopping,
        "owner": job.owner,
        "images": [],
    }


def _part(
    connection: Any, parts: Sequence[tuple[State, ...]], counts: Mapping[str, int], asked: _List
) -> Iterable[Job]:
    """The rows from ``offset`` on of parts that lie one behind the other."""
    from orchestrator_core.jobs.model import job_of
    from orchestrator_core.store import jobs

    offset, left = asked.offset, asked.limit
    for states in parts:
        size = sum(counts.get(state, 0) for state in states)
        if offset < size and left > 0:
            found = jobs.page(connection, states, left, offset, asked.text)
            left -= len(found)
            yield from (job_of(row) for row in found)
        offset = max(0, offset - size)


def _in_turn(asked: _Act) -> Sequence[int]:
    """What goes to the top goes there in turn, so that the last one comes first of all."""
    return tuple(reversed(asked.jobs)) if asked.deed == "top" else asked.jobs


def _do(queue: Queue, number: int, asked: _Act) -> None:
    if asked.before is not None:
        queue.move_before(number, asked.before)
    elif asked.priority is not None:
        queue.prioritise(number, asked.priority)
    elif asked.deed == "top":
        queue.move_to_top(number)
    elif asked.deed == "end":
        queue.move_to_end(number)
    elif asked.deed == "cancel":
        queue.cancel(number)
    elif asked.deed == "hold":
        queue.hold(number)
    elif asked.deed == "retry":
        queue.retry(number)
    else:
        queue.requeue(number)


def _outcome(step: Any) -> str:
    if step is None:
        return ""
    return "running" if step.state == "started" else str(step.outcome)


def _positive(steps: Sequence[Any]) -> str:
    """The prompt as the last finished stage left it."""
    from orchestrator_core.formats.run_json import run_from_json

    for step in reversed(steps):
        if step.run is not None:
            with suppress(OrchestratorError):
                return run_from_json(step.run).draft.positive[:4_000]
    return ""
