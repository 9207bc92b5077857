"""Renders what a test still lacks, by a job of the studio; what is finished is kept, whatever happens to the rest."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from orchestrator_app.lora_test.folder import IMAGES, TestFolder
from orchestrator_app.studio.environment import StoppableGenerator, Target
from orchestrator_app.studio.job import OVER, Job, Task, TaskState
from orchestrator_core.errors import OrchestratorError
from orchestrator_core.gallery.grids import LoraTest
from orchestrator_core.loras.testing import Cell
from orchestrator_core.run import Run, new_run_id
from orchestrator_core.stages import dispatch

_WRITTEN_EVERY = 10.0  # seconds between two writings of the page while images come

Save = Callable[[Run], None]
Keep = Callable[[LoraTest], None]


class TestRun:
    """One go at a test. ``done`` is set when it is over and its page is written; ``problem`` says what went wrong then.

    It goes on when nobody looks any more, as jobs do.
    """

    __test__ = False

    def __init__(
        self,
        folder: TestFolder,
        target: Target,
        remember: Save = lambda run: None,
        begin: Callable[[Job], Job] = Job.start,
        keep: Keep = lambda test: None,
    ) -> None:
        """``begin`` is what starts the job, where others are to know of it; ``keep`` keeps the test for the gallery."""
        self.folder, self.problem = folder, ""
        self.done = threading.Event()
        self._remember, self._begin, self._keep = remember, begin, keep
        self._cells: dict[str, Cell] = {}  # by run id
        self._failed: set[int] = set()
        self._started = time.monotonic()
        here = replace(target, generator=lambda: self._placed(target.generator()))
        tasks = [self._task(number, cell, here) for number, cell in enumerate(folder.missing(), 1)]
        self.job = Job(tasks, self._take)

    @property
    def total(self) -> int:
        """How many images this go renders."""
        return len(self._cells)

    def _task(self, number: int, cell: Cell, target: Target) -> Task:
        run = Run(new_run_id(), cell.draft)
        self._cells[run.id] = cell
        request = cell.request.replacing(checkpoint=cell.request.checkpoint or self.folder.checkpoint)
        values = {name: getattr(request, name) for name in dispatch.Options.model_fields}
        return Task(number, target, run, dispatch.Options.model_validate(values))

    def _placed(self, generator: StoppableGenerator) -> StoppableGenerator:
        """One that saves where it is told saves here; the others' images are copied."""
        if hasattr(generator, "output_folder"):
            generator.output_folder = self.folder.path / IMAGES
        return generator

    def cell(self, state: TaskState) -> Cell:
        return self._cells[state.task.run.id]

    # what happens

    def start(self) -> TestRun:
        """Begin. Raises ConfigError where nothing can be written."""
        self.folder.save()
        self.folder.write_grid()
        self._started = time.monotonic()
        threading.Thread(target=self._work, daemon=True, name="orchestrator LoRA test").start()
        return self

    def stop(self) -> None:
        """What is being rendered is stopped, the rest is not begun; what is finished stays."""
        self.job.stop()

    def _take(self, run: Run) -> None:
        """In the thread of the target, so that nothing is lost when nobody watches."""
        now = time.monotonic()
        path = self.folder.take(self._cells[run.id], run.images[0], now - self._started)
        self._started = now
        self._remember(run.replacing(images=(replace(run.images[0], path=path),)))

    def _work(self) -> None:
        try:
            self._follow()
            self.folder.look_at_all()
            self.folder.write_grid()
            self._keep(self.folder.for_gallery())
        except OrchestratorError as error:
            self.problem = str(error)
        except Exception as error:  # noqa: BLE001 - who waits for the end must not wait for ever
            self.problem = f"This should not have happened ({type(error).__name__}: {error})."
        finally:
            self.done.set()

    def _follow(self) -> None:
        self._begin(self.job)
        written = time.monotonic()
        for states in self.job.watch():
            self._keep_errors(states)
            if time.monotonic() - written > _WRITTEN_EVERY:
                self.folder.write_grid()
                written = time.monotonic()

    def _keep_errors(self, states: Sequence[TaskState]) -> None:
        for state in states:
            number = state.task.number
            if state.phase in OVER and state.error and number not in self._failed:
                self._failed.add(number)
                cell = self.cell(state)
                if self.folder.image(cell) is None:
                    self.folder.fail(cell, state.error)
