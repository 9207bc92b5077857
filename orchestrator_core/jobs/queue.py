"""Queue: the jobs of one store, as a person and any program see and change them. Workers take from it.

Every method is one transaction. Raises JobError for a job that is not there or cannot be what is asked, StoreError.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator_core.errors import JobError, KeyTaken
from orchestrator_core.jobs.model import (
    BY_HAND,
    ENDED,
    STATES,
    Attempt,
    Event,
    Job,
    NewJob,
    QueueState,
    State,
    Step,
    WorkerInfo,
    job_of,
    serves_in,
)
from orchestrator_core.jobs.rewiring import begun_again, starts_text
from orchestrator_core.jobs.rows import pipeline_columns, row_of, with_options
from orchestrator_core.run import new_run_id
from orchestrator_core.webhooks.hooks import check_callbacks

if TYPE_CHECKING:
    from orchestrator_core.spec import PipelineSpec
    from orchestrator_core.store import Store
    from orchestrator_core.store.rows import Row, Stored


@dataclass(frozen=True, slots=True)
class Added:
    """``is_new`` is False where its key was there already."""

    job: Job
    is_new: bool


class Queue:
    """Threads may share one."""

    def __init__(self, store: Store) -> None:
        self.store = store

    # adding

    def add(self, new: NewJob) -> Job:
        """Behind all others of its priority. Raises PipelineError, KeyTaken for another job under its key, and
        WebhookError for a callback_url that is not allowed."""
        return self.add_all([new])[0].job

    def add_all(self, new: Sequence[NewJob]) -> list[Added]:
        """All of them or, on an error, none; in one transaction, so thousands take seconds."""
        from orchestrator_core.store import jobs

        now = jobs.now_ms()
        rows = [row_of(one, now) for one in new]
        with self.store.writing() as connection:
            check_callbacks(connection, (one.callback_url for one in new))
            found = jobs.add(connection, rows)
            for row, there in zip(rows, found, strict=True):
                if row["request_hash"] != there["request_hash"]:
                    raise KeyTaken(
                        f"Job {there['number']} was added under the key {row['key']!r} and asks for something else. "
                        "Give the new one a key of its own."
                    )
        return [Added(job_of(there), there is row) for row, there in zip(rows, found, strict=True)]

    # looking

    def job(self, name: str | int) -> Job:
        """By number or id, whole."""
        return job_of(self._row(name))

    def page(self, states: Sequence[State] = STATES, limit: int = 50, offset: int = 0, text: str = "") -> list[Job]:
        """Waiting and running ones in the order of the queue, all others newest first; without their pipelines."""
        from orchestrator_core.store import jobs

        with self.store.reading() as connection:
            return [job_of(row) for row in jobs.page(connection, states, limit, offset, text)]

    def state(self) -> QueueState:
        from orchestrator_core.store import jobs

        with self.store.reading() as connection:
            row, counts = jobs.queue_row(connection), jobs.counts(connection)
        return QueueState(bool(row["paused"]), row["reason"], {state: counts.get(state, 0) for state in STATES})

    def attempts(self, name: str | int) -> list[Attempt]:
        from orchestrator_core.store import jobs

        row = self._row(name)
        fields = ("number", "state", "worker", "run_id", "error", "repeats", "started_ms", "ended_ms")
        with self.store.reading() as connection:
            found = jobs.attempts_of(connection, row["id"])
        return [Attempt(**{field: one[field] for field in fields}) for one in found]

    def steps(self, name: str | int, attempt: int | None = None) -> list[Step]:
        """What each stage left in this attempt; of none, the last."""
        from orchestrator_core.store import jobs

        row = self._row(name)
        with self.store.reading() as connection:
            found = jobs.steps_of(connection, row["id"], row["attempt"] if attempt is None else attempt)
        same = ("position", "type", "state", "outcome", "note", "seconds")
        return [
            Step(
                **{field: one[field] for field in same},
                stage=one["stage_id"],
                run=json.loads(one["run"]) if one["run"] else None,
            )
            for one in found
        ]

    def events(self, after: int = 0, limit: int = 500, job: str | None = None) -> list[Event]:
        """What happened after the event of this number: a program that asks again with the last one misses none."""
        from orchestrator_core.store import jobs

        with self.store.reading() as connection:
            found = jobs.history(connection, after, limit, job)
        return [Event(row["number"], row["job_id"], row["kind"], row["text"], row["at_ms"]) for row in found]

    def workers(self, states: Sequence[str] = ("alive",)) -> list[WorkerInfo]:
        from orchestrator_core.store import jobs

        same = ("id", "host", "pid", "state", "beats", "lock", "seen_ms")
        with self.store.reading() as connection:
            found = jobs.worker_rows(connection, states)
        return [WorkerInfo(**{n: row[n] for n in same}, serves=serves_in(row["serves"])) for row in found]

    # the whole queue

    def pause(self, reason: str = "") -> None:
        """No job begins any more, on any machine; those that run go on."""
        self._set_paused(True, reason)

    def resume(self) -> None:
        self._set_paused(False, "")

    def _set_paused(self, is_paused: bool, reason: str) -> None:
        from orchestrator_core.store import jobs

        with self.store.writing() as connection:
            jobs.set_paused(connection, is_paused, reason)

    def forget(self, older_than_days: float, states: Sequence[State] = ENDED) -> int:
        """Delete jobs that ended before; how many. What they made stays."""
        from orchestrator_core.store import jobs

        with self.store.writing() as connection:
            return jobs.forget(connection, states, jobs.now_ms() - int(older_than_days * 86_400_000))

    # one job

    def cancel(self, name: str | int) -> Job:
        """A waiting job never runs; one that runs is stopped by its worker, at its host too."""

        from orchestrator_core.store.jobs import now_ms

        def change(row: Stored) -> tuple[Row, str]:
            if row["state"] == "running":
                return {"stop": 1}, "asked to stop"
            return {"state": "cancelled", "reason": "", "ended_ms": now_ms()}, ""

        return self._change(name, ("waiting", "held", "running"), "cancelled", change)

    def hold(self, name: str | int) -> Job:
        """It waits until a person retries it."""
        return self._change(name, ("waiting",), "held", lambda _: ({"state": "held", "reason": BY_HAND}, BY_HAND))

    def retry(self, name: str | int) -> Job:
        """It waits at its old place, and goes on after the last stage that it finished."""
        values: Row = {"state": "waiting", "reason": "", "error": "", "detail": "", "crashes": 0}
        return self._change(name, ("held", "failed", "cancelled"), "retried", lambda _: (values, ""))

    def requeue(self, name: str | int) -> Job:
        """It runs from its first stage, as another run, behind all others."""
        return self._again(name, "requeued", None, {}, at_end=True)

    def rerun(
        self,
        name: str | int,
        stage: str,
        options: Mapping[str, Any] | None = None,
        others: Mapping[str, Mapping[str, Any]] | None = None,
        pipeline: PipelineSpec | None = None,
    ) -> Job:
        """It runs again from this stage, as another run, with these of its options changed; the stages before it keep
        what they left. ``others``: options of stages that go on from it. ``pipeline``: in place of the job's own; what
        is not as it was there is done again too. Raises PipelineError for what cannot be."""
        given = {**(others or {}), **({stage: options} if options else {})}
        return self._again(name, "rerun", stage, given, pipeline=pipeline)

    def _again(
        self,
        name: str | int,
        kind: str,
        stage: str | None,
        options: Mapping[str, Mapping[str, Any]],
        at_end: bool = False,
        pipeline: PipelineSpec | None = None,
    ) -> Job:
        def change(row: Stored) -> tuple[Row, str]:
            now, starts = begun_again(job_of(row), stage, pipeline)
            values: Row = {"state": "waiting", "reason": "", "error": "", "detail": "", "crashes": 0}
            values |= {"start": starts_text(starts), "run_id": new_run_id()}
            if options or pipeline is not None:
                values |= pipeline_columns(with_options(now, starts[0], options))
            return values, f"from {' and '.join(starts)}" if stage else ""

        return self._change(name, ("held", *ENDED), kind, change, at_end)

    def prioritise(self, name: str | int, priority: int) -> Job:
        """Higher is sooner."""
        return self._change(name, ("waiting", "held"), "priority", lambda _: ({"priority": priority}, str(priority)))

    def move_to_top(self, name: str | int) -> Job:
        """The next to begin, whatever the priorities are."""
        from orchestrator_core.store import jobs

        return self._move(name, "to the top", lambda connection, row: jobs.place_at_top(connection, row["id"]))

    def move_to_end(self, name: str | int) -> Job:
        from orchestrator_core.store import jobs

        return self._move(name, "to the end", lambda connection, row: jobs.place_at_end(connection, row["id"]))

    def move_before(self, name: str | int, other: str | int) -> Job:
        """Just before the other one, with its priority."""
        from orchestrator_core.store import jobs

        def move(connection: Any, row: Stored) -> None:
            before = _checked(jobs.locked(connection, str(other)), other, ("waiting", "held"), "moved before")
            if before["id"] != row["id"]:
                jobs.place_before(connection, row["id"], before)

        return self._move(name, f"before {other}", move)

    def _move(self, name: str | int, where: str, move: Callable[[Any, Stored], None]) -> Job:
        from orchestrator_core.store import jobs

        with self.store.writing() as connection:
            row = _checked(jobs.locked(connection, str(name)), name, ("waiting", "held"), "moved")
            move(connection, row)
            jobs.tell(connection, [(row["id"], "moved", where)])
            return job_of(_checked(jobs.found(connection, row["id"]), name))

    def _change(
        self,
        name: str | int,
        states: Sequence[State],
        kind: str,
        change: Callable[[Stored], tuple[Row, str]],
        at_end: bool = False,
    ) -> Job:
        from orchestrator_core.store import jobs

        with self.store.writing() as connection:
            row = _checked(jobs.locked(connection, str(name)), name, states, kind)
            values, said = change(row)
            jobs.change(connection, row["id"], **values)
            if at_end:
                jobs.place_at_end(connection, row["id"])
            jobs.tell(connection, [(row["id"], kind, said)])
            return job_of(_checked(jobs.found(connection, row["id"]), name))

    def _row(self, name: str | int) -> Stored:
        from orchestrator_core.store import jobs

        with self.store.reading() as connection:
            return _checked(jobs.found(connection, str(name)), name)


def _checked(row: Stored | None, name: str | int, states: Iterable[State] = STATES, kind: str = "") -> Stored:
    if row is None:
        raise JobError(f"There is no job {name}. orchestrator queue list shows those that there are.")
    if row["state"] not in states:
        raise JobError(f"Job {row['number']} is {row['state']}; only one that is {' or '.join(states)} can be {kind}.")
    return row
