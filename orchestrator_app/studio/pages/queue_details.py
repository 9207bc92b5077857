"""The details of one job beside the list: what is known of it, its priority, and to run it again from a stage."""

from __future__ import annotations

from typing import Any

import gradio as gr

from orchestrator_app.queueing import stage_options
from orchestrator_app.studio.compat import html_box, kw, plain
from orchestrator_app.studio.html import notice
from orchestrator_app.studio.queue_acting import MOST_PRIORITY
from orchestrator_app.studio.queue_desk import QueueDesk
from orchestrator_app.studio.queue_details_html import details_html, details_of
from orchestrator_core.errors import ConfigError, OrchestratorError
from orchestrator_core.jobs.queue import Queue

_OPTIONS = "A line each: steps=30. What is not named stays as it was."


class QueueDetails:
    """Made where it is to be seen; ``outputs`` are what ``values`` gives values for, by ``update``."""

    def __init__(self, desk: QueueDesk) -> None:
        self.desk = desk
        with kw(
            gr.Column, scale=5, min_width=320, elem_classes=["orc-beside"], visible=False,
            elem_id="orchestrator_queue_beside",
        ) as self.column:  # fmt: skip
            with kw(gr.Row, elem_classes=["orc-line", "orc-tools", "orc-q-tools"]):
                self.close = kw(gr.Button, value="Close", size="sm", min_width=90, elem_id="orchestrator_queue_close")
            self.text = html_box("", elem_id="orchestrator_queue_details")
            self._priority()
            self._again()

    def _priority(self) -> None:
        with kw(gr.Row, elem_classes=["orc-line"], visible=False) as self.ordering:
            self.priority = kw(
                gr.Number, label="Priority", info=plain("Higher is sooner."), value=0, precision=0, step=1,
                min_width=110, scale=2, elem_id="orchestrator_queue_priority", elem_classes=["orchestrator-field"],
            )  # fmt: skip
            with kw(gr.Column, scale=2, min_width=110, elem_classes=["orc-stack"]):
                self.prioritise = kw(
                    gr.Button, value="Set priority", size="sm", elem_id="orchestrator_queue_prioritise"
                )

    def _again(self) -> None:
        with kw(gr.Column, visible=False) as self.again:
            self.stage = kw(
                gr.Dropdown, label="Run again from", choices=[], min_width=140,
                info=plain("The stages before it keep what they left. It is another run: these images stay."),
                elem_id="orchestrator_queue_stage", elem_classes=["orchestrator-field"], interactive=True,
            )  # fmt: skip
            self.options = kw(
                gr.Textbox, label="Options of that stage", info=plain(_OPTIONS), lines=2, max_lines=8,
                placeholder="steps=30", elem_id="orchestrator_queue_options", elem_classes=["orchestrator-field"],
            )  # fmt: skip
            self.rerun = kw(gr.Button, value="Run again from there", size="sm", elem_id="orchestrator_queue_rerun")

    @property
    def outputs(self) -> list[Any]:
        return [self.column, self.text, self.ordering, self.again, self.stage, self.options, self.priority]

    # what is shown

    def values(self, queue: Queue, number: int) -> tuple[Any, ...]:
        """What the elements show of this job, as values that can be compared; 0 is none."""
        if not number:
            return False, "", False, False, (), (), ()
        try:
            found = details_of(queue, number)
        except OrchestratorError as error:
            return True, notice(str(error), "hint"), False, False, (number,), (number,), (number,)
        text = details_html(found, self.desk.pictures(queue, found.job))
        moves = found.job.state in ("waiting", "held")
        stages = (number, *found.stages)
        return True, text, moves, found.can_rerun, stages, (number,), (number, found.job.priority)

    @staticmethod
    def updates(values: tuple[Any, ...]) -> tuple[Any, ...]:
        """For ``outputs``."""
        is_open, text, moves, can_rerun, stages, _, priority = values
        return (
            gr.update(visible=is_open),
            text,
            gr.update(visible=moves),
            gr.update(visible=can_rerun),
            gr.update(choices=list(stages[1:]), value=stages[1] if len(stages) > 1 else None),
            "",
            priority[1] if len(priority) > 1 else 0,
        )

    # what is done: each says it. They raise OrchestratorError.

    def run_again(self, queue: Queue, number: int, stage: str | None, options: str) -> str:
        lines = [line.strip() for line in (options or "").splitlines() if line.strip()]
        job = queue.rerun(number, stage or "", stage_options(lines))
        return f"Job {job.number} waits, to run again from {stage}."

    def set_priority(self, queue: Queue, number: int, priority: Any) -> str:
        if not isinstance(priority, int | float) or abs(priority) > MOST_PRIORITY:
            raise ConfigError(f"A priority is a whole number from -{MOST_PRIORITY:,} to {MOST_PRIORITY:,}.")
        job = queue.prioritise(number, int(priority))
        return f"Job {job.number} has priority {job.priority}."
