"""The elements of the page Pipeline, in their places."""

from __future__ import annotations

from typing import Any

import gradio as gr

from orchestrator_app.studio.compat import folded, hidden, html_box, kw
from orchestrator_app.studio.live import LiveEnvironment
from orchestrator_app.studio.pipeline_html import ACT, AGAIN, PICK, SENT

CARDS, JSON = "Cards", "JSON"
_ID = "orchestrator_pipeline_"
_FILES = [".json", ".yaml", ".yml"]


class PipelineElements:
    """Made where it is to be seen. The cards are of our own making (``pipeline_html``); all else is gradio's."""

    def __init__(self, live: LiveEnvironment, session: Any, tab: Any) -> None:
        self.live, self.session, self.tab = live, session, tab
        self._choosing()
        self.said = html_box("", elem_id="orchestrator_pipeline_said", elem_classes=["orc-empty"])
        with kw(gr.Row, elem_classes=["orc-columns"], equal_height=False):
            with gr.Column(scale=7, min_width=340):
                self._writing()
            with gr.Column(scale=5, min_width=320):
                self._working()
        self.lists = html_box("", elem_id="orchestrator_pipeline_lists", elem_classes=["orc-hidden-html"])
        self.marks = html_box("", elem_id="orchestrator_pipeline_marks", elem_classes=["orc-hidden-html"])
        self.sent, self.act, self.again, self.pick = hidden(SENT), hidden(ACT), hidden(AGAIN), hidden(PICK)

    def _choosing(self) -> None:
        with kw(gr.Row, elem_classes=["orc-line"]):
            self.name = kw(
                gr.Dropdown, label="Pipeline", choices=[], value=None, elem_id="orchestrator_pipeline_name",
                elem_classes=["orchestrator-field"], scale=4, min_width=170,
            )  # fmt: skip
            self.run_folder = kw(
                gr.Dropdown, label="Open a finished run", choices=[], value=None, elem_id="orchestrator_pipeline_runs",
                elem_classes=["orchestrator-field"], scale=4, min_width=170,
            )  # fmt: skip
        with folded("Open a file: JSON, YAML, or the record of a run", "orchestrator_pipeline_drop"):
            self.file = kw(
                gr.File, show_label=False, file_types=_FILES, type="filepath", height=128,
                elem_id="orchestrator_pipeline_file",
            )  # fmt: skip
        with kw(gr.Row, elem_classes=["orc-line", "orc-tools", "orc-desk"]):
            self.mode = kw(
                gr.Radio, choices=[CARDS, JSON], value=CARDS, show_label=False, elem_id="orchestrator_pipeline_mode",
                elem_classes=["orc-toggle"], scale=1, min_width=170,
            )  # fmt: skip
            self.save_as = kw(
                gr.Textbox, show_label=False, container=False, placeholder="Name of the file", max_lines=1, scale=2,
                min_width=130, elem_id="orchestrator_pipeline_save_as",
            )  # fmt: skip
            self.save = kw(gr.Button, value="Save", size="sm", elem_id="orchestrator_pipeline_save")
            self.delete = kw(
                gr.Button, value="Delete", size="sm", visible=False, elem_id="orchestrator_pipeline_delete"
            )
            self.really = kw(
                gr.Button, value="Yes, delete it", size="sm", variant="stop", visible=False,
                elem_id="orchestrator_pipeline_really",
            )  # fmt: skip
            self.keep = kw(gr.Button, value="Keep it", size="sm", visible=False, elem_id="orchestrator_pipeline_keep")

    def _writing(self) -> None:
        with kw(gr.Column, elem_id="orchestrator_pipeline_as_cards") as self.cards_box:
            self.cards = html_box("", elem_id="orchestrator_pipeline_cards")
        with kw(gr.Column, elem_id="orchestrator_pipeline_as_json", visible=False) as self.json_box:
            self.text = kw(
                gr.Textbox, show_label=False, lines=26, max_lines=40, elem_id="orchestrator_pipeline_json",
                elem_classes=["orc-code"], autoscroll=False,
            )  # fmt: skip

    def _working(self) -> None:
        with kw(gr.Column, elem_classes=["orc-pipe-work"]):
            names = list(self.live.targets)
            self.target = kw(
                gr.Radio, choices=names, value=names[0] if names else None, label="Send to",
                elem_id="orchestrator_pipeline_target", elem_classes=["orchestrator-field", "orc-toggle"],
            )  # fmt: skip
            with kw(gr.Row, elem_classes=["orc-line"]):
                self.run = kw(gr.Button, value="Run", variant="primary", min_width=90, elem_id=f"{_ID}run")
                self.stop = kw(
                    gr.Button, value="Stop", variant="stop", min_width=90, interactive=False, elem_id=f"{_ID}stop"
                )
            with kw(gr.Row, elem_classes=["orc-line", "orc-tools"]):
                self.plan = kw(gr.Button, value="Plan: a dry run", size="sm", elem_id=f"{_ID}plan")
                has_queue = self.live.environment.queue is not None
                self.queue = kw(gr.Button, value="Add to queue", size="sm", visible=has_queue, elem_id=f"{_ID}queue")
            self.progress = html_box("", elem_id="orchestrator_pipeline_progress", elem_classes=["orc-empty"])
            self.made = html_box("", elem_id="orchestrator_pipeline_made", elem_classes=["orc-empty"])
            self.items = html_box("", elem_id="orchestrator_pipeline_items", elem_classes=["orc-if-any"])
            self.changed = html_box("", elem_id="orchestrator_pipeline_changed", elem_classes=["orc-if-any"])
            self.planned = html_box("", elem_id="orchestrator_pipeline_planned", elem_classes=["orc-if-any"])
