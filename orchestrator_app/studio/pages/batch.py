"""Batch: prompt files, as rows that each go where their toggle says.

The rows on the page are a fixed number of elements that show one page of the list: making elements anew for each
change would take the cursor out of the text that somebody is typing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.processing_utils import save_bytes_to_cache

from orchestrator_app.studio import batch, html
from orchestrator_app.studio.compat import kw, listen
from orchestrator_app.studio.elements import StageForm
from orchestrator_app.studio.job import Job, TaskState
from orchestrator_app.studio.live import LiveEnvironment
from orchestrator_app.studio.pages.results import ResultsPanel
from orchestrator_app.studio.remembering import saver
from orchestrator_app.studio.session import Session
from orchestrator_core.errors import OrchestratorError

_FILES = [".json", ".txt", ".csv", ".yaml", ".yml"]
_EMPTY = (
    "Drop prompt files above: JSON lists, A1111 payloads, CSV of Dynamic Prompts, a prompt in each line, templates. "
    "What a row leaves open is as it is set on the Generate page."
)


@dataclass(frozen=True)
class _RowElements:
    group: Any
    head: Any
    text: Any
    target: Any
    seed: Any
    skip: Any

    @property
    def all(self) -> list[Any]:
        return [self.group, self.head, self.text, self.target, self.seed, self.skip]


class BatchPage:
    """``form`` is the rendering form of the Generate page, which has what rows leave open."""

    def __init__(self, live: LiveEnvironment, session: Any, form: StageForm[Any]) -> None:
        self.live, self.session, self.form = live, session, form
        self.targets = list(live.targets)
        with kw(gr.Row, elem_classes=["orc-columns"], equal_height=False):
            with gr.Column(scale=7, min_width=340):
                self._list()
            with gr.Column(scale=5, min_width=320):
                self._output()

    # elements

    def _list(self) -> None:
        self.files = kw(
            gr.File, label="Prompt files", file_count="multiple", file_types=_FILES, type="filepath", height=120,
            elem_id="orchestrator_batch_files",
        )  # fmt: skip
        self.notes = gr.HTML(html.notice(_EMPTY, "quiet"), elem_id="orchestrator_batch_notes")
        with kw(gr.Row, elem_classes=["orc-line"], visible=False) as self.tools:
            self.all_to = [
                kw(gr.Button, value=f"All to {name}", size="sm", min_width=90, elem_classes=["orc-small"])
                for name in self.targets
            ]
            self.clear = kw(gr.Button, value="Clear the list", size="sm", min_width=90)
        self.rows = [self._row(place) for place in range(batch.PAGE)]
        with kw(gr.Row, elem_classes=["orc-line", "orc-pager"], visible=False) as self.pager:
            self.previous = kw(gr.Button, value="‹ Previous", size="sm", min_width=90, scale=0)
            self.where = gr.HTML("")
            self.next = kw(gr.Button, value="Next ›", size="sm", min_width=90, scale=0)

    def _row(self, place: int) -> _RowElements:
        name = f"orchestrator_row{place}"
        with kw(gr.Group, visible=False, elem_classes=["orc-row"], elem_id=name) as group:
            head = gr.HTML("")
            text = kw(gr.Textbox, show_label=False, lines=2, max_lines=6, container=False, elem_id=f"{name}_text")
            with kw(gr.Row, elem_classes=["orc-line"]):
                target = kw(
                    gr.Radio, choices=self.targets, show_label=False, container=False, elem_id=f"{name}_target",
                    min_width=160, scale=3,
                )  # fmt: skip
                seed = kw(
                    gr.Textbox, show_label=False, container=False, placeholder="seed", lines=1, max_lines=1,
                    elem_id=f"{name}_seed", min_width=110, scale=2,
                )  # fmt: skip
                skip = kw(gr.Checkbox, label="skip", container=False, elem_id=f"{name}_skip", min_width=70, scale=1)
        return _RowElements(group, head, text, target, seed, skip)

    def _output(self) -> None:
        self.summary = gr.HTML(html.summary_html("Nothing to render yet."))
        with kw(gr.Row, elem_classes=["orc-line"]):
            self.run = kw(gr.Button, value="Run all", variant="primary", elem_id="orchestrator_batch_run", scale=3)
            self.interrupt = kw(
                gr.Button, value="Interrupt", variant="stop", scale=1, min_width=90,
                elem_id="orchestrator_batch_interrupt",
            )  # fmt: skip
        self.progress = gr.HTML("", elem_id="orchestrator_batch_progress")
        self.results = ResultsPanel(self.live, self.session, lambda session: session.batch, "orchestrator_batch")
        self.export = kw(gr.Button, value="Write the list as a prompt file", size="sm", elem_id="orchestrator_export")
        self.exported = kw(gr.File, label="Prompt file", visible=False, interactive=False, height=90)

    # what happens

    @property
    def table(self) -> list[Any]:
        """Everything that shows the list."""
        elements = [element for row in self.rows for element in row.all]
        return [self.notes, self.tools, self.pager, self.where, self.summary, *elements]

    def connect(self) -> None:
        quiet: dict[str, Any] = {"show_progress": "hidden", "trigger_mode": "always_last", "concurrency_limit": 4}
        listen(self.files.upload, self._on_files, [self.session, self.files], [self.files, *self.table])
        listen(self.clear.click, self._on_clear, [self.session], self.table, show_progress="hidden")
        for name, button in zip(self.targets, self.all_to, strict=True):
            listen(button.click, self._all_to(name), [self.session], self.table, show_progress="hidden")
        listen(self.previous.click, lambda session: self._turn(session, -1), [self.session], self.table, **quiet)
        listen(self.next.click, lambda session: self._turn(session, 1), [self.session], self.table, **quiet)
        for place, row in enumerate(self.rows):
            self._connect_row(place, row, quiet)
        defaults = [self.session, *self.form.inputs]
        outputs = [self.run, self.progress, *[row.head for row in self.rows], *self.results.outputs]
        listen(self.run.click, self._on_run, defaults, outputs, show_progress="hidden", concurrency_limit=None)
        listen(self.interrupt.click, self._on_interrupt, [self.session], None, show_progress="hidden")
        listen(self.export.click, self._on_export, defaults, [self.exported, self.progress], show_progress="hidden")
        self.results.connect()

    def _connect_row(self, place: int, row: _RowElements, quiet: dict[str, Any]) -> None:
        for name in ("text", "target", "seed", "skip"):
            listen(
                getattr(row, name).input,
                self._changing(place, name),
                [self.session, getattr(row, name)],
                [self.summary, row.head],
                **quiet,
            )

    def _changing(self, place: int, name: str) -> Callable[[Session, Any], tuple[str, str]]:
        def change(session: Session, value: Any) -> tuple[str, str]:
            index = session.page * batch.PAGE + place
            if index >= len(session.rows):
                return self._summary(session), ""
            try:
                seed = batch.parse_seed(value) if name == "seed" else value
            except OrchestratorError as error:
                return self._summary(session), self._head(session, index, str(error))
            session.rows = batch.changed(session.rows, index, **{name: seed})
            return self._summary(session), self._head(session, index)

        return change

    def _on_files(self, session: Session, paths: Sequence[str] | None) -> tuple[Any, ...]:
        found = batch.read_files([Path(path) for path in paths or ()], self.targets)
        first = len(session.rows)
        session.rows = (session.rows + found.rows)[: batch.MOST]
        session.page = first // batch.PAGE if found.rows else session.page
        said = html.notice(f"{html.number(len(found.rows), 'row')} read.", "good") if found.rows else ""
        return (None, *self._shown(session, said + "".join(html.notice(text) for text in found.problems)))

    def _on_clear(self, session: Session) -> tuple[Any, ...]:
        session.rows, session.page, session.row_problems = (), 0, {}
        return self._shown(session, html.notice(_EMPTY, "quiet"))

    def _all_to(self, name: str) -> Callable[[Session], tuple[Any, ...]]:
        def change(session: Session) -> tuple[Any, ...]:
            for place in range(len(session.rows)):
                session.rows = batch.changed(session.rows, place, target=name)
            return self._shown(session)

        return change

    def _turn(self, session: Session, pages: int) -> tuple[Any, ...]:
        last = max(0, (len(session.rows) - 1) // batch.PAGE)
        session.page = min(max(0, session.page + pages), last)
        return self._shown(session)

    # what is shown

    def _shown(self, session: Session, notes: Any = None) -> tuple[Any, ...]:
        """Values for ``table``."""
        count, first = len(session.rows), session.page * batch.PAGE
        where = f"{first + 1:,} – {min(first + batch.PAGE, count):,} of {count:,}"
        found: list[Any] = [
            gr.update() if notes is None else notes,
            gr.update(visible=count > 0),
            gr.update(visible=count > batch.PAGE),
            f'<p class="orc-where">{where}</p>',
            self._summary(session),
        ]
        wildcards = self.live.wildcards
        for place in range(first, first + batch.PAGE):
            if place >= count:
                found += [gr.update(visible=False), *(gr.update() for _ in range(5))]
                continue
            row = session.rows[place]
            text = batch.text_of(row, wildcards)
            found += [gr.update(visible=True), self._head(session, place), text, row.target, str(row.seed), row.skip]
        return tuple(found)

    def _summary(self, session: Session) -> str:
        wanted = [row for row in session.rows if not row.skip]
        if not wanted:
            return html.summary_html("Nothing to render yet.")
        per_target = [
            f"{sum(row.target == name for row in wanted):,} to {name}"
            for name in self.targets
            if any(row.target == name for row in wanted)
        ]
        skipped = len(session.rows) - len(wanted)
        parts = [html.number(len(wanted), "prompt"), *per_target] + ([f"{skipped:,} skipped"] if skipped else [])
        return html.summary_html(" · ".join(parts))

    def _head(self, session: Session, place: int, problem: str = "") -> str:
        row = session.rows[place]
        state = self._states(session).get(place + 1)
        problem = problem or session.row_problems.get(place, "")
        return html.row_head(place + 1, row.place, row.skip, state, problem)

    def _states(self, session: Session) -> dict[int, TaskState]:
        job = session.batch.job
        return {state.task.number: state for state in job.states} if job else {}

    def _heads(self, session: Session) -> list[str]:
        first = session.page * batch.PAGE
        places = range(first, first + batch.PAGE)
        return [self._head(session, place) if place < len(session.rows) else "" for place in places]

    # the job

    def _on_run(self, session: Session, *values: Any) -> Iterator[Any]:
        if session.batch.is_busy:
            raise gr.Error("This batch is still running. Interrupt it first.")
        same_heads = [gr.update() for _ in self.rows]
        try:
            plan = batch.plan(session.rows, self.live.wildcards, self.live.targets, self.form.options(values))
        except OrchestratorError as error:
            yield (gr.update(), html.notice(str(error)), *same_heads, *self.results.unchanged)
            return
        session.row_problems = plan.problems
        session.batch.job = job = Job(plan.tasks, saver(self.live)).start()
        yield (gr.update(interactive=False), "", *self._heads(session), *self.results.cleared(session))
        for states in job.watch():
            yield (gr.update(), self._progress(job, plan), *self._heads(session), *self.results.added(session, states))
        yield (
            gr.update(interactive=True),
            self._progress(job, plan),
            *self._heads(session),
            *self.results.unchanged,
        )

    def _progress(self, job: Job, plan: batch.Plan) -> str:
        if not plan.tasks and not plan.problems:
            return html.notice("There is nothing to render: the list is empty, or all of it is skipped.", "hint")
        left = f"{html.number(len(plan.problems), 'row')} cannot be rendered; each says why." if plan.problems else ""
        return html.progress_html(job.states, job.notes) + html.notice(left)

    def _on_interrupt(self, session: Session) -> None:
        if session.batch.job is not None:
            session.batch.job.stop()

    def _on_export(self, session: Session, *values: Any) -> tuple[Any, Any]:
        try:
            text = batch.prompt_file_of(session.rows, self.live.wildcards, self.form.options(values))
        except OrchestratorError as error:
            return gr.update(visible=False), html.notice(str(error))
        path = save_bytes_to_cache(text.encode(), "prompts.json", self.exported.GRADIO_CACHE)
        return gr.update(value=str(path), visible=True), gr.update()
