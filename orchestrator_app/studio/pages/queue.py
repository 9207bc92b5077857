"""Queue: the jobs that run, wait and have run, as they are now; their order, and what may be done with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.processing_utils import save_bytes_to_cache

from orchestrator_app.studio import html, queue_html
from orchestrator_app.studio.compat import hidden, html_box, kw, listen
from orchestrator_app.studio.pages.queue_details import QueueDetails
from orchestrator_app.studio.queue_acting import act, asked
from orchestrator_app.studio.queue_desk import QueueDesk
from orchestrator_app.studio.queue_keys import ROOT, SCRIPT
from orchestrator_app.studio.queue_listing import Pulse, listed, pulse, running
from orchestrator_app.studio.session import Session
from orchestrator_core.errors import OrchestratorError
from orchestrator_core.jobs.exchange import exported, imported
from orchestrator_core.jobs.model import ENDED, STATES, State
from orchestrator_core.jobs.queue import Queue

_SCROLL = (
    "() => { document.querySelector('#orchestrator_queue_beside')?.scrollIntoView({block: 'nearest'}); return []; }"
)
_RUNNING, _DETAILS = 2, 8  # where these are among what is shown
_PROBLEMS = 20  # lines of an imported file that are told
_QUIET: dict[str, Any] = {"show_progress": "hidden", "trigger_mode": "always_last", "concurrency_limit": 4}
Act = Callable[..., str]  # says what was done; raises OrchestratorError


class QueuePage:
    """``tab`` shows this page."""

    def __init__(self, desk: QueueDesk, session: Any, tab: Any) -> None:
        self.desk, self.session, self.tab = desk, session, tab
        self._head()
        self.chips = html_box("", elem_id="orchestrator_queue_chips", elem_classes=["orc-chips-box"])
        self.said = html_box("", elem_id="orchestrator_queue_said", elem_classes=["orc-empty"])
        self._clearing()
        self.exported = kw(
            gr.File, label="The queue as JSON lines", visible=False, interactive=False, height=90,
            elem_id="orchestrator_queue_exported",
        )  # fmt: skip
        with kw(gr.Row, elem_classes=["orc-columns"], equal_height=False):
            with kw(gr.Column, scale=7, min_width=320, elem_id=ROOT):
                html_box(queue_html.chosen_html(), elem_id="orchestrator_queue_chosen")
                self.running = html_box("", elem_id="orchestrator_queue_running", elem_classes=["orc-empty"])
                self.rows = html_box("", elem_id="orchestrator_queue_rows")
                with kw(gr.Row, elem_classes=["orc-line", "orc-pager"], visible=False) as self.pager:
                    self.previous = kw(gr.Button, value="‹ Previous", size="sm", min_width=100, scale=0)
                    self.where = html_box("", elem_id="orchestrator_queue_where")
                    self.next = kw(gr.Button, value="Next ›", size="sm", min_width=100, scale=0)
            self.details = QueueDetails(desk)

    def _head(self) -> None:
        with kw(gr.Row, elem_classes=["orc-line"], equal_height=False):
            with gr.Column(scale=7, min_width=300):
                self.summary = html_box("", elem_id="orchestrator_queue_summary")
            tools = ["orc-line", "orc-tools", "orc-q-tools"]
            with kw(gr.Column, scale=5, min_width=300), kw(gr.Row, elem_classes=tools):
                self.pause = self._button("Pause", "pause")
                self.work = self._button("Start working here", "work")
                self.export = self._button("Export", "export")
                self.take = kw(
                    gr.UploadButton, label="Import", file_types=[".jsonl", ".json", ".txt"], type="filepath",
                    size="sm", min_width=90, elem_id="orchestrator_queue_import",
                )  # fmt: skip
                self.clear = self._button("Clear ended …", "clear")
        self.search = kw(
            gr.Textbox, label="Search", show_label=False, container=False, lines=1, max_lines=1,
            placeholder="Search in titles, tags, targets and checkpoints", elem_id="orchestrator_queue_search",
        )  # fmt: skip

    def _clearing(self) -> None:
        with kw(gr.Row, elem_classes=["orc-line", "orc-tools", "orc-status"], visible=False) as self.asking:
            self.question = html_box("", elem_id="orchestrator_queue_question")
            self.sure = self._button("Yes, delete them", "sure", variant="stop")
            self.keep = self._button("Keep them", "keep")

    def _button(self, value: str, name: str, **look: Any) -> Any:
        return kw(gr.Button, value=value, size="sm", min_width=90, elem_id=f"orchestrator_queue_{name}", **look)

    @property
    def shown(self) -> list[Any]:
        """What ``_now`` gives values for."""
        lists = [self.summary, self.chips, self.running, self.rows, self.where, self.pager]
        return [*lists, self.pause, self.work, *self.details.outputs]

    def connect(self) -> None:
        session, shown, told = self.session, self.shown, [self.said, *self.shown]
        # Above all pages: gradio 6 goes through all of a page for what is sent to an element that was not shown yet.
        do, pick, state, look = (
            hidden(name) for name in (queue_html.DO, queue_html.PICK, queue_html.FILTER, queue_html.LOOK)
        )
        opened = listen(self.tab.select, self._on_open, [session], shown, **_QUIET)
        listen(opened.then, None, None, None, js=SCRIPT)
        listen(look.change, self._on_look, [session], shown, **_QUIET)
        listen(do.change, self._doing(self._do), [session, do], told, **_QUIET)
        picked = listen(pick.change, self._on_pick, [session, pick], shown, **_QUIET)
        listen(picked.then, None, None, None, js=_SCROLL)
        listen(state.change, self._on_filter, [session, state], shown, **_QUIET)
        listen(self.search.change, self._on_search, [session, self.search], shown, **_QUIET)
        listen(self.previous.click, self._turn(-1), [session], shown, **_QUIET)
        listen(self.next.click, self._turn(1), [session], shown, **_QUIET)
        listen(self.details.close.click, self._on_close, [session], shown, **_QUIET)
        details = self.details
        acts: list[tuple[Any, Act, list[Any]]] = [
            (self.pause.click, self._pause, []),
            (self.work.click, self._work, []),
            (self.take.upload, self._import, [self.take]),
            (details.rerun.click, self._rerun, [details.stage, details.options]),
            (details.prioritise.click, self._prioritise, [details.priority]),
        ]
        for event, do_it, inputs in acts:
            listen(event, self._doing(do_it), [session, *inputs], told, show_progress="hidden")
        listen(self.export.click, self._on_export, None, [self.exported, self.said])
        question = [self.asking, self.question]
        listen(self.clear.click, self._on_clear, [session], question, **_QUIET)
        listen(self.sure.click, self._doing(self._forget), [session], told, **_QUIET)
        for button in (self.sure, self.keep):
            listen(button.click, lambda: gr.update(visible=False), None, [self.asking], **_QUIET)

    # what is shown

    def _now(self, session: Session) -> tuple[Any, ...]:
        """What has changed since the page was last told, and nothing else."""
        try:
            queue = self.desk.open()
            seen, values = self._seen(queue), self._values(session, queue)
        except OrchestratorError as error:
            seen, values = None, self._nothing(str(error))
        session.queue = session.queue.replacing(seen=seen)
        return self._told(session, values)

    def _told(self, session: Session, values: tuple[Any, ...]) -> tuple[Any, ...]:
        before, updates = session.queue.shown, self._updates(values)
        session.queue = session.queue.replacing(shown=values)
        if not before:
            return updates
        pairs = zip(updates, values, before, strict=True)
        return tuple(gr.update() if new == old else update for update, new, old in pairs)

    def _seen(self, queue: Queue) -> tuple[Pulse, object]:
        return pulse(queue), self.desk.state()

    def _values(self, session: Session, queue: Queue) -> tuple[Any, ...]:
        view = session.queue
        listing = listed(queue, view.wish)
        session.queue = view.replacing(wish=view.wishing(page=listing.page).wish)
        images = self.desk.images(queue, listing.jobs)
        state = self.desk.state()
        here = state.why if state is not None and state.doing != "working" else ""
        return (
            queue_html.summary_html(listing, self.desk.workers(queue), here),
            queue_html.chips_html(listing, view.wish.state),
            queue_html.running_html(listing.running, view.picked),
            queue_html.rows_html(listing, view.picked, images, self.desk.small, view.wish.text),
            queue_html.where_html(listing),
            listing.total > len(listing.jobs),
            listing.state.is_paused,
            state.doing if state is not None else "",
            *self.details.values(queue, view.picked),
        )

    def _nothing(self, problem: str) -> tuple[Any, ...]:
        return html.notice(problem), "", "", "", "", False, False, "", False, "", False, False, (), (), ()

    def _updates(self, values: tuple[Any, ...]) -> tuple[Any, ...]:
        *texts, has_pages, is_paused, doing = values[:_DETAILS]
        return (
            *texts,
            gr.update(visible=has_pages),
            gr.update(value="Resume" if is_paused else "Pause", variant="primary" if is_paused else "secondary"),
            gr.update(value=_work_said(doing), visible=doing not in ("", "closed"), interactive=doing != "starting"),
            *self.details.updates(values[_DETAILS:]),
        )

    # what a person looks at

    def _on_open(self, session: Session) -> tuple[Any, ...]:
        session.queue = session.queue.replacing(shown=())
        return self._now(session)

    def _on_look(self, session: Session) -> tuple[Any, ...]:
        """Asked every other second while the page is seen: what it costs where nothing is new is what counts."""
        before = session.queue.seen
        try:
            queue = self.desk.open()
            seen = self._seen(queue)
            if seen != before and before is not None and (seen[0].rest, seen[1]) == (before[0].rest, before[1]):
                return self._gone_on(session, queue, seen)
        except OrchestratorError:
            return self._now(session)
        return tuple(gr.update() for _ in self.shown) if seen == before else self._now(session)

    def _gone_on(self, session: Session, queue: Queue, seen: tuple[Pulse, object]) -> tuple[Any, ...]:
        """Only those that run have got further."""
        view, values = session.queue, list(session.queue.shown)
        values[_RUNNING] = queue_html.running_html(running(queue, view.wish), view.picked)
        if view.picked in [number for number, *_ in seen[0].at_work]:
            values[_DETAILS:] = self.details.values(queue, view.picked)
        session.queue = view.replacing(seen=seen)
        return self._told(session, tuple(values))

    def _on_pick(self, session: Session, sent: str) -> tuple[Any, ...]:
        number = html.clicked(sent)
        session.queue = session.queue.replacing(picked=int(number) if number.isdecimal() and len(number) < 16 else 0)
        return self._now(session)

    def _on_close(self, session: Session) -> tuple[Any, ...]:
        session.queue = session.queue.replacing(picked=0)
        return self._now(session)

    def _on_filter(self, session: Session, sent: str) -> tuple[Any, ...]:
        state = html.clicked(sent)
        session.queue = session.queue.wishing(state=state if state in STATES else "")
        return self._now(session)

    def _on_search(self, session: Session, text: str) -> tuple[Any, ...]:
        session.queue = session.queue.wishing(text=(text or "").strip()[:200])
        return self._now(session)

    def _turn(self, pages: int) -> Callable[[Session], tuple[Any, ...]]:
        def turn(session: Session) -> tuple[Any, ...]:
            session.queue = session.queue.wishing(page=session.queue.wish.page + pages)
            return self._now(session)

        return turn

    # what a person does

    def _doing(self, do_it: Act) -> Callable[..., tuple[Any, ...]]:
        def take(session: Session, *values: Any) -> tuple[Any, ...]:
            try:
                said = do_it(self.desk.open(), session, *values)
            except OrchestratorError as error:
                said = html.notice(str(error))
            return said, *self._now(session)

        return take

    def _do(self, queue: Queue, session: Session, sent: str) -> str:
        outcome = act(queue, session.queue.wish, asked(html.clicked(sent)))
        self.desk.wake()
        return html.notice(outcome.done, "good") + html.notice(outcome.problem)

    def _pause(self, queue: Queue, session: Session) -> str:
        if not queue.state().is_paused:
            queue.pause()
            return ""
        queue.resume()
        self.desk.wake()
        return ""

    def _work(self, queue: Queue, session: Session) -> str:
        place = self.desk.place
        if place is None:
            return ""
        if place.state().doing != "working":
            place.ensure_worker(is_asked=True)
            return ""
        if not place.stop_worker(5.0):
            return html.notice(f"{place.here} stops working on the queue as soon as its job can be stopped.", "hint")
        return html.notice(f"{place.here} has stopped working on the queue; what it ran waits again.", "good")

    def _rerun(self, queue: Queue, session: Session, stage: str | None, options: str) -> str:
        said = self.details.run_again(queue, session.queue.picked, stage, options)
        self.desk.wake()
        return html.notice(said, "good")

    def _prioritise(self, queue: Queue, session: Session, priority: Any) -> str:
        return html.notice(self.details.set_priority(queue, session.queue.picked, priority), "good")

    # clearing, and the queue as a file

    def _on_clear(self, session: Session) -> tuple[Any, str]:
        try:
            counts = self.desk.open().state().counts
        except OrchestratorError as error:
            return gr.update(visible=True), html.notice(str(error))
        count = sum(counts[state] for state in _cleared(session))
        said = queue_html.clear_said(count) if count else "Nothing here has ended."
        return gr.update(visible=True), html.notice(said, "hint")

    def _forget(self, queue: Queue, session: Session) -> str:
        count = queue.forget(0, _cleared(session))
        return html.notice(f"{html.number(count, 'job')} deleted from the list.", "good")

    def _import(self, queue: Queue, session: Session, path: str | None) -> str:
        if not path:
            return ""
        with Path(path).open(encoding="utf-8", errors="replace") as lines:
            found = imported(queue, lines)
        self.desk.wake()
        known = f" {found.known:,} were there already, under their keys." if found.known else ""
        said = html.notice(f"{html.number(found.added, 'job')} added.{known}", "good")
        more = [f"… and {len(found.problems) - _PROBLEMS:,} more."] if len(found.problems) > _PROBLEMS else []
        return said + html.notice("\n".join([*found.problems[:_PROBLEMS], *more]))

    def _on_export(self) -> tuple[Any, str]:
        """All that have not ended."""
        try:
            lines = list(exported(self.desk.open()))
        except OrchestratorError as error:
            return gr.update(visible=False), html.notice(str(error))
        if not lines:
            return gr.update(visible=False), html.notice("No job waits, runs or is held.", "hint")
        text = "\n".join([*lines, ""])
        path = save_bytes_to_cache(text.encode("utf-8", "replace"), "queue.jsonl", self.exported.GRADIO_CACHE)
        return gr.update(value=str(path), visible=True), html.notice(f"{html.number(len(lines), 'job')}.", "good")


def _work_said(doing: str) -> str:
    return {"working": "Stop working here", "starting": "Starting …"}.get(doing, "Start working here")


def _cleared(session: Session) -> tuple[State, ...]:
    """Of the states that are over the one that is listed, else all of them."""
    chosen = tuple(state for state in ENDED if state == session.queue.wish.state)
    return chosen or ENDED
