"""Batch: prompt files, as rows that each go where their toggle says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.processing_utils import save_bytes_to_cache

from orchestrator_app.studio import batch, html, job_html
from orchestrator_app.studio.choosing import Wanted
from orchestrator_app.studio.compat import html_box, kw, listen
from orchestrator_app.studio.job import Job, Prepare
from orchestrator_app.studio.live import LiveEnvironment
from orchestrator_app.studio.odds import Odds
from orchestrator_app.studio.pages.batch_table import BatchTable
from orchestrator_app.studio.pages.generate import GeneratePage
from orchestrator_app.studio.pages.generate_elements import Rendering
from orchestrator_app.studio.pages.results import ResultsPanel, run_buttons
from orchestrator_app.studio.remembering import forget, saver
from orchestrator_app.studio.session import Session
from orchestrator_core.errors import OrchestratorError

_FILES = [".json", ".txt", ".csv", ".yaml", ".yml"]
_BUSY = "This batch is still running. Interrupt it first."
_NOTHING_TO_ADD = "Switch Enhance on, or choose a story, on the Generate page: its settings are those of the rows."
_EMPTY = (
    "Drop prompt files: JSON lists, payloads of A1111, CSV of Dynamic Prompts, a prompt in each line, templates. "
    "What a row leaves open is as it is set on the Generate page."
)


class BatchPage:
    """``generate`` is the Generate page, whose rendering form has what rows leave open; ``tab`` shows this page."""

    def __init__(self, live: LiveEnvironment, session: Any, tab: Any, generate: GeneratePage) -> None:
        self.live, self.session, self.tab, self.generate = live, session, tab, generate
        self.targets = list(live.targets)
        with kw(gr.Row, elem_classes=["orc-columns"], equal_height=False):
            with gr.Column(scale=5, min_width=320):
                self.files = kw(
                    gr.File, label="Prompt files", file_count="multiple", file_types=_FILES, type="filepath",
                    height=128, elem_id="orchestrator_batch_files",
                )  # fmt: skip
                self.take = kw(gr.Button, value="Add the prompts of Generate", size="sm", elem_id="orchestrator_take")
                self.notes = html_box(html.notice(_EMPTY, "quiet"), elem_id="orchestrator_batch_notes")
            with gr.Column(scale=6, min_width=320):
                self._commands()
        panel = ResultsPanel(live, session, lambda session: session.batch, "orchestrator_batch", columns=8)
        self.results = panel
        with kw(gr.Row, elem_classes=["orc-line", "orc-tools"], visible=False) as self.tools:
            self.all_to = [kw(gr.Button, value=f"All to {name}", size="sm", min_width=90) for name in self.targets]
            self.clear = kw(gr.Button, value="Clear the list", size="sm", min_width=90)
            self.enhance = kw(gr.Button, value="Enhance the rows", size="sm", elem_id="orchestrator_batch_enhance")
            self.export = kw(gr.Button, value="Save the list as a file", size="sm", elem_id="orchestrator_export")
        self.exported = kw(
            gr.File, label="The list as a prompt file", visible=False, interactive=False, height=90,
            elem_id="orchestrator_exported",
        )  # fmt: skip
        self.table = BatchTable(live)

    def _commands(self) -> None:
        self.summary = html_box(html.summary_html("Nothing to render yet."), elem_id="orchestrator_batch_summary")
        with kw(gr.Row, elem_classes=["orc-line"]):
            self.run = kw(gr.Button, value="Run all", variant="primary", elem_id="orchestrator_batch_run", scale=3)
            self.to_queue = kw(
                gr.Button, value="Add to queue", scale=1, min_width=90, elem_id="orchestrator_batch_to_queue",
                visible=self.live.environment.queue is not None,
            )  # fmt: skip
            self.interrupt = kw(
                gr.Button, value="Interrupt", scale=1, min_width=90, elem_id="orchestrator_batch_interrupt",
                interactive=False,
            )  # fmt: skip
        self.progress = html_box("", elem_id="orchestrator_batch_progress")

    # what happens

    def connect(self) -> None:
        quiet: dict[str, Any] = {"show_progress": "hidden"}
        table = self.table
        typed, shown = [self.session, *table.inputs], [self.tools, self.summary, *table.outputs]
        listen(
            self.files.upload,
            self._on_files,
            [self.session, self.files, *table.inputs],
            [self.files, self.notes, *shown],
        )
        taken = [*self.generate.inputs, *table.inputs]
        listen(self.take.click, self._on_take, taken, [self.notes, *shown], **quiet)
        listen(self.clear.click, self._on_clear, [self.session], [self.notes, *shown], **quiet)
        for name, button in zip(self.targets, self.all_to, strict=True):
            listen(button.click, self._all_to(name), typed, shown, **quiet)
        listen(table.previous.click, self._turn(-1), typed, shown, **quiet)
        listen(table.next.click, self._turn(1), typed, shown, **quiet)
        listen(table.edits, self._on_edit, typed, [self.summary, *table.heads], trigger_mode="always_last", **quiet)
        # the Generate page may say otherwise now which LoRAs to choose
        listen(self.tab.select, self._on_edit, typed, [self.summary, *table.heads], **quiet)
        self._connect_job(typed, quiet)
        self.results.connect()

    def _connect_job(self, typed: list[Any], quiet: dict[str, Any]) -> None:
        everything = [*typed, *self.generate.render_inputs]
        outputs = [self.run, self.interrupt, self.progress, *self.table.heads, *self.results.outputs]
        listen(self.run.click, self._on_run, everything, outputs, concurrency_limit=None, **quiet)
        told = [self.run, self.interrupt, self.progress, *self.table.outputs]
        listen(self.enhance.click, self._on_enhance, everything, told, concurrency_limit=None, **quiet)
        listen(self.interrupt.click, self._on_interrupt, [self.session], [self.interrupt], **quiet)
        listen(self.export.click, self._on_export, everything, [self.exported, self.notes], **quiet)

    def split(self, values: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
        """(what the table says, what the form of the Generate page says)."""
        size = len(self.table.inputs)
        return values[:size], values[size:]

    def _shown(self, session: Session, page: int | None = None) -> tuple[Any, ...]:
        return gr.update(visible=bool(session.rows)), self._summary(session), *self.table.shown(session, page)

    def _on_files(self, session: Session, paths: Sequence[str] | None, *values: Any) -> tuple[Any, ...]:
        self.table.keep(session, values)
        found = batch.read_files([Path(path) for path in paths or ()], self.targets)
        first = len(session.rows)
        session.rows = (session.rows + self._with_odds(found.rows))[: batch.MOST]
        said = html.notice(f"{html.number(len(found.rows), 'row')} read.", "good") if found.rows else ""
        notes = said + "".join(html.notice(text) for text in found.problems)
        return None, notes, *self._shown(session, first // batch.PAGE if found.rows else None)

    def _with_odds(self, rows: tuple[batch.Row, ...]) -> tuple[batch.Row, ...]:
        if not self.live.odds_number:
            return rows

        def odds(row: batch.Row) -> Odds:
            checkpoint = str(row.wish.settings.get("checkpoint", ""))
            return self.live.odds(row.wish.profiles, row.wish.genre, self.live.target(row.target), checkpoint)

        return batch.with_odds(rows, odds)

    def _on_take(self, session: Session, *values: Any) -> tuple[Any, ...]:
        size = len(self.generate.inputs) - 1
        self.table.keep(session, values[size:])
        count, target, *form = values[:size]
        try:
            drafts = self.generate.drafts(session, count, target, *form)
        except OrchestratorError as error:
            return html.notice(str(error)), *self._shown(session)
        first = len(session.rows)
        session.rows = (*session.rows, *(batch.row_of_draft(draft, target) for draft in drafts))[: batch.MOST]
        said = html.notice(f"{html.number(len(drafts), 'row')} added.", "good")
        return said, *self._shown(session, first // batch.PAGE)

    def _on_clear(self, session: Session) -> tuple[Any, ...]:
        if session.batch.is_busy:
            raise gr.Error(_BUSY)
        session.rows, session.row_problems, session.batch.job = (), {}, None
        return html.notice(_EMPTY, "quiet"), *self._shown(session, 0)

    def _all_to(self, name: str) -> Callable[..., tuple[Any, ...]]:
        def change(session: Session, *values: Any) -> tuple[Any, ...]:
            self.table.keep(session, values)
            session.rows = batch.all_to(session.rows, name)
            return self._shown(session)

        return change

    def _turn(self, pages: int) -> Callable[..., tuple[Any, ...]]:
        def turn(session: Session, *values: Any) -> tuple[Any, ...]:
            self.table.keep(session, values)
            return self._shown(session, session.page + pages)

        return turn

    def _on_edit(self, session: Session, *values: Any) -> tuple[Any, ...]:
        self.table.keep(session, values)
        self.table.look_up(session)
        return self._summary(session), *self.table.heads_of(session)

    def _summary(self, session: Session) -> str:
        return html.summary_html(batch.summary(session.rows, self.targets))

    # the job

    def _on_run(self, session: Session, *values: Any) -> Iterator[Any]:
        if session.batch.is_busy:
            raise gr.Error(_BUSY)
        typed, form = self.split(values)
        self.table.keep(session, typed)
        try:
            wanted = self.generate.rendering(form)
            session.wanted = wanted.loras
            self.table.look_up(session)
            plan, prepare = self._planned(session, wanted)
            rate, retries = self.live.rate(), self.live.retries(wanted.retry)
        except OrchestratorError as error:
            yield self._during(session, html.notice(str(error)))
            return
        session.row_problems = plan.problems
        session.batch.job = job = self.live.jobs.start(
            Job(plan.tasks, saver(self.live), prepare, rate=rate, retries=retries)
        )
        yield self._during(session, "", is_running=True, results=self.results.cleared(session))
        for states in job.watch():
            results = self.results.added(session, states)
            yield self._during(session, self._progress(job, plan), is_running=None, results=results)
        yield self._during(session, self._progress(job, plan), results=self.results.finished(session))

    def _planned(
        self, session: Session, wanted: Rendering, *, renders: bool = True
    ) -> tuple[batch.Plan, Prepare | None]:
        """The tasks, and what is done with each before it is rendered; LoRAs are chosen for what it is then."""
        live, loras = self.live, session.wanted if renders else Wanted()
        prepare = live.preparation(wanted.wishes, loras, {}) if wanted.wishes.is_any else None
        choose = live.choose(loras) if prepare is None else None
        return batch.plan(session.rows, live.wildcards, live.targets, wanted.options, choose, live.profiles), prepare

    def _on_enhance(self, session: Session, *values: Any) -> Iterator[Any]:
        """Makes the rows what they would be rendered as: scenes of the story, enhanced; nothing is rendered."""
        if session.batch.is_busy:
            raise gr.Error(_BUSY)
        typed, form = self.split(values)
        self.table.keep(session, typed)
        unchanged = tuple(gr.update() for _ in self.table.outputs)
        try:
            plan, prepare = self._planned(session, self.generate.rendering(form), renders=False)
        except OrchestratorError as error:
            yield *run_buttons(False), html.notice(str(error)), *unchanged
            return
        if prepare is None:
            yield *run_buttons(False), html.notice(_NOTHING_TO_ADD, "hint"), *unchanged
            return
        session.row_problems = plan.problems
        session.batch.job = job = self.live.jobs.start(Job(plan.tasks, forget, prepare, renders=False))
        yield *run_buttons(True), "", *unchanged
        for states in job.watch():
            yield *run_buttons(None), job_html.progress_html(states), *unchanged
        drafts = {state.task.number - 1: state.run.draft for state in job.states if state.phase == "done"}
        session.rows = batch.with_drafts(session.rows, drafts)
        yield *run_buttons(False), self._progress(job, plan), *self.table.shown(session)

    def _during(
        self, session: Session, said: str, *, is_running: bool | None = False, results: tuple[Any, ...] | None = None
    ) -> tuple[Any, ...]:
        """Values for the outputs of a run; ``is_running`` None leaves the buttons as they are."""
        buttons = run_buttons(is_running)
        return *buttons, said, *self.table.heads_of(session), *(results or self.results.unchanged)

    def _progress(self, job: Job, plan: batch.Plan) -> str:
        if not plan.tasks and not plan.problems:
            return html.notice("There is nothing to render: the list is empty, or all of it is skipped.", "hint")
        left = f"{html.number(len(plan.problems), 'row')} cannot be rendered; each says why." if plan.problems else ""
        return job_html.progress_html(job.states, job.notes) + html.notice(left)

    def _on_interrupt(self, session: Session) -> Any:
        if session.batch.job is not None:
            session.batch.job.stop()
        return gr.update(interactive=False)

    def _on_export(self, session: Session, *values: Any) -> tuple[Any, Any]:
        typed, form = self.split(values)
        self.table.keep(session, typed)
        try:
            wanted = self.generate.rendering(form)
            session.wanted = wanted.loras
            choose = self.live.choose(session.wanted)
            wildcards, profiles = self.live.wildcards, self.live.profiles
            text = batch.prompt_file_of(session.rows, wildcards, wanted.options, choose, profiles)
        except OrchestratorError as error:
            return gr.update(visible=False), html.notice(str(error))
        path = save_bytes_to_cache(text.encode(), "prompts.json", self.exported.GRADIO_CACHE)
        return gr.update(value=str(path), visible=True), gr.update()
