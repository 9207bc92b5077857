"""A lane: one generator that a worker renders with, or none for jobs that render nothing; and how it is just now."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from orchestrator_core.context import StageContext
from orchestrator_core.jobs.model import Job
from orchestrator_core.request import GenerationRequest

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0  # before a host that did not answer is tried again
SLOWER, SLOWEST = 1.5, 10  # an idle lane looks ever more rarely, at last after so many times the first pause


class LaneHost(Protocol):
    """What a lane must know of the program that renders for it."""

    def refresh(self) -> None:
        """Asks it anew what it has. Raises GeneratorUnreachable."""
        ...

    def lacks(self, request: GenerationRequest, /) -> Sequence[str]:
        """What of that it has not, by its last answer: a line each, for people."""
        ...

    def others(self) -> int:
        """How many renderings of others run or wait there. Raises GeneratorUnreachable."""
        ...


@dataclass(frozen=True, slots=True)
class Lane:
    """``serves``: the targets of the jobs that it takes, "" among them; none for jobs that render nothing.

    ``resource``: what it keeps busy, by a name that is the same for every worker: a host's address, a graphics card.
    ``open`` gives the context of one job, and takes it back; ``reach`` raises OrchestratorError while the host is away.
    ``host``: where it can be asked, a job that it cannot do is left for others.
    """

    name: str
    open: Callable[[Job], AbstractContextManager[StageContext]]
    serves: tuple[str, ...] = ()
    resource: str = ""
    reach: Callable[[], None] | None = None
    host: LaneHost | None = None


class LanePulse:
    """How often a lane looks, and how long it leaves a host alone that does not answer. ``wake`` is for any thread."""

    def __init__(self, poll_s: float) -> None:
        self.loaded: str | None = None  # the checkpoint that its host has in memory
        self.problem = ""  # why it takes no job now, for people
        self._poll_s = self._idle_s = poll_s
        self._away_s = 0.0
        self._woken = threading.Event()

    @property
    def is_away(self) -> bool:
        return self._away_s > 0

    def went_away(self, problem: str) -> None:
        self._away_s = min(self._away_s * 2, LONGEST_PAUSE_S) if self._away_s else FIRST_PAUSE_S
        self.problem = problem

    def is_back(self) -> None:
        self._away_s, self.problem = 0.0, ""

    def is_busy(self) -> None:
        self._idle_s = self._poll_s

    def rest(self) -> None:
        """Until it is time to look again, or somebody says that there is something to do."""
        pause = self._away_s or self._idle_s
        if not self._away_s:
            self._idle_s = min(self._idle_s * SLOWER, self._poll_s * SLOWEST)
        if self._woken.wait(pause):
            self._woken.clear()
            self.is_busy()

    def wake(self) -> None:
        self._woken.set()
