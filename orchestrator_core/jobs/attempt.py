"""One attempt at a job: its stages as steps, what each left kept in the store before the next begins, and its end.

A step that was done is not done again, by whichever worker. One that had begun when its process ended is: the attempt
then says what it repeats, and only what the last one made belongs to the run.
"""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from orchestrator_core.cancelling import Cancellation
from orchestrator_core.context import StageContext
from orchestrator_core.errors import (
    Cancelled,
    GeneratorError,
    GeneratorUnreachable,
    HostRestarted,
    Interrupted,
    LostJob,
    OrchestratorError,
    StoreError,
)
from orchestrator_core.formats.run_json import run_from_json, run_to_json
from orchestrator_core.jobs.adopting import adopting
from orchestrator_core.jobs.model import CRASHED, MEMORY, MOST_CRASHES, Job
from orchestrator_core.jobs.patience import Patience
from orchestrator_core.pipeline import new_run, run_stage
from orchestrator_core.pipeline.running import merged
from orchestrator_core.request import Progress
from orchestrator_core.run import Run

if TYPE_CHECKING:
    from orchestrator_core.store import Store
    from orchestrator_core.store.rows import Row

DONE, FAILED, OUT_OF_MEMORY, UNREACHABLE, STOPPED, LOST = "done", "failed", "memory", "unreachable", "stopped", "lost"
_LACKS_MEMORY = ("outofmemory", "out of memory", "not enough memory")
Said = Mapping[str, Any]


