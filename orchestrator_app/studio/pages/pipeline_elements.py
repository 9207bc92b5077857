"""The elements of the page Pipeline, in their places."""

from __future__ import annotations

from typing import Any

import gradio as gr

from orchestrator_app.studio.compat import hidden, html_box, kw
from orchestrator_app.studio.live import LiveEnvironment
from orchestrator_app.studio.pipeline_html import ACT, AGAIN, PICK, SENT

CARDS, JSON = "Cards", "JSON"
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
            self.file = kw(
                gr.File, label="Or drop a file: JSON, YAML, a record", file_types=_FILES, type="filepath", height=72,
                elem_id="orchestrator_pipeline_file", elem_classes=["orc-drop"], scale=4, min_width=190,
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
                self.run = kw(
                    gr.Button, value="Run", variant="primary", min_width=90, elem_id="orchestrator_pipeline_run"
                )
                self.stop = kw(
                    gr.Button, value="Stop", variant="stop", min_width=90, interactive=False,
                    elem_id="orchestrator_pipeline_stop",
                )  # fmt: skip
                self.plan = kw(gr.Button, value="Plan", min_width=90, elem_id="orchestrator_pipeline_plan")
                self.queue = kw(
                    gr.Button, value="Add to queue", min_width=110, visible=self.live.environment.queue is not None,
                    elem_id="orchestrator_pipeline_queue",
                )  # fmt: skip
            self.progress = html_box("", elem_id="orchestrator_pipeline_progress", elem_classes=["orc-empty"])
            self.made = html_box("", elem_id="orchestrator_pipeline_made", elem_classes=["orc-empty"])
            self.items = html_box("", elem_id="orchestrator_pipeline_items")
            self.changed = html_box("", elem_id="orchestrator_pipeline_changed")
            self.planned = html_box("", elem_id="orchestrator_pipeline_planned")
