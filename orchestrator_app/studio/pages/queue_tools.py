"""The buttons above the queue: pause, work here, clear what has ended, and the queue as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
from gradio.processing_utils import save_bytes_to_cache

from orchestrator_app.studio import html, queue_html
from orchestrator_app.studio.compat import html_box, kw
from orchestrator_app.studio.queue_desk import QueueDesk
from orchestrator_app.studio.session import Session
from orchestrator_core.errors import OrchestratorError
from orchestrator_core.jobs.exchange import exported, imported
from orchestrator_core.jobs.model import ENDED, State
from orchestrator_core.jobs.queue import Queue

_PROBLEMS = 20  # lines of an imported file that are told


class QueueTools:
    """Made where the buttons are to be seen; ``add_questions`` where what they ask is."""

    def __init__(self, desk: QueueDesk) -> None:
        self.desk = desk
        with kw(gr.Row, elem_classes=["orc-line", "orc-tools", "orc-q-tools"]):
            self.pause = self._button("Pause", "pause")
            self.work = self._button("Start working here", "work")
            self.export = self._button("Export", "export")
            self.take = kw(
                gr.UploadButton, label="Import", file_types=[".jsonl", ".json", ".txt"], type="filepath",
                size="sm", min_width=90, elem_id="orchestrator_queue_import",
            )  # fmt: skip
            self.clear = self._button("Clear ended …", "clear")

    def add_questions(self) -> None:
        with kw(gr.Row, elem_classes=["orc-line", "orc-tools", "orc-status"], visible=False) as self.asking:
            self.question = html_box("", elem_id="orchestrator_queue_question")
            self.sure = self._button("Yes, delete them", "sure", variant="stop")
            self.keep = self._button("Keep them", "keep")
        self.exported = kw(
            gr.File, label="The queue as JSON lines", visible=False, interactive=False, height=90,
            elem_id="orchestrator_queue_exported",
        )  # fmt: skip

    def _button(self, value: str, name: str, **look: Any) -> Any:
        return kw(gr.Button, value=value, size="sm", min_width=90, elem_id=f"orchestrator_queue_{name}", **look)

    @staticmethod
    def updates(is_paused: bool, doing: str) -> tuple[Any, Any]:
        """What the first two buttons say."""
        return (
            gr.update(value="Resume" if is_paused else "Pause", variant="primary" if is_paused else "secondary"),
            gr.update(value=_work_said(doing), visible=doing not in ("", "closed"), interactive=doing != "starting"),
        )

    # what is done: each says it, as HTML. They raise OrchestratorError.

    def pause_it(self, queue: Queue, session: Session) -> str:
        if not queue.state().is_paused:
            queue.pause()
            return ""
        queue.resume()
        self.desk.wake()
        return ""

    def work_here(self, queue: Queue, session: Session) -> str:
        place = self.desk.place
        if place is None:
            return ""
        if place.state().doing != "working":
            place.ensure_worker(is_asked=True)
            return ""
        if not place.stop_worker(5.0):
            return html.notice(f"{place.here} stops working on the queue as soon as its job can be stopped.", "hint")
        return html.notice(f"{place.here} has stopped working on the queue; what it ran waits again.", "good")

    def asked_to_clear(self, session: Session) -> tuple[Any, str]:
        try:
            counts = self.desk.open().state().counts
        except OrchestratorError as error:
            return gr.update(visible=True), html.notice(str(error))
        count = sum(counts[state] for state in _cleared(session))
        said = queue_html.clear_said(count) if count else "Nothing here has ended."
        return gr.update(visible=True), html.notice(said, "hint")

    def forget(self, queue: Queue, session: Session) -> str:
        count = queue.forget(0, _cleared(session))
        return html.notice(f"{html.number(count, 'job')} deleted from the list.", "good")

    def import_it(self, queue: Queue, session: Session, path: str | None) -> str:
        if not path:
            return ""
        with Path(path).open(encoding="utf-8", errors="replace") as lines:
            found = imported(queue, lines)
        self.desk.wake()
        known = f" {found.known:,} were there already, under their keys." if found.known else ""
        said = html.notice(f"{html.number(found.added, 'job')} added.{known}", "good")
        more = [f"… and {len(found.problems) - _PROBLEMS:,} more."] if len(found.problems) > _PROBLEMS else []
        return said + html.notice("\n".join([*found.problems[:_PROBLEMS], *more]))

    def export_it(self) -> tuple[Any, str]:
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
