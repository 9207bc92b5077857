"""Resolves templates in the host's ordinary runs: what the script does at each of the host's calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from forge_extension import marks
from forge_extension.drawing import Drawn, comments, correct_hires_pairs, draw_job, draw_nested, read_options
from forge_extension.entry import say
from forge_extension.rendered import Rendered
from forge_extension.writing import Environment as WritingEnvironment
from forge_extension.writing import Host as WritingHost
from forge_extension.writing import writing_for
from orchestrator_app.studio.environment import Settings
from orchestrator_core.errors import Cancelled, OrchestratorError
from orchestrator_core.formats.infotext import parse_infotext
from orchestrator_core.request import GeneratedImage
from orchestrator_core.run import Run

if TYPE_CHECKING:
    from orchestrator_core.store import Store
    from orchestrator_core.template import Wildcards


class Host(WritingHost, Protocol):
    """What is needed of the host; ``host.forge`` has it."""

    def began(self) -> float: ...

    def interrupt(self) -> None: ...

    def rendered(self, job: Any, processed: Any) -> Rendered: ...


class Environment(WritingEnvironment, Protocol):
    """See ``environment.ForgeEnvironment``."""

    def settings(self) -> Settings: ...

    def wildcards(self, settings: Settings) -> Wildcards: ...

    def open_store(self) -> Store: ...

    def rated(self, runs: Sequence[Run], settings: Settings) -> None:
        """Scores them, and keeps the scores. Raises OrchestratorError."""


@dataclass(frozen=True, slots=True)
class _Running:
    """The job that is being rendered; scripts may make others within it."""

    began: float
    job: Any
    drawn: Drawn

    @property
    def place(self) -> int:
        """Which image it is at, by what the host counts."""
        return int(self.job.iteration) * int(self.job.batch_size) + int(getattr(self.job, "batch_index", 0))


class Resolver:
    """The host calls under the lock of its queue, so there is one job at a time, and those that are made within it.

    A script that copies a job's prompt gets the drawn one, since the job has it in place of its template while it runs;
    at its end it has its template again, for scripts that run one job several times.
    """

    def __init__(self, host: Host, environment: Environment, tell: Callable[[str], None] = say) -> None:
        self.host, self.environment, self.tell = host, environment, tell
        self._running: _Running | None = None

    def process(self, job: Any, arguments: Sequence[Any]) -> None:
        """Before the images of a job are begun, when its prompts and seeds are known."""
        if marks.is_final(job):
            return
        try:
            options = read_options(arguments)
            if not options.enabled:
                return
            settings = self.environment.settings()
            wildcards = self.environment.wildcards(settings)
            outer = self._outer()
            if outer is not None:
                draw_nested(job, options, wildcards, outer.drawn, outer.place)
                return
            writing = writing_for(job, options, settings, self.host, self.environment)
            drawn = draw_job(job, options, wildcards, writing)
        except OrchestratorError as error:
            self._refuse(job, str(error))
            return
        marks.keep(job, drawn)
        self._running = _Running(self.host.began(), job, drawn)
        self._show(job, 0)
        for comment in comments(drawn):
            job.comment(comment)

    def at_image(self, job: Any, place: int) -> None:
        """Before the ``place``-th image of a job, or the batch that begins with it."""
        drawn = marks.kept(job)
        if drawn is not None:
            correct_hires_pairs(job, drawn)
            self._show(job, place)

    def finish(self, job: Any, processed: Any) -> None:
        drawn = marks.kept(job)
        if drawn is None:
            return
        marks.forget(job)
        self._running = None
        job.prompt, job.negative_prompt = drawn.prompt, drawn.negative
        settings = self.environment.settings()
        told = any(draft.story is not None for draft in drawn.drafts)
        if told or settings.remember_runs or settings.score_images:
            self._take_in(job, _runs(drawn, self.host.rendered(job, processed)), settings, told=told)

    def _outer(self) -> _Running | None:
        """The job that this one is made within: one of the same task that is not finished."""
        if self._running is not None and self._running.began != self.host.began():
            self._running = None  # it failed, and so was never finished
        return self._running

    def _show(self, job: Any, place: int) -> None:
        if place < len(job.all_prompts):
            job.prompt, job.negative_prompt = job.all_prompts[place], job.all_negative_prompts[place]

    def _refuse(self, job: Any, message: str) -> None:
        """Nothing is rendered: a prompt with its wildcards in it is not what was asked for."""
        job.comment(message)
        self.tell(message)
        self.host.interrupt()

    def _take_in(self, job: Any, runs: Sequence[Run], settings: Settings, *, told: bool) -> None:
        """Remembers the runs, and scores their images. A scene of a story is always kept: that is what the story is."""
        try:
            if told or settings.remember_runs:
                with self.environment.open_store() as store:
                    store.save_runs(runs)
        except OrchestratorError as error:
            self.tell(f"the run is not remembered: {error}")
        if settings.score_images:
            self._score(job, runs, settings)

    def _score(self, job: Any, runs: Sequence[Run], settings: Settings) -> None:
        """While the job still has the queue. What fails here costs no image."""
        self.host.tell(f"Scoring {len(runs)} image{'s' * (len(runs) != 1)}")
        try:
            self.environment.rated(runs, settings)
        except Cancelled:
            pass
        except OrchestratorError as error:
            message = f"the images are not scored: {error}"
            self.tell(message)
            job.comment(message)
        finally:
            self.host.tell("")


def _runs(drawn: Drawn, rendered: Rendered) -> list[Run]:
    runs = []
    for draft, notes, image in zip(drawn.drafts, drawn.notes, rendered.images, strict=False):
        request = parse_infotext(image.infotext).request.replacing(seed=image.seed)
        runs.append(Run(notes.run_id, draft, (GeneratedImage(Path(image.path), request, notes.run_id),)))
    return runs
