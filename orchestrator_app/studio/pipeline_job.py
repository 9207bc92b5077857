"""A pipeline at work in a thread of its own: each item of its batch, or one stage of a finished run again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from orchestrator_app.studio.html import number
from orchestrator_core.cancelling import Cancellation
from orchestrator_core.errors import Cancelled, Interrupted, OrchestratorError
from orchestrator_core.pipeline.running import FAILED, LEFT
from orchestrator_core.request import Progress

if TYPE_CHECKING:
    from orchestrator_app.studio.scoring import Turn
    from orchestrator_core.pipeline.differences import Change
    from orchestrator_core.pipeline.rerunning import PipelineRecord
    from orchestrator_core.pipeline.running import StageEvent

_PAUSE = 0.25  # seconds between two looks at a job
_KEPT = 500  # items that a page has at hand; the records of all are in their folder
RUNNING = "running"


@dataclass(frozen=True, slots=True)
class StageStand:
    """How a stage stands: ``state`` is "running", "retrying", "fell back", or what became of it."""

    state: str
    detail: str = ""
    seconds: float = 0.0
    progress: Progress | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """What became of an item; ``values`` are those of its batch. ``before`` and ``changes``: of a stage that was done
    again."""

    number: int
    record: PipelineRecord
    error: str = ""
    stands: Mapping[str, StageStand] = field(default_factory=dict)
    before: PipelineRecord | None = None
    changes: tuple[Change, ...] = ()
    values: str = ""

    @property
    def name(self) -> str:
        return f"{self.number:,}: {self.values}" if self.values else f"{self.number:,}"


@dataclass(frozen=True, slots=True)
class Stand:
    """How far a job is: ``stands`` are those of the stages of the item that is under way, ``done`` what was finished
    last, of ``finished`` in all."""

    items: int
    item: int = 1
    stage: str = ""
    stands: Mapping[str, StageStand] = field(default_factory=dict)
    done: tuple[Finished, ...] = ()
    is_over: bool = False
    error: str = ""
    stages: int = 1  # of an item
    finished: int = 0
    failed: int = 0
    images: int = 0


Work = Callable[["PipelineJob"], Iterator[Finished]]


class PipelineJob:
    """``work`` gives what is finished, and tells ``watch`` of its stages. ``keep`` is called with each, in the thread.

    ``turn``: in which a model of this process may look at images, so that a host does not render meanwhile.
    """

    def __init__(self, work: Work, items: int, keep: Callable[[Finished], None], turn: Turn | None = None) -> None:
        self.cancellation = Cancellation()
        self.notes: list[str] = []  # what went wrong beside it
        self._work, self._keep, self._turn = work, keep, turn
        self._stand = Stand(items)
        self._changed = threading.Condition()
        self._began = 0.0
        self._in_turn = ExitStack()

    def start(self) -> PipelineJob:
        threading.Thread(target=self._run, daemon=True, name="orchestrator pipeline").start()
        return self

    def stop(self) -> None:
        """What is under way is stopped, at its host too; what is finished stays."""
        self.cancellation.cancel()

    @property
    def stand(self) -> Stand:
        with self._changed:
            return self._stand

    @property
    def is_over(self) -> bool:
        return self.stand.is_over

    @property
    def line(self) -> str:
        return line_of(self.stand)

    def stands(self) -> Iterator[Stand]:
        """At once and then whenever it changed; ends when everything is over."""
        seen = self.stand
        yield seen
        while not seen.is_over:
            with self._changed:
                self._changed.wait(_PAUSE)
            time.sleep(_PAUSE / 5)  # several changes of one moment are one
            if (now := self.stand) != seen:
                seen = now
                yield seen

    def watch(self, event: StageEvent) -> None:
        """As ``run_pipeline`` tells of it."""
        now = time.monotonic()
        if event.state == "begun":
            self._began = now
            self._take_turn(event)
        kept = self.stand.stands
        state = RUNNING if event.state in ("begun", "working") else event.state
        before = kept.get(event.stage.id)
        progress = _with_preview(event.progress, before)
        worked = event.state in LEFT and before is not None
        stand = StageStand(state, event.detail, now - self._began if worked else 0.0, progress)
        self._set(
            item=event.item, items=event.items, stage=event.stage.id, stages=event.stages,
            stands={**kept, event.stage.id: stand},
        )  # fmt: skip
        if event.state in LEFT:
            self._in_turn.close()

    def _take_turn(self, event: StageEvent) -> None:
        self._in_turn.close()
        if event.stage.type == "scoreImages" and self._turn is not None:
            self._in_turn.enter_context(self._turn(self.cancellation.is_cancelled))

    def _set(self, **changes: object) -> None:
        with self._changed:
            self._stand = replace(self._stand, **changes)  # type: ignore[arg-type]
            self._changed.notify_all()

    def _run(self) -> None:
        error = ""
        try:
            for finished in self._work(self):
                self._take_in(finished)
        except (Interrupted, Cancelled):
            error = "" if self.cancellation.is_cancelled() else "It was interrupted at its host."
        except OrchestratorError as problem:
            error = str(problem)
        except Exception as problem:  # noqa: BLE001 - a job without an end would leave the page waiting for ever
            error = f"This should not have happened ({type(problem).__name__}: {problem})."
        finally:
            self._in_turn.close()
        self._set(is_over=True, error=error)

    def _take_in(self, finished: Finished) -> None:
        self._in_turn.close()
        finished = replace(finished, stands={**finished.stands, **_ended(self.stand.stands, finished.error)})
        try:
            self._keep(finished)
        except OrchestratorError as problem:
            if str(problem) not in self.notes:
                self.notes.append(str(problem))
        now = self.stand
        self._set(
            done=(*now.done[1 - _KEPT :], finished), stands={}, finished=now.finished + 1,
            failed=now.failed + bool(finished.error), images=now.images + len(finished.record.result.run.images),
        )  # fmt: skip


def _ended(stands: Mapping[str, StageStand], error: str) -> Mapping[str, StageStand]:
    """The stage that an item ended in has failed, and says why."""
    return {
        stage_id: stand if stand.state in LEFT else replace(stand, state=FAILED, detail=error, progress=None)
        for stage_id, stand in stands.items()
    }


def _with_preview(progress: Progress | None, before: StageStand | None) -> Progress | None:
    if progress is None or progress.preview or before is None or before.progress is None:
        return progress
    return replace(progress, preview=before.progress.preview)


def share_of(stand: Stand) -> float:
    """How much of all is done, 0 to 1."""
    if stand.is_over:
        return 1.0
    now = stand.stands.get(stand.stage)
    progress = now.progress if now else None
    part = progress.step / progress.steps if progress and progress.steps else 0.0
    stages = sum(1 for one in stand.stands.values() if one.state in LEFT) + min(part, 1.0)
    return min(1.0, (stand.finished + stages / max(1, stand.stages)) / max(1, stand.items))


def line_of(stand: Stand) -> str:
    """``item 2 of 6: render: step 3/8``, or what became of all."""
    if stand.is_over:
        ends = [f"{stand.finished - stand.failed:,} of {stand.items:,} done"]
        ends += [number(stand.images, "image")] if stand.images else []
        return ", ".join([*ends, *([f"{stand.failed:,} not finished"] if stand.failed else [])])
    where = f"item {min(stand.item, stand.items):,} of {stand.items:,}: " if stand.items > 1 else ""
    now = stand.stands.get(stand.stage)
    if now is None:
        return f"{where}beginning …"
    progress = now.progress
    if progress and progress.steps:
        return f"{where}{stand.stage}: {progress.what}, step {progress.step}/{progress.steps}"
    return f"{where}{stand.stage}: {progress.what if progress else now.state}"
