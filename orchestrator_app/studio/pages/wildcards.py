"""Wildcards: which there are, what is in them, what is wrong with them, and what changed on the disk."""

from __future__ import annotations

from typing import Any

import gradio as gr

from orchestrator_app.studio import html, wildcards_html
from orchestrator_app.studio.compat import html_box, kw, listen
from orchestrator_app.studio.live import LiveEnvironment
from orchestrator_core.errors import OrchestratorError
from orchestrator_core.template.check import check
from orchestrator_core.template.dialects import find_dialect

NAME = "orchestrator_wildcard_name"


class WildcardsPage:
    """``template`` is the template box of the Generate page."""

    def __init__(self, live: LiveEnvironment, tab: Any, template: Any) -> None:
        self.live, self.tab, self.template = live, tab, template
        with kw(gr.Row, elem_classes=["orc-columns"], equal_height=False):
            with gr.Column(scale=4, min_width=280):
                self.search = kw(
                    gr.Textbox, label="Search", placeholder="in names; Enter looks into the values too", lines=1,
                    max_lines=1, elem_id="orchestrator_wildcards_search",
                )  # fmt: skip
                self.tree = html_box("", elem_id="orchestrator_wildcards_tree")
            with gr.Column(scale=7, min_width=320):
                with kw(gr.Row, elem_classes=["orc-line", "orc-tools"]):
                    self.check = kw(gr.Button, value="Check all files", size="sm", elem_id="orchestrator_check")
                    self.reload = kw(gr.Button, value="Read again", size="sm", elem_id="orchestrator_reload")
                    self.use = kw(
                        gr.Button, value="Add to the template", size="sm", interactive=False,
                        elem_id="orchestrator_use_wildcard",
                    )  # fmt: skip
                self.said = html_box("", elem_id="orchestrator_wildcards_said", elem_classes=["orc-empty"])
                self.detail = html_box("", elem_id="orchestrator_wildcards_detail")
        self.name = kw(gr.Textbox, value="", elem_id=NAME, elem_classes=["orc-hidden"], show_label=False)

    def connect(self) -> None:
        quiet: dict[str, Any] = {"show_progress": "hidden", "trigger_mode": "always_last"}
        listen(self.tab.select, self._on_open, [self.search], [self.tree, self.said], **quiet)
        listen(self.search.change, self._tree, [self.search], [self.tree], **quiet)
        listen(self.search.submit, self._on_submit, [self.search], [self.detail], show_progress="minimal")
        listen(self.name.change, self._on_name, [self.name], [self.detail, self.use], **quiet)
        listen(self.use.click, self._on_use, [self.name, self.template], [self.template, self.said], **quiet)
        listen(self.check.click, self._on_check, None, [self.detail])
        listen(self.reload.click, self._on_reload, [self.search], [self.tree, self.said])

    def _tree(self, text: str) -> str:
        try:
            return wildcards_html.tree_html(self.live.wildcards, text or "", NAME)
        except OrchestratorError as error:
            return html.notice(str(error))

    def _on_open(self, text: str) -> tuple[str, str]:
        try:
            return self._tree(text), wildcards_html.folders_html(self.live.wildcards)
        except OrchestratorError as error:
            return html.notice(str(error)), ""

    def _on_submit(self, text: str) -> str:
        try:
            return wildcards_html.hits_html(self.live.wildcards, text or "", NAME)
        except OrchestratorError as error:
            return html.notice(str(error))

    def _on_name(self, sent: str) -> tuple[str, Any]:
        try:
            return wildcards_html.values_html(self.live.wildcards, html.clicked(sent)), gr.update(interactive=True)
        except OrchestratorError as error:
            return html.notice(str(error)), gr.update()

    def _on_use(self, sent: str, template: str) -> tuple[str, str]:
        name = f"__{html.clicked(sent)}__"
        gap = " " if template and not template[-1].isspace() else ""
        return f"{template or ''}{gap}{name}", html.notice(f"{name} is at the end of the template now.", "good")

    def _on_check(self) -> str:
        try:
            dialect = find_dialect(self.live.settings.dialect)
            return wildcards_html.findings_html(check(self.live.wildcards, dialect))
        except OrchestratorError as error:
            return html.notice(str(error))

    def _on_reload(self, text: str) -> tuple[str, str]:
        try:
            changes = self.live.wildcards.refresh()
        except OrchestratorError as error:
            return html.notice(str(error)), ""
        return self._tree(text), wildcards_html.changes_html(changes)
