"""Renders planned prompts one after another; what is finished is kept, whatever happens to the others."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from orchestrator_app.output_folder import OutputFolder
from orchestrator_app.planning import Planned
from orchestrator_app.progress import Lines
from orchestrator_app.studio.environment import StoppableGenerator
from orchestrator_core.context import StageContext
from orchestrator_core.errors import GeneratorError, GeneratorUnreachable, Interrupted, OrchestratorError
from orchestrator_core.generators.background import Call
from orchestrator_core.pipeline import run_pipeline
from orchestrator_core.request import GeneratedImage
from orchestrator_core.run import Run

if TYPE_CHECKING:
    from orchestrator_core.store import Store

NOT_RENDERED = "not rendered"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a planned prompt. ``error`` is "" where it was rendered, or was not to be."""

    planned: Planned
    run: Run
    error: str = ""
    seconds: float = 0.0

    @property
    def images(self) -> tuple[GeneratedImage, ...]:
        return self.run.images


class Renderer:
    """``save`` is called with each run when it is done, in the caller's thread."""

    def __init__(
        self, context: StageContext, generator: StoppableGenerator, folder: OutputFolder, save: Callable[[Run], None]
    ) -> None:
        self.context, self.generator, self.folder, self.save = context, generator, folder, save
        self.stopped_by_hand = False
        self.last_error = ""
        self.reason = ""  # why the rest is not rendered, if it is not

    def render(self, planned: list[Planned], progress: Lines) -> list[Result]:
        """A result for each prompt, in their order; those after a stop have no images."""
        results: list[Result] = []
        with progress:
            context = replace(self.context, generator=self.generator, progress=progress.report)
            for prompt in planned:
                try:
                    self._next(prompt, context, results, progress)
                except KeyboardInterrupt:  # not while the server was waited for, but while a result was stored
                    self.stopped_by_hand, self.reason = True, NOT_RENDERED
                    self.generator.cancel()
                    if len(results) < prompt.number:
                        results.append(Result(prompt, prompt.run, NOT_RENDERED))
        return results

    def _next(self, prompt: Planned, context: StageContext, results: list[Result], progress: Lines) -> None:
        if self.reason:
            results.append(Result(prompt, prompt.run, self.reason))
            self.save(untold(prompt.run))
            return
        progress.begin(prompt.number, prompt.run.draft.positive)
        result = self._one(prompt, context)
        results.append(result)
        self.save(untold(result.run) if result.error else result.run)
        progress.done(prompt.number, self._line(result))

    def _one(self, prompt: Planned, context: StageContext) -> Result:
        started = time.monotonic()
        work = Call(lambda: _run_rest(prompt, context))
        run, error = prompt.run, ""
        try:
            run = self._wait(work)
        except GeneratorError as problem:
            run, error = prompt.run.replacing(images=problem.images), str(problem)
            if isinstance(problem, GeneratorUnreachable):
                self.reason = f"{NOT_RENDERED}: the server is gone"
            elif isinstance(problem, Interrupted):
                self.reason = NOT_RENDERED
        except OrchestratorError as problem:
            error = str(problem)
        except OSError as problem:  # a full disk, which has no room for the next image either
            error = f"{problem.filename or self.folder.path}: {problem.strerror or problem}"
            self.reason = NOT_RENDERED
        except KeyboardInterrupt:  # pressed again: the server did not stop in time
            error = self.reason = NOT_RENDERED
        return Result(prompt, self._taken_in(run, prompt.number), error, time.monotonic() - started)

    def _wait(self, work: Call[Run]) -> Run:
        """The work's result. The first Ctrl-C stops the server's job, which ends the work; the second goes through."""
        while not work.done.is_set():
            try:
                work.done.wait(0.2)  # without a limit, Windows would not notice the key
            except KeyboardInterrupt:
                if self.stopped_by_hand:
                    raise
                self.stopped_by_hand = True
                self.generator.cancel()
        return work.result()

    def _taken_in(self, run: Run, number: int) -> Run:
        take_in = self.folder.take_in
        images = [replace(image, path=take_in(image.path, number, place)) for place, image in enumerate(run.images)]
        return run.replacing(images=tuple(images))

    def _line(self, result: Result) -> str:
        names = ", ".join(self.folder.relative(image.path) for image in result.images)
        if result.error and result.error == self.last_error:
            return f"{NOT_RENDERED}, for the same reason"
        self.last_error = result.error
        if result.error:
            return f"{result.error}{f' (kept: {names})' if names else ''}"
        return f"{names}  {result.seconds:.1f} s"


def untold(run: Run) -> Run:
    """A run that was to be rendered and was not, as it is kept: a scene without an image did not happen.

    One with some of its images did.
    """
    return run if run.images else run.replacing(draft=run.draft.replacing(story=None))


def _run_rest(prompt: Planned, context: StageContext) -> Run:
    """The pipeline from its first rendering on."""
    start = prompt.first_rendering
    if start is None:
        return prompt.run
    return run_pipeline(prompt.pipeline, context, prompt.run, start=start, before=prompt.drawn.snapshots).run


class Memory:
    """The store, as far as it can be had: no image is lost because a database is locked."""

    def __init__(self, warn: Callable[[str], None]) -> None:
        self.warn = warn
        self.store: Store | None = None
        self.failed = False

    def save(self, run: Run) -> None:
        if self.failed:
            return
        try:
            if self.store is None:
                from orchestrator_core.store import Store

                self.store = Store.open()
            self.store.save_run(run)
        except OrchestratorError as error:
            self.failed = True
            self.warn(f"this run is not remembered for later: {error}")

    def close(self) -> None:
        if self.store is not None:
            self.store.close()
