"""Which job a worker takes next, and what becomes of the jobs of one that has died. Each is one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator_core.errors import OrchestratorError
from orchestrator_core.formats.run_json import run_from_json
from orchestrator_core.jobs.model import CRASHED, GPU_STAGES, INTERRUPTED, MOST_CRASHES, Job, job_of
from orchestrator_core.jobs.rewiring import starts_of
from orchestrator_core.pipeline.running import following

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from orchestrator_core.store import Store
    from orchestrator_core.store.job_lacks import Passing
    from orchestrator_core.store.rows import Row, Stored

LOOK_AHEAD = 20  # jobs among which one of the checkpoint that is loaded is preferred
MOST_PASSED = 10  # times that a job lets others go first for that


@dataclass(frozen=True, slots=True)
class Taking:
    """Who asks: what it serves, and what it keeps busy while it renders; ``loaded`` is its last checkpoint."""

    worker: str
    serves: tuple[str, ...] = ()
    resource: str = ""
    loaded: str | None = None
    look_ahead: int = LOOK_AHEAD
    passing: Passing | None = None  # what its host lacks something for


def take_next(store: Store, asking: Taking, *, glance: bool = True) -> Job | None:
    """The next job, now running; None where there is none for this worker, or the queue is paused.

    Without ``glance``, for who has just ended one: there will be another.
    """
    from orchestrator_core.store import job_claims, job_lacks

    if glance and not _may_be_one(store, asking):
        return None
    with store.writing() as connection:
        if job_claims.lock_queue(connection)["paused"] or not job_claims.is_alive(connection, asking.worker):
            return None
        is_busy = bool(asking.resource) and job_claims.is_busy(connection, asking.resource)
        serves = () if is_busy else asking.serves
        found = job_claims.candidates(connection, serves, asking.look_ahead, asking.passing or job_lacks.NOTHING)
        chosen = _choose(connection, found, asking.loaded)
        if chosen is None:
            return None
        resource = asking.resource if chosen["needs_gpu"] else ""
        row = job_claims.take(connection, chosen["id"], asking.worker, resource)
        job = _readable(connection, {**row, "start": chosen["start"]}) if row is not None else None
        return None if job is None else _begun(connection, job, asking.worker)


def _may_be_one(store: Store, asking: Taking) -> bool:
    """A look that keeps nobody waiting."""
    from orchestrator_core.store import job_claims, job_lacks, jobs

    with store.reading() as connection:
        if jobs.queue_row(connection)["paused"]:
            return False
        return bool(job_claims.candidates(connection, asking.serves, 1, asking.passing or job_lacks.NOTHING))


def _readable(connection: Connection, row: Stored) -> Job | None:
    """None for a job that this pack cannot read, as of a newer one, which then has failed: others go on."""
    from orchestrator_core.store import job_claims, jobs

    try:
        job = job_of(row)
        if job.run:
            run_from_json(job.run)
        return job
    except (OrchestratorError, ValueError, TypeError) as error:
        mine = (row["id"], row["owner"], row["attempt"])
        job_claims.end_job(connection, *mine, state="failed", error=str(error), ended_ms=jobs.now_ms())
        jobs.tell(connection, [(row["id"], "failed", str(error))])
        return None


def _choose(connection: Connection, found: Sequence[Stored], loaded: str | None) -> Stored | None:
    from orchestrator_core.store import job_claims

    if not found:
        return None
    first = found[0]
    if loaded is None or not first["needs_gpu"] or first["passed"] >= MOST_PASSED:
        return first
    same = (row for row in found if row["priority"] == first["priority"] and row["checkpoint"] == loaded)
    chosen = next(same, first)
    job_claims.pass_over(connection, [row["id"] for row in found[: list(found).index(chosen)]])
    return chosen


def _begun(connection: Connection, job: Job, worker: str) -> Job:
    """The job, with what its last attempt left for this one to go on from."""
    from orchestrator_core.store import job_claims, jobs

    before = jobs.steps_of(connection, job.id, job.attempt - 1) if job.attempt > 1 else ()
    kept, repeats = _kept(before, job)
    job_claims.keep_steps(connection, kept)
    attempt: Row = {"job_id": job.id, "number": job.attempt, "worker": worker, "run_id": job.run_id}
    job_claims.begin_attempt(connection, {**attempt, "repeats": repeats, "started_ms": job.started_ms})
    said = f"attempt {job.attempt} by {worker}"
    if repeats:
        said += f"; {repeats} is done again: attempt {job.attempt - 1} had begun it and did not finish"
    jobs.tell(connection, [(job.id, "begun", said)])
    return job


def _kept(steps: Sequence[Stored], job: Job) -> tuple[list[Row], str]:
    """The steps that the new attempt need not do, and the one that the last had begun and not finished."""
    assert job.pipeline is not None
    places = {stage.id: place for place, stage in enumerate(job.pipeline.ordered)}  # a rerun may have other stages
    anew = following(job.pipeline, *(one for one in starts_of(job.start) if one in places))
    kept = {*places} - anew
    done = [step for step in steps if step["state"] != "started" and step["stage_id"] in kept]
    begun = "" if anew else next((step["stage_id"] for step in steps if step["state"] == "started"), "")
    same = {"attempt": job.attempt, "state": "kept"}
    return [{**step, **same, "position": places[step["stage_id"]]} for step in done], begun


def give_up(store: Store, worker: str, takes_over: bool) -> list[str]:
    """This worker has died: its jobs wait again or are held. What became of each, for people.

    One that was in a stage which needs a graphics card is only offered, unless ``takes_over``.
    """
    from orchestrator_core.store import job_claims

    with store.writing() as connection:
        job_claims.lock_queue(connection)
        job_claims.end_worker(connection, worker, "lost")
        return [_orphaned(connection, row, takes_over) for row in job_claims.running_of(connection, worker)]


def put_back(store: Store, worker: str) -> None:
    """This worker's process ends in an orderly way, and with it what it renders: no crash of its jobs."""
    from orchestrator_core.store import job_claims, jobs

    said = f"worker {worker} ended; it waits again"
    with store.writing(wait_s=2.0) as connection:
        for row in job_claims.running_of(connection, worker):
            job_claims.end_attempt(connection, row["id"], row["attempt"], "stopped", "The program was ended.")
            job_claims.end_job(connection, row["id"], worker, row["attempt"], state="waiting")
            jobs.tell(connection, [(row["id"], "waiting", said)])


