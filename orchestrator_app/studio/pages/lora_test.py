"""LoRA test: LoRA × strength × prompt × seed beside a row without any LoRA; a test that was broken off goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import gradio as gr
from gradio.processing_utils import save_bytes_to_cache

from orchestrator_app.lora_test.folder import TestFolder
from orchestrator_app.lora_test.running import TestRun
from orchestrator_app.studio import html, lora_tests
from orchestrator_app.studio.compat import html_box, kw, listen, plain
from orchestrator_app.studio.live import LiveEnvironment
from orchestrator_app.studio.pages.generate import GeneratePage
from orchestrator_app.studio.pages.results import run_buttons
from orchestrator_app.studio.remembering import saver, test_keeper
from orchestrator_app.studio.session import Session
from orchestrator_core.errors import ConfigError, OrchestratorError
from orchestrator_core.loras.testing import MANY, TestPlan
from orchestrator_core.loras.testing_graph import workflow_of_test

NEW = "A new test"
_PAUSE = 0.5  # seconds between two looks at a running test
_FIELDS: dict[str, dict[str, Any]] = {
    "loras": {"label": "LoRAs", "lines": 2, "placeholder": "ink_wash, styles/*",
              "info": "Names or patterns, a line each or with commas."},
    "query": {"label": "Or a search", "placeholder": "base:sdxl tag:style -nsfw:yes",
              "info": "As on the page LoRAs; what it finds is tested as well."},
    "strengths": {"label": "Strengths", "value": "0.4, 0.7, 1", "info": "Each LoRA is rendered at each of these."},
    "seeds": {"label": "Image seeds", "value": "1, 2", "info": "As 1, 2 or 10-13; the same for every LoRA."},
    "prompts": {"label": "Prompts", "lines": 3, "value": "portrait of a woman, {trigger}, soft light",
                "info": "A prompt or template on each line. {trigger} is where each LoRA's own trigger words go; "
                "without it they come at the end. The baseline has none."},
    "negative": {"label": "Negative prompt", "info": "The same for all."},
}  # fmt: skip


class LoraTestPage:
    """``generate`` is the Generate page: where the images are rendered and how is what it says."""

    def __init__(self, live: LiveEnvironment, session: Any, tab: Any, generate: GeneratePage) -> None:
        self.live, self.session, self.tab, self.generate = live, session, tab, generate
        self.fields: dict[str, Any] = {}
        with kw(gr.Row, elem_classes=["orc-columns"], equal_height=False):
            with gr.Column(scale=5, min_width=320):
                self._matrix()
            with gr.Column(scale=6, min_width=320):
                self._commands()
        self.grid = html_box("", elem_id="orchestrator_lora_test_grid", elem_classes=["orc-empty-grid"])

    def _matrix(self) -> None:
        with kw(gr.Row, elem_classes=["orc-line"]):
            self._field("loras", scale=5, min_width=160)
            self._field("query", scale=5, min_width=160)
        self._field("prompts")
        with kw(gr.Row, elem_classes=["orc-line"]):
            self._field("strengths", min_width=120)
            self._field("seeds", min_width=100)
            self._field("negative", min_width=140, scale=2)

    def _field(self, name: str, **options: Any) -> None:
        given = {"lines": 1, "value": "", **_FIELDS[name], **options}
        given["info"] = plain(given["info"])
        elem_id = f"orchestrator_lora_test_{name}"
        self.fields[name] = kw(gr.Textbox, **given, elem_id=elem_id, elem_classes=["orchestrator-field"], max_lines=10)

    def _commands(self) -> None:
        self.which = kw(
            gr.Dropdown, label="Test", choices=[NEW], value=NEW, elem_id="orchestrator_lora_test_which",
            elem_classes=["orchestrator-field"], allow_custom_value=True,
            info=plain("An earlier one goes on where it was broken off."),
        )  # fmt: skip
        self.summary = html_box("", elem_id="orchestrator_lora_test_summary")
        with kw(gr.Row, elem_classes=["orc-line"]):
            self.run = kw(gr.Button, value="Run", variant="primary", scale=3, elem_id="orchestrator_lora_test_run")
            self.interrupt = kw(
                gr.Button, value="Interrupt", scale=1, min_width=90, interactive=False,
                elem_id="orchestrator_lora_test_interrupt",
            )  # fmt: skip
        self.progress = html_box("", elem_id="orchestrator_lora_test_progress", elem_classes=["orc-empty"])
        self.sessionflow = kw(
            gr.Button, value="As a ComfyUI workflow", size="sm", elem_id="orchestrator_lora_test_export"
        )
        self.files = kw(
            gr.File, label="Files", visible=False, interactive=False, height=110, file_count="multiple",
            elem_id="orchestrator_lora_test_files",
        )  # fmt: skip

    # what happens

    @property
    def _inputs(self) -> list[Any]:
        generate = self.generate
        return [self.which, generate.chooser.target, *self.fields.values(), *generate.render_inputs]

    def connect(self) -> None:
        quiet: dict[str, Any] = {"show_progress": "hidden", "trigger_mode": "always_last", "concurrency_limit": 4}
        inputs = self._inputs
        typed = [element.change for element in self.fields.values()]
        listen(typed, self._on_change, inputs, [self.summary], **quiet)
        listen(self.tab.select, self._on_open, inputs, [self.which, self.summary], **quiet)
        listen(self.which.change, self._on_which, inputs, [self.summary, self.progress, self.grid, self.files], **quiet)
        during = [self.run, self.interrupt, self.progress, self.which, self.grid, self.files]
        listen(
            self.run.click,
            self._on_run,
            [self.session, *inputs],
            during,
            show_progress="hidden",
            concurrency_limit=None,
        )
        listen(self.interrupt.click, self._on_interrupt, [self.session], [self.interrupt], **quiet)
        listen(self.sessionflow.click, self._on_workflow, inputs, [self.files, self.progress])

    def _plan(self, values: Sequence[Any], *, ask: bool = False) -> TestPlan:
        """Raises OrchestratorError."""
        target, *rest = values
        texts = {name: text or "" for name, text in zip(self.fields, rest, strict=False)}
        options = self.generate.rendering(rest[len(self.fields) :]).options
        return lora_tests.plan_for(self.live, lora_tests.asked_of(texts, options), target, ask=ask)

    def _earlier(self, which: str | None) -> TestFolder | None:
        """Raises FormatError."""
        if not which or which not in lora_tests.earlier_tests(self.live.settings):
            return None
        return TestFolder.reopened(lora_tests.folder_of_tests(self.live.settings) / which)

    def _on_open(self, which: str, *values: Any) -> tuple[Any, str]:
        names = [NEW, *lora_tests.earlier_tests(self.live.settings)]
        which = which if which in names else NEW
        return gr.update(choices=names, value=which), self._on_change(which, *values)

    def _on_change(self, which: str, *values: Any) -> str:
        try:
            earlier = self._earlier(which)
            where = self.live.target(values[0]).name
            return lora_tests.plan_html(earlier.plan if earlier else self._plan(values), MANY, where)
        except OrchestratorError as error:
            return html.notice(str(error), "hint")

    def _on_which(self, which: str, *values: Any) -> tuple[Any, ...]:
        summary = self._on_change(which, *values)
        try:
            earlier = self._earlier(which)
        except OrchestratorError:  # which the summary says
            earlier = None
        if earlier is None:
            return summary, "", "", gr.update(visible=False)
        earlier.read_scores()
        return summary, lora_tests.folder_html(earlier), lora_tests.grid_html(earlier), self._grid_file(earlier)

    def _grid_file(self, folder: TestFolder) -> Any:
        """The grid as one file, to take along from a studio that runs elsewhere."""
        if not folder.done or folder.plan.count > lora_tests.MOST_SHOWN:
            return gr.update(visible=False)
        data = folder.one_file().encode("utf-8", "replace")
        path = save_bytes_to_cache(data, "lora_test_grid.html", self.files.GRADIO_CACHE)
        return gr.update(value=[str(path)], visible=True)

    def _folder(self, which: str, values: Sequence[Any]) -> TestFolder:
        """The test that is to be rendered. Raises OrchestratorError."""
        earlier = self._earlier(which)
        if earlier is not None:
            return earlier
        plan = self._plan(values, ask=True)
        if plan.count > MANY:
            raise ConfigError(f"{plan.sentence}: more than {MANY:,} at once are for orchestrator lora-test --most N.")
        target = self.live.target(values[0])
        where = f"{target.name} ({target.where})" if target.where else target.name
        return lora_tests.new_folder(self.live.settings, plan, where)

    def _test_run(self, folder: TestFolder, target: str) -> TestRun:
        live = self.live
        return TestRun(folder, live.target(target), saver(live), live.jobs.start, test_keeper(live))

    def _on_run(self, session: Session, which: str, *values: Any) -> Iterator[tuple[Any, ...]]:
        if session.lora_test is not None and not session.lora_test.done.is_set():
            raise gr.Error("This test is still running. Interrupt it first.")
        try:
            folder = self._folder(which, values)
            test = self._test_run(folder, values[0])
            session.lora_test = test.start()
        except OrchestratorError as error:
            yield *run_buttons(False), html.notice(str(error)), gr.update(), gr.update(), gr.update()
            return
        names = [NEW, *lora_tests.earlier_tests(self.live.settings)]
        yield *run_buttons(True), lora_tests.running_html(test), gr.update(choices=names), "", gr.update(visible=False)
        while not test.done.wait(_PAUSE):
            yield gr.update(), gr.update(), lora_tests.running_html(test), gr.update(), gr.update(), gr.update()
        said = lora_tests.running_html(test) + lora_tests.folder_html(folder)
        chosen = gr.update(choices=names, value=folder.path.name)
        yield *run_buttons(False), said, chosen, lora_tests.grid_html(folder), self._grid_file(folder)

    def _on_interrupt(self, session: Session) -> Any:
        if session.lora_test is not None:
            session.lora_test.stop()
        return gr.update(interactive=False)

    def _on_workflow(self, which: str, *values: Any) -> tuple[Any, str]:
        try:
            earlier = self._earlier(which)
            workflow = workflow_of_test(earlier.plan if earlier else self._plan(values))
        except OrchestratorError as error:
            return gr.update(visible=False), html.notice(str(error))
        text = json.dumps(workflow, indent=1)
        path = save_bytes_to_cache(text.encode(), "lora_test_workflow.json", self.files.GRADIO_CACHE)
        return gr.update(value=[str(path)], visible=True), ""
