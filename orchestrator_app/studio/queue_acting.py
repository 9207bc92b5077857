"""What a click on the Queue page asks for, as one line of text, and how it is done to one job or to many.

``cancel 12,13`` · ``retry all`` · ``before 12 7`` · ``priority 12 5``
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator_app.studio.queue_listing import neighbours, numbers
from orchestrator_app.studio.queue_view import QueueWish
from orchestrator_app.studio.queue_words import ACTIONS
from orchestrator_core.errors import ConfigError, JobError

if TYPE_CHECKING:
    from orchestrator_core.jobs.model import Job
    from orchestrator_core.jobs.queue import Queue

MOST = 2_000  # jobs that one click changes
MOST_PRIORITY = 1_000_000
MOVABLE = ("waiting", "held")
_LONGEST = 40_000  # characters of what a page asks for
_SHOWN = 3  # of the jobs that could not be changed
_DONE = {
    "cancel": "cancelled", "hold": "held", "retry": "to go on", "requeue": "to run anew", "top": "moved to the top",
    "up": "moved up", "down": "moved down", "end": "moved to the end", "before": "moved", "after": "moved",
    "priority": "given another priority",
}  # fmt: skip
# Moving several keeps their order: the last goes to the top first.
_BACKWARDS = ("top",)


@dataclass(frozen=True, slots=True)
class Asked:
    """``jobs`` empty: all that are listed. ``value``: a job or a priority."""

    action: str
    jobs: tuple[int, ...] = ()
    value: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """For people: what was done, and what was not, and why."""

    done: str = ""
    problem: str = ""


def asked(text: str) -> Asked:
    """Raises JobError for a priority that is none, ConfigError for what no page of ours sends."""
    action, _, rest = text[:_LONGEST].partition(" ")
    jobs, _, value = rest.partition(" ")
    try:
        if action not in _DONE:
            raise ValueError(action)
        found = () if jobs == "all" else tuple(dict.fromkeys(int(one) for one in jobs.split(",")[:MOST]))
        number = int(value or 0)
        if action == "priority" and abs(number) > MOST_PRIORITY:
            raise JobError(f"A priority is from -{MOST_PRIORITY:,} to {MOST_PRIORITY:,}.")
        return Asked(action, found, number)
    except ValueError:
        raise ConfigError(f"The page asks for {text[:60]!r}, which nothing here can do. Load it anew.") from None


def act(queue: Queue, wish: QueueWish, what: Asked) -> Outcome:
    """To each in a transaction of its own: one that cannot be changed keeps no other from it. Raises StoreError."""
    states = [state for state, actions in ACTIONS.items() if what.action in actions]
    jobs = list(what.jobs) or numbers(queue, wish, states or MOVABLE, MOST)
    change = _change(queue, wish, what, jobs)
    refused: list[str] = []
    last: Job | None = None
    for number in reversed(jobs) if what.action in _BACKWARDS else jobs:
        try:
            last = change(number)
        except JobError as error:
            refused.append(str(error))
    return Outcome(_done_said(what.action, last, len(jobs) - len(refused)), _refused_said(refused))


def _change(queue: Queue, wish: QueueWish, what: Asked, jobs: Sequence[int]) -> Callable[[int], Job]:
    if what.action == "priority":
        return lambda number: queue.prioritise(number, what.value)
    if what.action in ("up", "down", "before", "after"):
        before = _before(queue, wish, what, jobs)
        return lambda number: queue.move_to_end(number) if before is None else queue.move_before(number, before)
    simple = {
        "cancel": queue.cancel, "hold": queue.hold, "retry": queue.retry, "requeue": queue.requeue,
        "top": queue.move_to_top, "end": queue.move_to_end,
    }  # fmt: skip
    return simple[what.action]


def _before(queue: Queue, wish: QueueWish, what: Asked, jobs: Sequence[int]) -> int | None:
    """The job that they come before; None where they become the last."""
    if what.action == "before":
        return what.value
    around, place = neighbours(queue, wish, what.value if what.action == "after" else jobs[0])
    if place < 0:  # it has begun meanwhile, or ended: what is done to it says so
        return what.value or jobs[0]
    if what.action == "up":
        return around[max(0, place - 1)]
    behind = [number for number in around[place + (1 if what.action == "after" else 2) :] if number not in jobs]
    return behind[0] if behind else None


def _done_said(action: str, job: Job | None, count: int) -> str:
    if job is None or not count:
        return ""
    if count > 1:
        return f"{count:,} jobs {_DONE[action]}."
    is_asked = action == "cancel" and job.is_stopping
    return f"Job {job.number} {'is asked to stop' if is_asked else _DONE[action]}."


def _refused_said(refused: Sequence[str]) -> str:
    more = f" … and {len(refused) - _SHOWN:,} more." if len(refused) > _SHOWN else ""
    return "\n".join(refused[:_SHOWN]) + more
