"""The gallery of a job, and what can be done with the image that is chosen in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr
from gradio.processing_utils import save_bytes_to_cache, save_file_to_cache

from orchestrator_app.studio import html, sharing
from orchestrator_app.studio.compat import html_box, kw, listen
from orchestrator_app.studio.job import TaskState
from orchestrator_app.studio.live import LiveEnvironment
from orchestrator_app.studio.session import Picked, Result, Session, Work
from orchestrator_core.errors import OrchestratorError
from orchestrator_core.pipeline import new_run
from orchestrator_core.request import GeneratedImage, GenerationRequest
from orchestrator_core.run import Run
from orchestrator_core.stages import dispatch


class ResultsPanel:
    """Made where it is to be seen, with ``look`` for the gallery. ``outputs`` are what a job changes while it runs."""

    def __init__(
        self, live: LiveEnvironment, session: Any, work: Callable[[Session], Work], prefix: str, **look: Any
    ) -> None:
        self.live, self.session, self.work = live, session, work
        self.gallery = kw(
            gr.Gallery, label="Images", show_label=False, object_fit="contain",
            elem_id=f"{prefix}_gallery", elem_classes=["orc-gallery"], visible=False, interactive=False,
            **{"columns": 4, "height": "auto", **look},
        )  # fmt: skip
        with gr.Column(visible=False, elem_classes=["orc-chosen"], elem_id=f"{prefix}_chosen") as self.chosen:
            self._chosen(prefix)

    def _chosen(self, prefix: str) -> None:
        self.origins = html_box("", elem_id=f"{prefix}_origins")
        self.infotext = kw(
            gr.Textbox, label="Infotext", lines=3, max_lines=6, interactive=False, autoscroll=False,
            show_copy_button=True, buttons=["copy"], elem_id=f"{prefix}_infotext",
        )  # fmt: skip
        with kw(gr.Row, elem_classes=["orc-line", "orc-tools"]):
            self.send = kw(
                gr.Button, value="Prompt to txt2img", size="sm", visible=bool(self.live.environment.send_to_host),
                elem_id=f"{prefix}_send",
            )  # fmt: skip
            self.files = [
                kw(gr.DownloadButton, label=label, size="sm", elem_id=f"{prefix}_as_{name}")
                for name, (label, _) in sharing.FILES.items()
            ]
        self.taken_out = html_box("", elem_classes=["orc-empty"], elem_id=f"{prefix}_taken_out")
        self.positive = kw(gr.Textbox, elem_classes=["orc-hidden"], show_label=False)
        self.negative = kw(gr.Textbox, elem_classes=["orc-hidden"], show_label=False)

    def connect(self) -> None:
        listen(self.gallery.select, self._on_select, [self.session], self.detail_outputs, show_progress="hidden")
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
        self.work(session).results, self.work(session).picked = (), None
        return gr.update(value=[], visible=False), gr.update(visible=False)

    def added(self, session: Session, states: Sequence[TaskState]) -> tuple[Any, ...]:
        """With the images that have come since the last time."""
        work = self.work(session)
        known = {result.image.path: result for result in work.results}
        images = [(image, state.run) for state in states for image in state.images]
        if len(images) == len(known):
            return self.unchanged
        work.results = tuple(known.get(image.path) or self._result(image, run) for image, run in images)
        return self.finished(session)

    def finished(self, session: Session) -> tuple[Any, ...]:
        """All images: sent once more at the end, since gradio 6 may lose one of two updates that follow closely."""
        results = self._shown(session)
        captioned = [(result.shown, " ".join(result.image.request.positive.split())) for result in results]
        return gr.update(value=captioned, visible=bool(results)), gr.update()

    def _result(self, image: GeneratedImage, run: Run) -> Result:
        """With a copy in gradio's own folder, the only one that it serves; with all that the file says of itself."""
        try:
            return Result(image, run, save_file_to_cache(image.path, self.gallery.GRADIO_CACHE))
        except OSError:  # gone, or on a disk that is
            return Result(image, run, "")

    def _shown(self, session: Session) -> list[Result]:
        """What is in the gallery, in its order."""
        return [result for result in self.work(session).results if result.shown]

    # what is chosen

    @property
    def detail_outputs(self) -> list[Any]:
        return [
            *(self.chosen, self.origins, self.infotext, self.taken_out, self.positive, self.negative),
            *self.files,
        ]

    @property
    def no_details(self) -> tuple[Any, ...]:
        return tuple(gr.update() for _ in self.detail_outputs)

    @property
    def hidden(self) -> tuple[Any, ...]:
        """Values for ``detail_outputs`` where there is nothing to show any more."""
        return gr.update(visible=False), *self.no_details[1:]

    def details(self, run: Run, request: GenerationRequest, title: str) -> tuple[Any, ...]:
        """What is known of a prompt, and what can be taken along of it."""
        files, notes = self._files(run, request)
        return (
            gr.update(visible=True),
            html.origins_html(run.draft, title),
            sharing.infotext(run, request),
            html.notice(f"About the files to share: {'; '.join(notes)}." if notes else "", "quiet"),
            request.positive,
            request.negative,
            *files,
        )

    def pick(self, session: Session, place: int, options: dispatch.Options) -> tuple[Any, ...]:
        """The details of a drawn prompt that was not rendered, unless they are shown already."""
        work = self.work(session)
        if place >= len(session.drawn.drafts):
            work.picked = None
            return self.hidden
        draft = session.drawn.drafts[place]
        picked = Picked(place, draft, dispatch.request_for(draft, options))
        if picked == work.picked:
            return self.no_details
        work.picked = picked
        return self.details(new_run().replacing(draft=draft), picked.request, f"Prompt {place + 1}")

    def picked_anew(self, session: Session, options: dispatch.Options) -> tuple[Any, ...]:
        """The details of the prompt that was picked as it is now, where one was."""
        picked = self.work(session).picked
        return self.pick(session, picked.place, options) if picked else self.no_details

    def _on_select(self, session: Session, event: gr.SelectData) -> tuple[Any, ...]:
        index = event.index if isinstance(event.index, int) else event.index[0]
        results = self._shown(session)
        if not 0 <= index < len(results):
            return self.no_details
        result = results[index]
        self.work(session).picked = None
        return self.details(result.run, result.image.request, result.image.path.name)

    def _files(self, run: Run, request: GenerationRequest) -> tuple[list[Any], dict[str, None]]:
        """(the downloads, what is to be said of them, each thing once)."""
        downloads: list[Any] = []
        notes: dict[str, None] = {}
        for _, make in sharing.FILES.values():
            try:
                file = make(run, request)
            except OrchestratorError as error:
                downloads.append(gr.update(value=None, interactive=False))
                notes[str(error)] = None
                continue
            path = save_bytes_to_cache(file.text.encode(), file.name, self.gallery.GRADIO_CACHE)
            downloads.append(gr.update(value=str(path), interactive=True))
            notes |= dict.fromkeys(file.notes)
        return downloads, notes


def run_buttons(is_running: bool | None) -> tuple[Any, Any]:
    """(the button that begins, the one that interrupts) during a job, or without one; None leaves them as they are."""
    if is_running is None:
        return gr.update(), gr.update()
    stop = gr.update(interactive=is_running, variant="stop" if is_running else "secondary")
    return gr.update(interactive=not is_running), stop