def _orphaned(connection: Connection, row: Stored, takes_over: bool) -> str:
    from orchestrator_core.store import job_claims, jobs

    crashes = row["crashes"] + 1
    values, said = _fate(row, crashes, takes_over, _stage_under_way(connection, row))
    job_claims.end_attempt(connection, row["id"], row["attempt"], "lost", "The program that ran it ended.")
    job_claims.end_job(connection, row["id"], row["owner"], row["attempt"], crashes=crashes, **values)
    jobs.tell(connection, [(row["id"], "lost", said)])
    return f"Job {row['number']}: {said}"


def _stage_under_way(connection: Connection, row: Stored) -> tuple[str, str]:
    """Its id and its type; "" between two."""
    from orchestrator_core.store import jobs

    steps = jobs.steps_of(connection, row["id"], row["attempt"])
    return next(((step["stage_id"], step["type"]) for step in steps if step["state"] == "started"), ("", ""))


def _fate(row: Stored, crashes: int, takes_over: bool, stage: tuple[str, str]) -> tuple[Row, str]:
    from orchestrator_core.store.jobs import now_ms

    ended = f"worker {row['owner']} ended" + (f" in {stage[0]}" if stage[0] else "")
    if row["stop"]:
        return {"state": "cancelled", "ended_ms": now_ms()}, f"{ended}; it was to stop in any case"
    if crashes >= MOST_CRASHES:
        error = f"Its program ended {crashes} times while this job ran. Look at what it asks for, then retry it."
        return {"state": "held", "reason": CRASHED, "error": error}, f"{ended}; held after {crashes} such ends"
    if stage[1] in GPU_STAGES and not takes_over:
        error = f"Its program ended while {stage[0]} was under way. Retry it to do that stage again."
        return {"state": "held", "reason": INTERRUPTED, "error": error}, f"{ended}; offered to be done again"
    return {"state": "waiting"}, f"{ended}; another goes on with it"
