"""What another page left running: said where a page opens, and stopped from there."""

from __future__ import annotations

from typing import Any

import gradio as gr

from orchestrator_app.studio import html, job_html
from orchestrator_app.studio.compat import html_box, kw, listen
from orchestrator_app.studio.job import Job
from orchestrator_app.studio.jobs import Startable
from orchestrator_app.studio.live import LiveEnvironment
from orchestrator_app.studio.pipeline_job import PipelineJob


class Elsewhere:
    """Made where it is to be seen. ``look`` gives values for ``outputs``."""

    def __init__(self, live: LiveEnvironment) -> None:
        self.live = live
        self.said = html_box("", elem_id="orchestrator_elsewhere", elem_classes=["orc-empty"])
        self.stop = kw(gr.Button, value="Stop it", size="sm", visible=False, elem_id="orchestrator_stop_it")

    @property
    def outputs(self) -> list[Any]:
        return [self.said, self.stop]

    def connect(self) -> None:
        listen(self.stop.click, self._on_stop, None, self.outputs, show_progress="hidden")

    def look(self) -> tuple[str, Any]:
        lines = [_line(job) for job in self.live.jobs.running()]
        said = f"Another page is rendering, or was closed while it did ({'; '.join(lines)})." if lines else ""
        return html.notice(said, "hint"), gr.update(visible=bool(lines))

    def _on_stop(self) -> tuple[str, Any]:
        for job in self.live.jobs.running():
            job.stop()
        return "", gr.update(visible=False)


def _line(job: Startable) -> str:
    if isinstance(job, PipelineJob):
        return job.line
    return job_html.progress_line(job.states) if isinstance(job, Job) else "something"
