"""``jobs``: adding them, looking at them, and what can be done with each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from orchestrator_core.api.images import images_of_run
from orchestrator_core.api.job_models import (
    MOST_JOBS,
    MOST_SHOWN,
    JobAsked,
    JobList,
    JobsAdded,
    JobShown,
    JobWhole,
    MoveBefore,
    attempt_shown,
    job_fields,
    job_shown,
    step_shown,
)
from orchestrator_core.api.pipelines import pipeline_given
from orchestrator_core.api.refusing import Refusal
from orchestrator_core.api.routing import Call, Created
from orchestrator_core.errors import JobError, PipelineError
from orchestrator_core.jobs.model import Job, NewJob
from orchestrator_core.jobs.queue import Queue
from orchestrator_core.pipeline.batches import Items, count_of, counted, product_of
from orchestrator_core.pipeline.seeding import seed_for, seeded

if TYPE_CHECKING:
    from orchestrator_core.api.place import ApiPlace
    from orchestrator_core.store import Store

LONGEST_KEY = 200


def create(call: Call) -> Created | JobsAdded:
    """201, or 200 where all of them were there already under their keys."""
    key = _only_key_of(call)
    new = list(_all_asked(call.place, call.body.jobs, key))
    with call.place.open_store() as store:
        if key:
            check_replay(store, key, len(new))
        added = Queue(store).add_all(new)
    fresh = sum(one.is_new for one in added)
    if fresh:
        call.place.changed("jobs")
    shown = [job_shown(one.job) for one in added[:MOST_SHOWN]]
    answer = JobsAdded(count=len(added), new=fresh, jobs=shown)
    return Created(answer, f"/jobs/{added[0].job.id}" if len(added) == 1 else "") if fresh else answer


def key_of(call: Call) -> str:
    """Its Idempotency-Key; "" for none. Raises Refusal."""
    key: str = call.head.headers.get("idempotency-key", "").strip()
    if "idempotency-key" in call.head.headers and not 1 <= len(key) <= LONGEST_KEY:
        raise Refusal(400, "bad_key", f"An Idempotency-Key has 1 to {LONGEST_KEY} characters.", "Idempotency-Key")
    return key


def _only_key_of(call: Call) -> str:
    key = key_of(call)
    if key and any(job.key for job in call.body.jobs):
        raise Refusal(422, "invalid", "Give the Idempotency-Key header, or keys of jobs: not both.", "Idempotency-Key")
    return key


def _all_asked(place: ApiPlace, asked: Sequence[JobAsked], key: str) -> Iterator[NewJob]:
    """Each with a key of its own, where there is one. Raises Refusal for too many, before any is made."""
    pipelines = [pipeline_given(place, job.pipeline) for job in asked]
    count = sum(count_of(pipeline) for pipeline in pipelines)
    if count > MOST_JOBS:
        largest = max(pipelines, key=count_of)
        told = (
            f"That is {counted(count)} jobs, and {MOST_JOBS:,} are the most at once. "
            f"The largest batch: {product_of(largest)}."
        )
        raise Refusal(422, "too_many_jobs", told, "pipeline.batch")
    number = 0
    for place_in_call, (job, pipeline) in enumerate(zip(asked, pipelines, strict=True)):
        seed = seed_for(f"{key}/{place_in_call}" if key else job.key)
        items = Items(seeded(pipeline, seed))
        for item in items:
            number += 1
            title = f"{job.title or pipeline.name} {item.number}".strip() if len(items) > 1 else job.title
            own = f"{job.key}/{item.number}" if job.key and len(items) > 1 else job.key
            yield NewJob(
                pipeline=item.pipeline,
                run=_as_a_run_of_its_own(job.run),
                target=job.target,
                priority=job.priority,
                title=title[:500],
                tags=tuple(job.tags),
                key=(f"{key}/{number}" if count > 1 else key) if key else own,
                callback_url=job.callback_url,
            )


def _as_a_run_of_its_own(run: dict[str, Any] | None) -> dict[str, Any] | None:
    """Its id becomes the job's: under one that is given twice, or is of another run, a later one would replace it."""
    return None if run is None else {**run, "id": ""}


def check_replay(store: Store, key: str, count: int) -> None:
    """Of what was asked together under a key either all is there, or nothing. Raises Refusal where it was not this."""
    from orchestrator_core.store.jobs import keys_there

    asked = [f"{key}/{number}" for number in range(1, count + 1)] if count > 1 else [key]
    other = [key, f"{key}/{count + 1}"] if count > 1 else [f"{key}/1"]
    with store.reading() as connection:
        is_other = bool(keys_there(connection, other))
        is_part = 0 < len(keys_there(connection, asked)) < count
    if is_other or is_part:
        raise Refusal(
            422, "idempotency_key_reuse", f"Under the key {key!r} something else was added. Give this a key of its own."
        )


def listed(call: Call) -> JobList:
    asked = call.query
    with call.place.open_store() as store:
        queue = Queue(store)
        found = queue.page(asked.states, asked.limit + 1, asked.offset, asked.text)
        counts = queue.state().counts
    page = [job_shown(job) for job in found[: asked.limit]]
    following = asked.offset + asked.limit if len(found) > asked.limit else None
    return JobList(jobs=page, counts=dict(counts), next=following)


def one(call: Call) -> JobWhole:
    with call.place.open_store() as store:
        queue = Queue(store)
        job = job_named(queue, call.names["job"])
        attempts, steps = queue.attempts(job.id), queue.steps(job.id)
        images = images_of_run(store, job.run_id)
    assert job.pipeline is not None
    return JobWhole.model_validate(
        {
            **job_fields(job),
            "detail": job.detail,
            "pipeline": job.pipeline.model_dump(mode="json"),
            "attempts": [attempt_shown(attempt) for attempt in attempts],
            "steps": [step_shown(step) for step in steps],
            "images": images,
        }
    )


def job_named(queue: Queue, name: str) -> Job:
    """By number or id. Raises Refusal."""
    try:
        return queue.job(name)
    except PipelineError:
        raise
    except JobError:
        raise Refusal(
            404, "no_such_job", f"There is no job {name[:100]!r}. GET /jobs lists those that there are."
        ) from None


def changing(change: Callable[[Queue, str, Any], Job]) -> Callable[[Call], JobShown]:
    """A handler that does this with the job of its path; 409 where its state does not allow that."""

    def handler(call: Call) -> JobShown:
        with call.place.open_store() as store:
            queue = Queue(store)
            job = change(queue, job_named(queue, call.names["job"]).id, call.body)
        call.place.changed("jobs")
        return job_shown(job)

    return handler


def rerun(call: Call) -> JobShown:
    asked = call.body
    now = None if asked.pipeline is None else pipeline_given(call.place, asked.pipeline)
    return changing(lambda queue, job, _: queue.rerun(job, asked.stage, asked.options, asked.others, now))(call)


def move(queue: Queue, job: str, asked: Any) -> Job:
    if isinstance(asked.root, MoveBefore):
        return queue.move_before(job, job_named(queue, str(asked.root.before)).id)
    return queue.move_to_top(job) if asked.root.to == "top" else queue.move_to_end(job)
