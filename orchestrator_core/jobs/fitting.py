"""Which jobs a lane can do: what its host has is asked for, and a job that it lacks something for is left for others.

A job that no living lane can do is held, with what is missing where. Before that the host is asked once more: somebody
may have put the file there meanwhile, and retried the job because of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from orchestrator_core.errors import OrchestratorError
from orchestrator_core.formats.run_json import run_from_json
from orchestrator_core.jobs.lane import Lane
from orchestrator_core.jobs.membership import Membership
from orchestrator_core.jobs.model import MISSING, Job, job_of, renderings
from orchestrator_core.request import GenerationRequest

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from orchestrator_core.store import Store
    from orchestrator_core.store.job_lacks import Passing

HEAD = 20  # jobs at the head of the queue that are looked at together
ROUNDS = 20  # of those, until one is found that can be done
AGAIN_S = 60.0  # between two questions whether what is missing has come
SPARE_S = 2.0  # a host is not asked more often
MOST_HELD = 200  # jobs in one transaction
YIELD_S = 3.0  # that a host which is busy for others lets an idle one go first
_PAUSES_S = (0.0, 0.05, 0.15)  # before it counts as busy: its own last job may just be leaving

Lacks = Mapping[str, str]  # why, by what


def requests_of(job: Job) -> Iterator[GenerationRequest]:
    """What is known of its renderings before it begins: models, samplers, the LoRAs of a prompt that is given."""
    assert job.pipeline is not None
    loras = run_from_json(job.run).draft.loras if job.run else ()
    names = ("checkpoint", "vae", "sampler", "scheduler")
    for stage in renderings(job.pipeline):
        yield GenerationRequest(
            "", loras=loras, **{name: stage.options[name] for name in names if stage.options.get(name)}
        )


class Fitting:
    """Of one lane with a host. For its own thread alone."""

    def __init__(
        self,
        lane: Lane,
        index: int,
        store: Store,
        membership: Membership,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        assert lane.host is not None
        self.lane, self.host, self.index = lane, lane.host, index
        self.store, self.membership, self._clock = store, membership, clock
        self._checkpoints: dict[str, str] = {}
        self._jobs: dict[str, str] = {}
        self._judged: dict[str, int] = {}  # jobs, as of their last change
        self._asked_for: dict[str, int] = {}  # checkpoints that were missing when the host was last asked, as of …
        self._asked_at = float("-inf")
        # Events of the queue: by now, when the host was asked, and when it was said what it lacks.
        self._events_now = self._asked_events = self._told_events = -1
        self.is_sure = True  # that what is passed over is not there
        self._busy_since: float | None = None

    @property
    def passing(self) -> Passing:
        from orchestrator_core.store.job_lacks import Passing

        return Passing(tuple(self._checkpoints), tuple(self._jobs))

    def may_take(self) -> bool:
        """Whether a job waits for this lane to take. Raises GeneratorUnreachable, StoreError."""
        first = self.look()
        return first is not None and not (first["needs_gpu"] and self._lets_others())

    def look(self) -> Any:
        """The first job that this lane can do; None where there is none."""
        from orchestrator_core.store import job_lacks, jobs

        with self.store.reading() as connection:
            queue = jobs.queue_row(connection)
            waiting = {} if queue["paused"] else job_lacks.checkpoints_waiting(connection, self.lane.serves)
            first = None if queue["paused"] else next(iter(self._head(connection, 1)), None)
        self._events_now = queue["events"]
        if not waiting:
            self.is_sure = True
            return first
        if self._asked_at == float("-inf"):
            self._ask()
        before, is_old = (dict(self._checkpoints), dict(self._jobs)), self._is_old()
        self._forget(everything=is_old)
        self.is_sure = self._judge_checkpoints(waiting, everything=is_old)
        first = self._judge_jobs()
        is_new = self._events_now != self._told_events or before != (self._checkpoints, self._jobs)
        if self.is_sure and is_new:
            self._tell()
            self._told_events = self._events_now
        return first

    def _lets_others(self) -> bool:
        """Whether an idle host should take the next job, as this one works for others; not for long."""
        for pause in _PAUSES_S:
            time.sleep(pause)
            if not self.host.others():
                self._busy_since = None
                return False
        now = self._clock()
        self._busy_since = now if self._busy_since is None else self._busy_since
        if now - self._busy_since < YIELD_S:
            return True
        self._busy_since = None
        return False

    # what the host has

    def _ask(self) -> bool:
        """Asks the host what it has, unless it was asked since the queue last changed. False: it was asked just now."""
        if self._asked_events == self._events_now:
            return True
        if self._clock() - self._asked_at < SPARE_S:
            return False
        self.host.refresh()
        self._asked_at, self._asked_events, self._told_events = self._clock(), self._events_now, -1
        return True

    def _is_old(self) -> bool:
        """What the host lacks may have come since; then it is asked again."""
        if not (self._checkpoints or self._jobs) or self._clock() - self._asked_at <= AGAIN_S:
            return False
        self._asked_events = -1
        return True

    def _judge_checkpoints(self, waiting: Mapping[str, int], *, everything: bool) -> bool:
        """False where the host must be asked again before it is sure."""
        missing, is_sure = self._missing(waiting), True
        if missing and (everything or any(self._asked_for.get(name, -1) < waiting[name] for name in missing)):
            is_sure = self._ask()
            missing = self._missing(waiting)
            if is_sure:
                self._asked_for = {name: waiting[name] for name in missing}
        self._checkpoints = missing
        return is_sure

    def _missing(self, names: Mapping[str, int]) -> dict[str, str]:
        found = {name: self.host.lacks(GenerationRequest("", checkpoint=name)) for name in names if name}
        return {name: "; ".join(lines) for name, lines in found.items() if lines}

    def _judge_jobs(self) -> Any:
        """The first that can be done."""
        from orchestrator_core.store import job_lacks

        for _ in range(ROUNDS):
            with self.store.reading() as connection:
                head = self._head(connection, HEAD)
                new = [row["id"] for row in head if self._judged.get(row["id"]) != row["updated_ms"]]
                rows = job_lacks.whole_rows(connection, new)
            self._judge_rows(rows)
            able = next((row for row in head if row["id"] not in self._jobs), None)
            if able is not None:
                return able
            if not head or len(self._jobs) >= job_lacks.MOST:
                break
        return None

    def _judge_rows(self, rows: Sequence[Any]) -> None:
        found, is_sure = {row["id"]: self._lacking(row) for row in rows}, True
        if any(found.values()):
            is_sure = self._ask()
            found = {row["id"]: self._lacking(row) for row in rows}
        self.is_sure = self.is_sure and is_sure
        self._jobs |= {job_id: why for job_id, why in found.items() if why}
        if is_sure:
            self._judged |= {row["id"]: row["updated_ms"] for row in rows}

    def _lacking(self, row: Any) -> str:
        try:
            requests = list(requests_of(job_of(row)))
        except (OrchestratorError, ValueError, TypeError):
            return ""  # who takes it says what is wrong
        return "; ".join(dict.fromkeys(line for request in requests for line in self.host.lacks(request)))

    def _forget(self, *, everything: bool) -> None:
        """What is no longer waiting, or was changed since."""
        from orchestrator_core.store import job_lacks

        there: dict[str, int] = {}
        if self._judged and not everything:
            with self.store.reading() as connection:
                there = dict(job_lacks.still_waiting(connection, self._judged))
        self._judged = {key: when for key, when in self._judged.items() if there.get(key) == when}
        self._jobs = {key: why for key, why in self._jobs.items() if key in self._judged}

    def _head(self, connection: Connection, limit: int) -> Sequence[Any]:
        from orchestrator_core.store import job_claims

        return job_claims.candidates(connection, self.lane.serves, limit, self.passing)

    # what nobody has

    def _tell(self) -> None:
        """Says what this lane lacks, and holds what no other can do either."""
        self.membership.lacks(self.index, self._checkpoints, self._jobs)
        if self._checkpoints or self._jobs:
            hold_what_nobody_can(self.store, self.lane.serves, self.passing)


def hold_what_nobody_can(store: Store, serves: Sequence[str], passing: Passing) -> None:
    from orchestrator_core.store import job_claims, job_lacks

    with store.writing() as connection:
        job_claims.lock_queue(connection)
        lanes = job_lacks.living_lanes(connection)
        for row in job_lacks.concerned(connection, serves, passing, MOST_HELD):
            asked = [lane for lane in lanes if row["target"] in lane["serves"]]
            lacks = [(lane["name"], _why(lane["lacks"], row)) for lane in asked]
            if lacks and all(why for _, why in lacks):
                lines = "".join(dict.fromkeys(f"\n- {name}: {why}" for name, why in lacks))
                job_lacks.hold(connection, row["id"], MISSING, f"{_NOBODY}{lines}\n{_DO}")


_NOBODY = "Nobody who works on the queue has what this job needs:"
_DO = "Put it there, or change the job; then retry it."


def _why(lacks: Mapping[str, Lacks], row: Any) -> str:
    of_job = lacks.get("jobs", {}).get(row["id"], "")
    return of_job or lacks.get("checkpoints", {}).get(row["checkpoint"], "")
