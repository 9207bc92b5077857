"""LaneDesk: a lane at work. It knows whether its host answers, what the host lacks, and takes the next job."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from orchestrator_core.errors import OrchestratorError, StoreError
from orchestrator_core.jobs.claiming import Taking, take_next
from orchestrator_core.jobs.fitting import Fitting
from orchestrator_core.jobs.lane import Lane, LanePulse
from orchestrator_core.jobs.membership import Membership
from orchestrator_core.jobs.patience import Patience

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from orchestrator_core.jobs.model import Job
    from orchestrator_core.store import Store


GREET_S = 15.0  # between two questions whether a host is there that nobody needs just now


class LaneDesk:
    """For the lane's own thread; ``pulse.wake`` is for any."""

    def __init__(
        self, lane: Lane, index: int, store: Store, membership: Membership, patience: Patience, poll_s: float
    ) -> None:
        self.lane, self.index, self.store, self.membership, self.patience = lane, index, store, membership, patience
        self.pulse = LanePulse(poll_s)
        self.fitting = None if lane.host is None else Fitting(lane, index, store, membership)
        self._greeted_at = float("-inf")

    def answers(self) -> bool:
        """Whether its host does; a host that was away is asked."""
        if not self.pulse.is_away:
            return True
        try:
            if self.lane.reach is not None:
                self.lane.reach()
        except OrchestratorError as error:
            self.went_away(str(error))
            return False
        self.pulse.is_back()
        self._tell("")
        return True

    def greet(self) -> None:
        """While nothing is to be done: asks now and then whether its host is there, so that whoever may send a job
        there is told. Jobs that render nothing are taken in any case."""
        if self.lane.host is None or self.pulse.is_away or time.monotonic() - self._greeted_at < GREET_S:
            return
        problem = ""
        try:
            self.lane.host.others()
        except Exception as error:  # noqa: BLE001 - whatever is wrong there is told
            problem = str(error) or type(error).__name__
        self._greeted_at = time.monotonic()
        self._tell(problem)

    def went_away(self, problem: str) -> None:
        """It is left alone for a while, and everybody is told."""
        self.pulse.went_away(problem)
        self._tell(problem)

    def _tell(self, problem: str) -> None:
        with suppress(StoreError):  # what takes jobs sees by itself that the store is away
            self.membership.away(self.index, problem)

    def next(self, look_ahead: int, *, glance: bool) -> Job | None:
        """The next job, now running; None where there is none for this lane just now. Raises StoreError."""
        try:
            if self.fitting is not None and not self.patience(self.fitting.may_take):
                return None
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - a host that cannot be asked takes no job; its lane tries again
            self.went_away(str(error) or type(error).__name__)
            return None
        passing = None if self.fitting is None else self.fitting.passing
        lane, loaded = self.lane, self.pulse.loaded
        asking = Taking(self.membership.id, lane.serves, lane.resource, loaded, look_ahead, passing)
        return self.patience(lambda: take_next(self.store, asking, glance=glance))

    def has_more(self, connection: Connection) -> bool:
        """Whether a job waits that it could do."""
        from orchestrator_core.store import job_claims, job_lacks

        if self.fitting is None:
            return bool(job_claims.candidates(connection, self.lane.serves, 1, job_lacks.NOTHING))
        passing = self.fitting.passing
        return not self.fitting.is_sure or bool(job_claims.candidates(connection, self.lane.serves, 1, passing))
