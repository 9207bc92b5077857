"""Queue: the jobs that run, wait and have run, as they are now; their order, and what may be done with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from orchestrator_app.studio import html, queue_html
from orchestrator_app.studio.compat import hidden, html_box, kw, listen
from orchestrator_app.studio.pages.queue_details import QueueDetails
from orchestrator_app.studio.pages.queue_tools import QueueTools
from orchestrator_app.studio.queue_acting import act, asked
from orchestrator_app.studio.queue_desk import QueueDesk
from orchestrator_app.studio.queue_keys import ROOT, SCRIPT
from orchestrator_app.studio.queue_listing import Pulse, listed, pulse, running
from orchestrator_app.studio.session import Session
from orchestrator_core.errors import OrchestratorError
from orchestrator_core.jobs.model import STATES
from orchestrator_core.jobs.queue import Queue

_SCROLL = (
    "() => { document.querySelector('#orchestrator_queue_beside')?.scrollIntoView({block: 'nearest'}); return []; }"
)
_RUNNING, _DETAILS = 2, 8  # where these are among what is shown
_QUIET: dict[str, Any] = {"show_progress": "hidden", "trigger_mode": "always_last", "concurrency_limit": 4}
Act = Callable[..., str]  # says what was done; raises OrchestratorError


class QueuePage:
    """``tab`` shows this page."""

    def __init__(self, desk: QueueDesk, session: Any, tab: Any) -> None:
        self.desk, self.session, self.tab = desk, session, tab
        self._head()
        self.chips = html_box("", elem_id="orchestrator_queue_chips", elem_classes=["orc-chips-box"])
        self.said = html_box("", elem_id="orchestrator_queue_said", elem_classes=["orc-empty"])
        self.tools.add_questions()
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
            with kw(gr.Column, scale=5, min_width=300):
                self.tools = QueueTools(self.desk)
        self.search = kw(
            gr.Textbox, label="Search", show_label=False, container=False, lines=1, max_lines=1,
            placeholder="Search in titles, tags, targets and checkpoints", elem_id="orchestrator_queue_search",
        )  # fmt: skip

    @property
    def shown(self) -> list[Any]:
        """What ``_now`` gives values for."""
        lists = [self.summary, self.chips, self.running, self.rows, self.where, self.pager]
        return [*lists, self.tools.pause, self.tools.work, *self.details.outputs]

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
        self._connect_acts(told)

    def _connect_acts(self, told: list[Any]) -> None:
        details, tools, session = self.details, self.tools, self.session
        acts: list[tuple[Any, Act, list[Any]]] = [
            (tools.pause.click, tools.pause_it, []),
            (tools.work.click, tools.work_here, []),
            (tools.take.upload, tools.import_it, [tools.take]),
            (tools.sure.click, tools.forget, []),
            (details.rerun.click, self._rerun, [details.stage, details.options]),
            (details.prioritise.click, self._prioritise, [details.priority]),
        ]
        for event, do_it, inputs in acts:
            listen(event, self._doing(do_it), [session, *inputs], told, show_progress="hidden")
        listen(tools.export.click, tools.export_it, None, [tools.exported, self.said])
        listen(tools.clear.click, tools.asked_to_clear, [session], [tools.asking, tools.question], **_QUIET)
        for button in (tools.sure, tools.keep):
            listen(button.click, lambda: gr.update(visible=False), None, [tools.asking], **_QUIET)

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
            *self.tools.updates(is_paused, doing),
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

    def _rerun(self, queue: Queue, session: Session, stage: str | None, options: str) -> str:
        said = self.details.run_again(queue, session.queue.picked, stage, options)
        self.desk.wake()
        return html.notice(said, "good")

    def _prioritise(self, queue: Queue, session: Session, priority: Any) -> str:
        return html.notice(self.details.set_priority(queue, session.queue.picked, priority), "good")