class Attempt:
    """``run_step`` is called for each position, then ``end`` once. ``stop`` comes from any thread."""

    def __init__(self, store: Store, job: Job, worker: str, patience: Patience) -> None:
        assert job.pipeline is not None
        self.store, self.job, self.worker, self.patience = store, job, worker, patience
        self.pipeline = job.pipeline
        self.stages = job.pipeline.ordered
        self.cancellation = Cancellation()
        self.why = ""  # it was stopped: "asked" by a person, or "leaving" as the worker ends
        self.context: StageContext | None = None
        self.progress: Progress | None = None  # the newest, for who tells it on
        self._first = _first_run(job)
        self._left: dict[str, Run] = {}
        self._outcomes: dict[str, str] = {}
        self._repeats = ""  # the stage that an earlier attempt had begun and not finished
        self._unfinished: Run | None = None
        self._is_rendering = False  # the host has said how far it is

    def stop(self, why: str) -> None:
        """Its host too. The first reason counts; to stop again asks the host again."""
        self.why = self.why or why
        self.cancellation.cancel()

    def load(self) -> None:
        """What an earlier attempt had done. Raises StoreError, FormatError."""
        from orchestrator_core.store import jobs

        with self.store.reading() as connection:
            rows = jobs.steps_of(connection, self.job.id, self.job.attempt)
            attempts = jobs.attempts_of(connection, self.job.id)
        self._repeats = attempts[-1]["repeats"] if attempts else ""
        for row in rows:
            if row["state"] != "started":
                run = run_from_json(json.loads(row["run"]))
                # After "run it again" the run is another one, with what the first had left so far.
                self._left[row["stage_id"]] = run.replacing(id=self._first.id)
                self._outcomes[row["stage_id"]] = row["outcome"]

    def run_step(self, position: int) -> Said:
        """For an engine: never raises."""
        stage = self.stages[position]
        try:
            if stage.id not in self._left:
                self._do(position)
            return {"ok": True}
        except Exception as error:  # noqa: BLE001 - whatever a stage raises ends this job and no other
            if isinstance(error, GeneratorError) and error.images:
                self._unfinished = self._given(position).replacing(images=error.images)
            ends_hosts = self._is_rendering and isinstance(error, GeneratorUnreachable | HostRestarted)
            return {**_said(error, stage.id), "ends_hosts": ends_hosts}

    def _do(self, position: int) -> None:
        assert self.context is not None
        stage = self.stages[position]
        self.patience(lambda: self._begin(position))
        started = time.monotonic()
        context = replace(self.context, progress=self._report, cancellation=self.cancellation)
        if stage.id == self._repeats:
            context = replace(context, generator=adopting(context.generator, self._tell_adopted))
        left = run_stage(stage, self._given(position), context, states=self._outcomes)
        row = {"outcome": left.state, "note": left.detail, "seconds": round(time.monotonic() - started, 3)}
        row["run"] = json.dumps(run_to_json(left.run), ensure_ascii=False)
        self.patience(lambda: self._keep(position, row))
        self._left[stage.id], self._outcomes[stage.id] = left.run, left.state

    def _report(self, progress: Progress) -> None:
        self.progress = progress
        self._is_rendering = self._is_rendering or progress.step > 0

    def _tell_adopted(self) -> None:
        from orchestrator_core.store import jobs

        said = f"{self._repeats} is not rendered again: its host has finished it"
        with self.store.writing() as connection:
            jobs.tell(connection, [(self.job.id, "adopted", said)])

    def _given(self, position: int) -> Run:
        needs = self.pipeline.needs[self.stages[position].id]
        return merged(self._left[need] for need in needs) or self._first

    def _begin(self, position: int) -> None:
        from orchestrator_core.store import job_claims

        stage = self.stages[position]
        row: Row = {"job_id": self.job.id, "attempt": self.job.attempt, "position": position}
        with self.store.writing() as connection:
            if not job_claims.begin_step(connection, self.worker, {**row, "stage_id": stage.id, "type": stage.type}):
                raise self._lost()
        self.progress, self._is_rendering = None, False

    def _keep(self, position: int, left: Row) -> None:
        from orchestrator_core.store import job_claims

        with self.store.writing() as connection:
            if not job_claims.owns(connection, self.job.id, self.worker, self.job.attempt):
                raise self._lost()
            job_claims.end_step(connection, self.job.id, self.job.attempt, position, **left)

    def _lost(self) -> LostJob:
        return LostJob(f"Job {self.job.number} is no longer run by this worker: it was taken for dead.")

    def end(self, said: Said) -> str:
        """Keeps the run, and what became of the job. Returns one of the words above. Raises StoreError."""
        if said["ok"]:
            run = self._last()
            self.patience(lambda: self.store.save_run(run))
            return self._ended(DONE, {"state": "done"}, _counted(len(run.images)))
        kind = STOPPED if self.why else str(said["kind"])
        if kind == LOST:
            return LOST
        if self._unfinished is not None:
            unfinished = self._unfinished
            with suppress(StoreError):  # it is done again, or failed in any case
                self.store.save_run(unfinished)
        return self._ended(kind, self._fate(kind, said), str(said["error"]))

    def _fate(self, kind: str, said: Said) -> Row:
        words: Row = {"error": str(said["error"]), "detail": str(said.get("trace", ""))}
        if kind == STOPPED:
            return {"state": "waiting"} if self.why == "leaving" else {"state": "cancelled"}
        if kind == UNREACHABLE:
            crashes = self.job.crashes + int(said.get("ends_hosts", False))
            if crashes >= MOST_CRASHES:
                words["error"] = f"Its host or its worker ended {crashes} times while this job ran: {said['error']}"
                return {"state": "held", "reason": CRASHED, "crashes": crashes, **words}
            return {"state": "waiting", "error": words["error"], "crashes": crashes}
        if kind == OUT_OF_MEMORY:
            return {"state": "held", "reason": MEMORY, **words}
        return {"state": "failed", **words}

    def _ended(self, kind: str, values: Row, said: str) -> str:
        def write() -> str:
            from orchestrator_core.store import job_claims, jobs

            with self.store.writing() as connection:
                mine = (self.job.id, self.worker, self.job.attempt)
                ended_ms = jobs.now_ms() if values["state"] not in ("waiting", "held") else 0
                if not job_claims.end_job(connection, *mine, ended_ms=ended_ms, **values):
                    return LOST
                job_claims.end_attempt(connection, self.job.id, self.job.attempt, kind, values.get("error", ""))
                jobs.tell(connection, [(self.job.id, values["state"], said)])
            return kind

        return self.patience(write)

    def _last(self) -> Run:
        """As a pipeline's result: of its ends the last one's draft, and the images and scores of all."""
        needed = {need for needs in self.pipeline.needs.values() for need in needs}
        ends = [self._left[stage.id] for stage in self.stages if stage.id not in needed]
        whole = merged(ends)
        assert whole is not None
        return whole.replacing(draft=ends[-1].draft)


def _first_run(job: Job) -> Run:
    run = run_from_json(job.run) if job.run else new_run()
    return run.replacing(id=job.run_id)


def _said(error: Exception, stage: str) -> Said:
    """What a step that failed says: JSON values, for a person and for what becomes of the job."""
    text = str(error) if isinstance(error, OrchestratorError) else f"{type(error).__name__}: {error}"
    told = {"ok": False, "kind": _kind_of(error), "error": text or type(error).__name__, "stage": stage}
    if not isinstance(error, OrchestratorError):
        told["error"] = f"Stage {stage} failed in a way that it should not: {told['error']}"
        told["trace"] = traceback.format_exc()[-8000:]
    return told


def _kind_of(error: Exception) -> str:
    if isinstance(error, LostJob):
        return LOST
    if isinstance(error, GeneratorUnreachable | HostRestarted):
        return UNREACHABLE
    if isinstance(error, Interrupted | Cancelled):
        return STOPPED
    words = f"{type(error).__name__} {error}".lower()
    if isinstance(error, MemoryError) or any(word in words for word in _LACKS_MEMORY):
        return OUT_OF_MEMORY
    return FAILED


def _counted(images: int) -> str:
    return f"{images} images" if images > 1 else "1 image" if images else ""
