"""What the page Pipeline does with one: plan it, run it, run a stage of it again, and put it into the queue."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import gradio as gr

from orchestrator_app.studio import html, pipeline_shelf
from orchestrator_app.studio.compat import listen
from orchestrator_app.studio.pages.pipeline_opening import runs_of
from orchestrator_app.studio.pipeline_desk import PipelineDesk, Results
from orchestrator_app.studio.pipeline_job import Finished, PipelineJob, Stand
from orchestrator_app.studio.pipeline_place import place_for
from orchestrator_app.studio.pipeline_results_html import images_html, plan_html, progress_html
from orchestrator_app.studio.pipeline_shelf import RecordKeeper
from orchestrator_app.studio.pipeline_stale import stale_in, varied_in, with_stale
from orchestrator_app.studio.pipeline_view import marks_of
from orchestrator_app.studio.pipeline_working import again_work, planned, queued, run_work
from orchestrator_app.studio.session import Session
from orchestrator_core.errors import ConfigError, OrchestratorError, PipelineError
from orchestrator_core.pipeline.batches import Items, product_of
from orchestrator_core.pipeline.seeding import seed_for, seeded
from orchestrator_core.spec import PipelineSpec

if TYPE_CHECKING:
    from orchestrator_app.studio.pages.pipeline import PipelinePage

_PLANNED = 20  # items that a plan shows
_PICTURES = 12  # of the newest items, while others are under way
_BUSY = "This page is still at work. Stop it first."
_QUIET: dict[str, Any] = {"show_progress": "hidden"}


class PipelineRunning:
    """The page's buttons and what follows from them."""

    def __init__(self, page: PipelinePage) -> None:
        self.page, self.live = page, page.live

    def connect(self) -> None:
        page = self.page
        inputs, long = [page.session, page.sent, page.target], {"concurrency_limit": None, **_QUIET}
        listen(page.run.click, self._on_run, inputs, self.outputs, **long)
        again = [page.again, *inputs]
        listen(page.again.change, self._on_again, again, self.outputs, trigger_mode="once", **long)
        listen(page.run.click, lambda: "", None, [page.planned], **_QUIET)
        listen(page.stop.click, self._on_stop, [page.session], [page.stop], **_QUIET)
        listen(page.plan.click, self._on_plan, inputs, [page.planned], show_progress="minimal")
        listen(page.queue.click, self._on_queue, inputs, [page.said], show_progress="minimal")

    @property
    def outputs(self) -> list[Any]:
        page = self.page
        return [page.run, page.stop, page.said, page.progress, page.made, page.run_folder, *page.shown]

    # plan, queue

    def _pipeline(self, session: Session, sent: str) -> PipelineSpec:
        """As it is written now, with a seed where it names none. Raises PipelineError."""
        desk = session.pipeline
        desk.type(sent)
        check = desk.state.check
        if desk.state.text_problem or check.pipeline is None:
            raise PipelineError(desk.state.text_problem or check.problem)
        return seeded(check.pipeline, seed_for(None))

    def _on_plan(self, session: Session, sent: str, target: str) -> str:
        try:
            pipeline = self._pipeline(session, sent)
            items = Items(pipeline)
            place = place_for(self.live, pipeline, self.live.target(target), dry=True)
            plans = [planned(item, place(item.pipeline)) for item in islice(items, _PLANNED)]
        except OrchestratorError as error:
            return html.notice(str(error))
        return plan_html(plans, product_of(pipeline), len(items))

    def _on_queue(self, session: Session, sent: str, target: str) -> str:
        try:
            pipeline = self._pipeline(session, sent)
            if self.live.environment.queue is None:
                raise ConfigError("This place has no queue.")
            title = pipeline_shelf.title_of(pipeline, session.pipeline.state.name)
            said = queued(self.live.environment.queue, Items(pipeline), self.live.target(target), title)
        except OrchestratorError as error:
            return html.notice(str(error))
        return html.notice(said, "good")

    # run

    def _on_run(self, session: Session, sent: str, target: str) -> Iterator[Any]:
        def make() -> tuple[PipelineJob, RecordKeeper]:
            pipeline = self._pipeline(session, sent)
            items, place = Items(pipeline), self.live.target(target)
            written = session.pipeline.state.check.pipeline or pipeline
            session.pipeline.set(results=Results((), varied_in(written)))
            work = run_work(self.live, pipeline, items, place)
            return self._job(work, len(items), pipeline_shelf.title_of(pipeline, session.pipeline.state.name))

        def taken(results: Results, stand: Stand) -> Results:
            return replace(results, done=stand.done)

        yield from self._worked(session, make, taken)

    def _on_again(self, said: str, session: Session, sent: str, target: str) -> Iterator[Any]:
        """A stage of the item that is shown, as it is written now, and what follows from it."""
        desk = session.pipeline
        kept = desk.state.results
        if not desk.is_new_act(said):  # some versions of gradio tell of one change twice
            yield self._values(None)
            return

        def make() -> tuple[PipelineJob, RecordKeeper]:
            desk.type(sent)
            asked = json.loads(said or "{}")
            card, shown = desk.state.draft.card(str(asked.get("key", ""))), kept.shown
            now = desk.state.check.stages
            if now is None or card is None or shown is None:
                raise PipelineError(desk.state.text_problem or desk.state.check.problem or "Nothing was run yet.")
            record = with_stale(shown.record, stale_in(shown.record, now, kept.varied))
            only, place = asked.get("act") == "again_only", self.live.target(target)
            work = again_work(self.live, record, shown, card.id, place, only=only)
            title = f"{pipeline_shelf.title_of(record.pipeline, desk.state.name)} {card.id}"
            return self._job(work, 1, title)

        def taken(results: Results, stand: Stand) -> Results:
            return kept.with_shown(stand.done[0]) if stand.done else kept

        yield from self._worked(session, make, taken)

    def _job(self, work: Any, items: int, title: str) -> tuple[PipelineJob, RecordKeeper]:
        from orchestrator_app.rendering import untold
        from orchestrator_app.studio.remembering import saver

        keeper = RecordKeeper(pipeline_shelf.outputs_of(self.live.settings), title)
        save, scoring = saver(self.live), self.live.environment.scoring

        def keep(finished: Finished) -> None:
            run = finished.record.result.run
            keeper.keep(finished.record, finished.number if items > 1 else 1)
            if run.draft.components:
                save(untold(run) if finished.error else run)

        return PipelineJob(work, items, keep, scoring.turn if scoring is not None else None), keeper

    def _worked(
        self,
        session: Session,
        make: Callable[[], tuple[PipelineJob, RecordKeeper]],
        taken: Callable[[Results, Stand], Results],
    ) -> Iterator[Any]:
        desk = session.pipeline
        if desk.is_busy:
            yield self._values(None, said=html.notice(_BUSY, "hint"))
            return
        try:
            job, keeper = make()
        except OrchestratorError as error:
            yield self._values(False, said=html.notice(str(error)))
            return
        desk.job = self.live.jobs.start(job)
        yield self._values(True, said="", made="")
        finished = 0
        for stand in job.stands():
            if stand.is_over:
                break
            made: Any = gr.update()
            if stand.finished != finished:
                finished, made = stand.finished, self._made(stand)
            marks = marks_of(desk.state, self.page.pictures.get, stand)
            yield self._values(None, progress=progress_html(stand), made=made, marks=marks)
        yield self._ended(session, desk, job, keeper, taken)

    def _ended(
        self,
        session: Session,
        desk: PipelineDesk,
        job: PipelineJob,
        keeper: RecordKeeper,
        taken: Callable[[Results, Stand], Results],
    ) -> tuple[Any, ...]:
        stand = job.stand
        results = taken(desk.state.results, stand)
        desk.set(results=replace(results, folder=keeper.path))
        runs = gr.update(choices=runs_of(self.live), value=None)
        progress = progress_html(stand, job.notes, keeper.path)
        shown = self.page.show(session)
        return self._values(False, progress=progress, made="", runs=runs, marks=shown[0])[:-2] + shown[1:]

    def _made(self, stand: Stand) -> str:
        """The images of the items that are done, while the others are under way."""
        images = [image for one in stand.done[-_PICTURES:] for image in one.record.result.run.images]
        return images_html(images, self.page.pictures.get) if stand.items > 1 else ""

    def _values(
        self,
        is_begun: bool | None,
        said: Any = None,
        progress: Any = None,
        made: Any = None,
        runs: Any = None,
        marks: Any = None,
    ) -> tuple[Any, ...]:
        """Values for ``outputs``; what is None stays. ``is_begun`` None: the buttons stay too."""
        buttons = (
            (gr.update(), gr.update())
            if is_begun is None
            else (gr.update(interactive=not is_begun), gr.update(interactive=is_begun))
        )
        told = [gr.update() if value is None else value for value in (said, progress, made, runs, marks)]
        return (*buttons, *told, gr.update(), gr.update())

    def _on_stop(self, session: Session) -> Any:
        if session.pipeline.job is not None:
            session.pipeline.job.stop()
        return gr.update(interactive=False)
