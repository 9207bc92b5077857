"""Renders planned prompts one after another; what is finished is kept, whatever happens to the others."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from orchestrator_app.output_folder import OutputFolder
from orchestrator_app.planning import RENDER, Planned
from orchestrator_app.progress import Lines
from orchestrator_app.studio.environment import StoppableGenerator
from orchestrator_app.studio.retrying import Retry, TriedRuns, without_scene
from orchestrator_core.context import StageContext
from orchestrator_core.errors import GeneratorError, GeneratorUnreachable, Interrupted, OrchestratorError
from orchestrator_core.generators.background import Call
from orchestrator_core.pipeline import run_pipeline
from orchestrator_core.prompt import MAX_SEED
from orchestrator_core.request import GeneratedImage
from orchestrator_core.run import Run
from orchestrator_core.spec import StageSpec
from orchestrator_core.stages.score_images import problems_of

if TYPE_CHECKING:
    from orchestrator_core.gallery.grids import LoraTest
    from orchestrator_core.store import Store

NOT_RENDERED = "not rendered"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a planned prompt. ``error`` is "" where it was rendered, or was not to be."""

    planned: Planned
    run: Run
    error: str = ""
    seconds: float = 0.0
    tries: str = ""  # what was tried until it showed enough, in lines; "" where that was not asked for

    @property
    def images(self) -> tuple[GeneratedImage, ...]:
        return self.run.images


class Renderer:
    """``save`` is called with each run when it is done, in the caller's thread: with all tries, where ``retry`` makes
    several, of which the best one is the result."""

    def __init__(
        self,
        context: StageContext,
        generator: StoppableGenerator,
        folder: OutputFolder,
        save: Callable[[Run], None],
        retry: Retry | None = None,
    ) -> None:
        self.context, self.generator, self.folder, self.save = context, generator, folder, save
        self._retry = retry
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
        work = Call(lambda: self._rendered(prompt, context))
        run, error, tried = prompt.run, "", None
        try:
            run, tried = self._wait(work)
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
        if tried is not None:
            run = self._kept(tried, prompt.number)
            self.reason = self.reason or (NOT_RENDERED if self.stopped_by_hand else "")
        else:
            run = self._taken_in(run, prompt.number)
        told = "" if tried is None else self._told(tried)
        return Result(prompt, run, error, time.monotonic() - started, told)

    def _rendered(self, prompt: Planned, context: StageContext) -> tuple[Run, TriedRuns | None]:
        """From the pipeline's first rendering on, as often as it takes."""
        start = prompt.first_rendering
        if start is None:
            return prompt.run, None
        if self._retry is None:
            return _run_from(start, prompt, context, prompt.run), None

        def render(run: Run, step: int) -> Run:
            return _run_from(start, prompt, context, run, step)

        tried = self._retry(prompt.run, render, lambda: self.stopped_by_hand)
        return tried.best, tried

    def _kept(self, tried: TriedRuns, number: int) -> Run:
        """The best run. The images of all tries come into the folder in their order, and the others are saved."""
        best, place = tried.best, 0
        for run in tried.runs:
            taken = self._taken_in(run, number, place)
            place += len(run.images)
            if run is tried.best:
                best = taken
            else:
                self.save(without_scene(taken))
        return best

    def _told(self, tried: TriedRuns) -> str:
        problems = dict.fromkeys(problem for run in tried.runs for problem in problems_of(run))
        report = tried.tries.report(self._retry.options.until) if self._retry else ""
        return "\n".join([report, *problems])

    def _wait(self, work: Call[tuple[Run, TriedRuns | None]]) -> tuple[Run, TriedRuns | None]:
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

    def _taken_in(self, run: Run, number: int, first: int = 0) -> Run:
        take_in = self.folder.take_in
        images = [replace(image, path=take_in(image.path, number, n)) for n, image in enumerate(run.images, first)]
        return run.replacing(images=tuple(images))

    def _line(self, result: Result) -> str:
        names = ", ".join(self.folder.relative(image.path) for image in result.images)
        if result.error and result.error == self.last_error:
            return f"{NOT_RENDERED}, for the same reason"
        self.last_error = result.error
        if result.error:
            return f"{result.error}{f' (kept: {names})' if names else ''}"
        tries = "".join(f"\n    {line}" for line in result.tries.splitlines())
        return f"{names}  {result.seconds:.1f} s{tries}"


def untold(run: Run) -> Run:
    """A run that was to be rendered and was not, as it is kept: a scene without an image did not happen.

    One with some of its images did.
    """
    return run if run.images else run.replacing(draft=run.draft.replacing(story=None))


def _run_from(start: str, prompt: Planned, context: StageContext, run: Run, step: int = 0) -> Run:
    """The pipeline from a stage on, with this run and a seed so much further."""
    before = dict.fromkeys(prompt.drawn.snapshots, run)
    pipeline = prompt.pipeline
    if step:
        seed = (prompt.request.seed + step) & MAX_SEED
        stages = [_with_seed(stage, seed) if stage.type == RENDER else stage for stage in pipeline.stages]
        pipeline = pipeline.model_copy(update={"stages": tuple(stages)})
    return run_pipeline(pipeline, context, run, start=start, before=before).run


def _with_seed(stage: StageSpec, seed: int) -> StageSpec:
    return stage.model_copy(update={"options": {**stage.options, "seed": seed}})


class Memory:
    """The store, as far as it can be had: no image is lost because a database is locked."""

    def __init__(self, warn: Callable[[str], None]) -> None:
        self.warn = warn
        self.store: Store | None = None
        self.failed = False

    def save(self, run: Run) -> None:
        self._write(lambda store: store.save_run(run))

    def keep_test(self, test: LoraTest) -> None:
        """For the gallery's grids."""
        from orchestrator_core.gallery.grids import keep

        self._write(lambda store: keep(store, test))

    def _write(self, write: Callable[[Store], None]) -> None:
        if self.failed:
            return
        try:
            if self.store is None:
                from orchestrator_core.store import Store

                self.store = Store.open()
            write(self.store)
        except OrchestratorError as error:
            self.failed = True
            self.warn(f"this run is not remembered for later: {error}")

    def close(self) -> None:
        if self.store is not None:
            self.store.close()
