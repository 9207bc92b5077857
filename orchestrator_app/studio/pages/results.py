"""The gallery of a job, and what can be done with the image that is chosen in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.processing_utils import save_bytes_to_cache, save_file_to_cache

from orchestrator_app.studio import html, sharing
from orchestrator_app.studio.compat import html_box, kw, listen
from orchestrator_app.studio.job import TaskState
from orchestrator_app.studio.live import LiveEnvironment
from orchestrator_app.studio.session import Result, Session, Work
from orchestrator_core.errors import OrchestratorError


class ResultsPanel:
    """Made where it is to be seen. ``outputs`` are what a job changes while it runs."""

    def __init__(
        self, live: LiveEnvironment, session: Any, work: Callable[[Session], Work], prefix: str, columns: int = 4
    ) -> None:
        self.live, self.session, self.work = live, session, work
        self.gallery = kw(
            gr.Gallery, label="Images", show_label=False, columns=columns, height="auto", object_fit="contain",
            elem_id=f"{prefix}_gallery", elem_classes=["orc-gallery"], visible=False, interactive=False,
        )  # fmt: skip
        with gr.Column(visible=False, elem_classes=["orc-chosen"]) as self.chosen:
            self._chosen(prefix)

    def _chosen(self, prefix: str) -> None:
        self.origins = html_box("")
        self.infotext = kw(
            gr.Textbox, label="Infotext", lines=3, max_lines=8, interactive=False, show_copy_button=True,
            buttons=["copy"], elem_id=f"{prefix}_infotext",
        )  # fmt: skip
        with kw(gr.Row, elem_classes=["orc-line"]):
            self.send = kw(
                gr.Button, value="Send to txt2img", size="sm", visible=bool(self.live.environment.send_to_host),
                elem_id=f"{prefix}_send",
            )  # fmt: skip
            self.workflow = kw(gr.DownloadButton, label="ComfyUI workflow", size="sm", elem_id=f"{prefix}_workflow")
            self.template = kw(gr.DownloadButton, label="Template", size="sm", elem_id=f"{prefix}_as_template")
        self.positive = kw(gr.Textbox, elem_classes=["orc-hidden"], show_label=False)
        self.negative = kw(gr.Textbox, elem_classes=["orc-hidden"], show_label=False)

    def connect(self) -> None:
        details = [self.chosen, self.origins, self.infotext, self.workflow, self.template, self.positive, self.negative]
        listen(self.gallery.select, self._on_select, [self.session], details, show_progress="hidden")
        if script := self.live.environment.send_to_host:
            code = f"(positive, negative) => {{ ({script})(positive, negative); return []; }}"
            listen(self.send.click, None, [self.positive, self.negative], None, js=code)

    # what a job changes

    @property
    def outputs(self) -> list[Any]:
        return [self.gallery, self.chosen]

    @property
    def unchanged(self) -> tuple[Any, ...]:
        return gr.update(), gr.update()

    def cleared(self, session: Session) -> tuple[Any, ...]:
        self.work(session).results = ()
        return gr.update(value=[], visible=False), gr.update(visible=False)

    def added(self, session: Session, states: Sequence[TaskState]) -> tuple[Any, ...]:
        """With the images that have come since the last time."""
        results = tuple(Result(image, state.run) for state in states for image in state.images)
        if len(results) == len(self.work(session).results):
            return self.unchanged
        self.work(session).results = results
        return gr.update(value=self._images(results), visible=True), gr.update()

    def _images(self, results: Sequence[Result]) -> list[tuple[str, str]]:
        # A copy in gradio's own folder, with all that the file says of itself: gradio serves no other place.
        cache = self.gallery.GRADIO_CACHE
        found = []
        for result in results:
            if result.image.path.is_file():
                caption = " ".join(result.image.request.positive.split())
                found.append((save_file_to_cache(result.image.path, cache), caption))
        return found

    def _on_select(self, session: Session, event: gr.SelectData) -> tuple[Any, ...]:
        index = event.index if isinstance(event.index, int) else event.index[0]
        results = self.work(session).results
        if not 0 <= index < len(results):
            return tuple(gr.update() for _ in range(7))
        result = results[index]
        run, request = result.run, result.image.request
        return (
            gr.update(visible=True),
            html.origins_html(run.draft),
            sharing.infotext(run, request),
            self._download("workflow", f"{run.id}.json", lambda: sharing.workflow(run, request)),
            self._download("template", f"{run.id}.yaml", lambda: sharing.template(run, request)),
            request.positive,
            request.negative,
        )

    def _download(self, what: str, name: str, text: Any) -> Any:
        try:
            path = save_bytes_to_cache(text().encode(), name, self.gallery.GRADIO_CACHE)
        except OrchestratorError:
            return gr.update(value=None, interactive=False)
        return gr.update(value=str(Path(path)), interactive=True)


def run_buttons(is_running: bool | None) -> tuple[Any, Any]:
    """(the button that begins, the one that interrupts) during a job, or without one; None leaves them as they are."""
    if is_running is None:
        return gr.update(), gr.update()
    stop = gr.update(interactive=is_running, variant="stop" if is_running else "secondary")
    return gr.update(interactive=not is_running), stop
