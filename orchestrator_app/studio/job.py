"""Renders drawn prompts in threads of their own, one for each target; a page looks at the job as often as it likes.

A job goes on when the page that began it is closed: what it makes is in the output folder and in the store.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from orchestrator_app.studio.environment import StoppableGenerator, Target
from orchestrator_app.studio.rating import Rate, Rating
from orchestrator_app.studio.retrying import Retries
from orchestrator_core.context import StageContext
from orchestrator_core.enhancing.enhancer import Live
from orchestrator_core.errors import Cancelled, GeneratorError, GeneratorUnreachable, Interrupted, OrchestratorError
from orchestrator_core.prompt import MAX_SEED
from orchestrator_core.request import GeneratedImage, GenerationRequest, Progress
from orchestrator_core.run import Run
from orchestrator_core.stages import dispatch
from orchestrator_core.template import Wildcards

Phase = Literal["waiting", "writing", "running", "done", "failed", "stopped"]
OVER = ("done", "failed", "stopped")
_PAUSE = 0.25  # seconds between two looks at a job


@dataclass(frozen=True, slots=True)
class Task:
    """A drawn prompt that is to be rendered there."""

    number: int  # from 1
    target: Target
    run: Run
    options: dispatch.Options

    @property
    def request(self) -> GenerationRequest:
        return dispatch.request_for(self.run.draft, self.options)


@dataclass(frozen=True, slots=True)
class TaskState:
    """How far a task is. ``run`` has the images that are there already."""

    task: Task
    run: Run
    phase: Phase = "waiting"
    progress: Progress | None = None
    error: str = ""
    seconds: float = 0.0
    text: str = ""  # what a language model has answered so far
    is_scoring: bool = False  # its images are there, and their scores are to come
    tries: str = ""  # what was tried until it showed enough, in lines

    @property
    def is_over(self) -> bool:
        return self.phase in OVER and not self.is_scoring

    @property
    def images(self) -> tuple[GeneratedImage, ...]:
        return self.run.images


Prepare = Callable[[Task, Live], Run]  # the task's run as it is to be rendered; raises OrchestratorError


class Job:
    """``save`` is called with each run that has images, in the thread of its target.

    All tasks are prepared first, in their order: a language model and an image model seldom fit into one memory. Then
    targets work side by side; the tasks of one go in their order, and one that fails does not stop the others.
    ``renders`` False: to be prepared is all that is wanted. ``rate`` scores what has images. With ``retries`` each is
    rendered until it shows enough, and the best try is its run; the others are saved too.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        save: Callable[[Run], None],
        prepare: Prepare | None = None,
        *,
        renders: bool = True,
        rate: Rate | None = None,
        retries: Retries | None = None,
    ) -> None:
        self.save, self._prepare, self._renders, self._retries = save, prepare, renders, retries
        rate = None if retries is not None else rate  # whose tries are scored already
        self._rating = Rating(rate, self._on_scored, self._note) if rate is not None else None
        self._numbers = {task.run.id: task.number for task in tasks}
        self.notes: list[str] = []  # what went wrong beside the rendering
        self.stopping = False
        self._states = {task.number: TaskState(task, task.run) for task in tasks}
        self._changed = threading.Condition()
        self._generators: list[StoppableGenerator] = []
        self._targets = tuple({task.target.name: task.target for task in tasks}.values())

    def start(self) -> Job:
        if self._prepare is None:
            self._begin_rendering()
        else:
            threading.Thread(target=self._write, args=(self._prepare,), daemon=True, name="orchestrator writes").start()
        return self

    def _begin_rendering(self) -> None:
        for target in self._targets:
            threading.Thread(target=self._work, args=(target,), daemon=True, name=f"orchestrator {target.name}").start()

    def stop(self) -> None:
        """What is being rendered is stopped, the rest is not begun; what is finished stays."""
        with self._changed:
            self.stopping = True
            generators = list(self._generators)
        for generator in generators:
            generator.cancel()
        if self._rating is not None:
            self._rating.stop()

    @property
    def states(self) -> tuple[TaskState, ...]:
        with self._changed:
            return tuple(self._states.values())

    def state(self, number: int) -> TaskState | None:
        """That of one task; None where the job has no task of that number."""
        with self._changed:
            return self._states.get(number)

    @property
    def is_over(self) -> bool:
        return all(state.is_over for state in self.states)

    def watch(self, pause: float = _PAUSE) -> Iterator[tuple[TaskState, ...]]:
        """The states, at once and then whenever they changed; ends when everything is over."""
        seen = self.states
        yield seen
        while not all(state.is_over for state in seen):
            with self._changed:
                self._changed.wait(pause)
            time.sleep(pause / 5)  # several changes of one moment are one
            if (now := self.states) != seen:
                seen = now
                yield seen

    def _set(self, number: int, **changes: object) -> None:
        with self._changed:
            self._states[number] = replace(self._states[number], **changes)  # type: ignore[arg-type]
            self._changed.notify_all()

    def _write(self, prepare: Prepare) -> None:
        tasks = [state.task for state in self.states]
        for task in tasks:
            if self.stopping:
                self._set(task.number, phase="stopped")
            else:
                self._write_one(task, prepare, is_last=task is tasks[-1])
        if self._renders:
            self._begin_rendering()

    def _write_one(self, task: Task, prepare: Prepare, *, is_last: bool) -> None:
        self._set(task.number, phase="writing")
        pieces: list[str] = []

        def on_text(text: str) -> None:
            pieces.append(text)
            self._set(task.number, text="".join(pieces))

        try:
            run = prepare(task, Live(on_text, lambda: self.stopping, is_last=is_last))
        except Cancelled:
            self._set(task.number, phase="stopped", text="")
        except OrchestratorError as problem:
            self._set(task.number, phase="failed", error=str(problem), text="")
        except Exception as problem:  # noqa: BLE001 - as in _work
            self._set(task.number, phase="failed", error=_unexpected(problem), text="")
        else:
            phase = "waiting" if self._renders else "done"
            self._set(task.number, phase=phase, task=replace(task, run=run), run=run, text="")

    def _work(self, target: Target) -> None:
        tasks = [
            state.task for state in self.states if state.task.target.name == target.name and state.phase not in OVER
        ]
        if not tasks:
            return
        reason = ""
        generator: StoppableGenerator | None = None
        try:
            generator = target.generator()
        except OrchestratorError as error:
            reason = str(error)
        except Exception as error:  # noqa: BLE001 - a task without an end would leave the page waiting for ever
            reason = _unexpected(error)
        if generator is not None:
            with self._changed:
                self._generators.append(generator)
        for task in tasks:
            if self.stopping:
                self._set(task.number, phase="stopped")
            elif generator is None or reason:
                self._set(task.number, phase="failed", error=reason)
            else:
                reason = self._render(task, generator)

    def _render(self, task: Task, generator: StoppableGenerator) -> str:
        """Why those that follow have no chance; "" where they have."""
        started = time.monotonic()
        self._set(task.number, phase="running")
        run, phase, error, reason = task.run, "done", "", ""
        try:
            run = self._best(task, generator) if self._retries else self._rendered(task, generator, task.run)
        except Interrupted as problem:
            run, phase, error = run.replacing(images=problem.images), "stopped", "" if self.stopping else str(problem)
        except GeneratorError as problem:
            run, phase, error = run.replacing(images=problem.images), "failed", str(problem)
            if isinstance(problem, GeneratorUnreachable):
                reason = error
        except OrchestratorError as problem:
            phase, error = "failed", str(problem)
        except Exception as problem:  # noqa: BLE001 - as above, and the others go on
            phase, error = "failed", _unexpected(problem)
        if run.images:
            self._save(run)
        rating = self._rating if run.images else None
        seconds = time.monotonic() - started
        changes = {"phase": phase, "run": run, "error": error, "progress": None, "seconds": seconds}
        self._set(task.number, **changes, is_scoring=rating is not None)
        if rating is not None:
            rating.add(run)
        return reason

    def _on_scored(self, run: Run) -> None:
        self._set(self._numbers[run.id], run=run, is_scoring=False)

    def _best(self, task: Task, generator: StoppableGenerator) -> Run:
        """The best of the tries; what was tried is told, and the others are saved."""
        assert self._retries is not None
        checkpoint = task.target.base_model(task.options.checkpoint)
        retry = self._retries.of(checkpoint, lambda: self.stopping, self._note)

        def render(run: Run, step: int) -> Run:
            return self._rendered(task, generator, run, step)

        tried = retry(task.run, render, lambda: self.stopping)
        for run in tried.others:
            self._save(run)
        self._set(task.number, tries=tried.tries.report(retry.options.until))
        return tried.best

    def _rendered(self, task: Task, generator: StoppableGenerator, run: Run, step: int = 0) -> Run:
        """``step``: how much further the seed is."""

        def report(progress: Progress) -> None:
            if self.stopping:  # it was asked to stop before it had begun
                generator.cancel()
            before = self._states[task.number].progress
            if not progress.preview and before is not None:
                progress = replace(progress, preview=before.preview)
            self._set(task.number, progress=progress)

        context = StageContext(Wildcards([]), generator, progress=report)
        options = task.options
        if step:
            options = options.model_copy(update={"seed": (task.request.seed + step) & MAX_SEED})
        return dispatch.stage(run, context, options)

    def _save(self, run: Run) -> None:
        try:
            self.save(run)
        except OrchestratorError as error:
            self._note(f"Not remembered: {error}")

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def _unexpected(error: Exception) -> str:
    return f"This should not have happened ({type(error).__name__}: {error})."
