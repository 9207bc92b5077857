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
from orchestrator_app.studio.marks_keys import marks_sign
from orchestrator_app.studio.pages.marks import MarksPanel
from orchestrator_app.studio.scores_html import MOST, Scored, compared_of, lines_of, scores_html, wholes_of
from orchestrator_app.studio.session import Picked, Result, Session, Work
from orchestrator_core.errors import OrchestratorError
from orchestrator_core.pipeline import new_run
from orchestrator_core.request import GeneratedImage, GenerationRequest
from orchestrator_core.run import Run
from orchestrator_core.stages import dispatch
from orchestrator_core.stages.score_images import problems_of
from orchestrator_core.vision.port import Wanted
from orchestrator_core.weights.marking import Marks


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
            self.marks = MarksPanel(live, session, work, prefix)
            self._chosen(prefix)
        self.scores = html_box("", elem_id=f"{prefix}_scores", elem_classes=["orc-empty-bar"])

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
        self.marks.connect(self.gallery.select, [self.scores], lambda session: (self._scores(session),))
        if script := self.live.environment.send_to_host:
            code = f"(positive, negative) => {{ ({script})(positive, negative); return []; }}"
            listen(self.send.click, None, [self.positive, self.negative], None, js=code)

    # what a job changes

    @property
    def outputs(self) -> list[Any]:
        return [self.gallery, self.chosen, self.scores]

    @property
    def unchanged(self) -> tuple[Any, ...]:
        return gr.update(), gr.update(), gr.update()

    def cleared(self, session: Session) -> tuple[Any, ...]:
        work = self.work(session)
        work.results, work.picked, work.chosen = (), None, None
        return gr.update(value=[], visible=False), gr.update(visible=False), ""

    def added(self, session: Session, states: Sequence[TaskState]) -> tuple[Any, ...]:
        """With the images and the scores that have come since the last time."""
        work = self.work(session)
        known = {result.image.path: result for result in work.results}
        images = [(image, state.run) for state in states for image in state.images]
        if all(image.path in known and known[image.path].run is run for image, run in images):
            return self.unchanged
        work.results = tuple(self._result(image, run, known.get(image.path)) for image, run in images)
        if len(images) == len(known):  # scores alone
            return gr.update(), gr.update(), self._scores(session)
        return self.finished(session)

    def finished(self, session: Session) -> tuple[Any, ...]:
        """All images: sent once more at the end, since gradio 6 may lose one of two updates that follow closely."""
        results = self._shown(session)
        captioned = [(result.shown, " ".join(result.image.request.positive.split())) for result in results]
        return gr.update(value=captioned, visible=bool(results)), gr.update(), self._scores(session)

    def _scores(self, session: Session) -> str:
        """What is known of each image, as soon as it is known of one."""
        results = self._shown(session)
        marks = self.marks.of(results[:MOST])
        scored = [_scored(result, marks.get(result.image.path, Marks())) for result in results]
        return scores_html(scored) if any(each.lines or each.whole or each.sign for each in scored) else ""

    def _result(self, image: GeneratedImage, run: Run, known: Result | None) -> Result:
        if known is None:
            known = Result(image, run, self._copied(image))
        elif known.run is run:
            return known
        scores = [score for score in run.scores if score.image == image.path.name]
        lines = lines_of(scores, self._wanted(run)) if scores else ()
        problems = problems_of(run) if scores else ()
        return Result(image, run, known.shown, lines, wholes_of(scores), compared_of(scores), problems)

    def _copied(self, image: GeneratedImage) -> str:
        """A copy in gradio's own folder, the only one that it serves; with all that the file says of itself."""
        try:
            return str(save_file_to_cache(image.path, self.gallery.GRADIO_CACHE))
        except OSError:  # gone, or on a disk that is
            return ""

    def _wanted(self, run: Run) -> tuple[Wanted, ...]:
        from orchestrator_core.vision.wanted import wanted_in

        try:
            return wanted_in(run.draft, self.live.wildcards)
        except OrchestratorError:
            return ()

    def _shown(self, session: Session) -> list[Result]:
        """What is in the gallery, in its order."""
        return [result for result in self.work(session).results if result.shown]

    # what is chosen

    @property
    def detail_outputs(self) -> list[Any]:
        return [
            *(self.chosen, self.origins, self.infotext, self.taken_out, self.positive, self.negative),
            *self.files,
            *self.marks.outputs,
        ]

    @property
    def no_details(self) -> tuple[Any, ...]:
        return tuple(gr.update() for _ in self.detail_outputs)

    @property
    def hidden(self) -> tuple[Any, ...]:
        """Values for ``detail_outputs`` where there is nothing to show any more."""
        return gr.update(visible=False), *self.no_details[1:]

    def details(
        self, session: Session, run: Run, request: GenerationRequest, title: str, result: Result | None = None
    ) -> tuple[Any, ...]:
        """What is known of a prompt, or of an image (``result``), and what can be taken along of it."""
        files, notes = self._files(run, request)
        return (
            gr.update(visible=True),
            html.origins_html(run.draft, title),
            sharing.infotext(run, request),
            html.notice(f"About the files to share: {'; '.join(notes)}." if notes else "", "quiet"),
            request.positive,
            request.negative,
            *files,
            *self.marks.shown(session, result),
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
        return self.details(session, new_run().replacing(draft=draft), picked.request, f"Prompt {place + 1}")

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
        return self.details(session, result.run, result.image.request, result.image.path.name, result)

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


def _scored(result: Result, marks: Marks) -> Scored:
    told = (result.whole, result.compared, result.problems)
    return Scored(result.image.path.name, result.lines, marks_sign(marks), *told)


def run_buttons(is_running: bool | None) -> tuple[Any, Any]:
    """(the button that begins, the one that interrupts) during a job, or without one; None leaves them as they are."""
    if is_running is None:
        return gr.update(), gr.update()
    stop = gr.update(interactive=is_running, variant="stop" if is_running else "secondary")
    return gr.update(interactive=not is_running), stop
