"""Opening a pipeline on its page: of the list, of a file, of a finished run; and keeping one's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from orchestrator_app.sources import parsed_file
from orchestrator_app.studio import html, pipeline_shelf
from orchestrator_app.studio.compat import listen
from orchestrator_app.studio.pipeline_desk import Results, results_of
from orchestrator_app.studio.session import Session
from orchestrator_core.errors import OrchestratorError, PipelineError
from orchestrator_core.pipeline.rerunning import record_from_json
from orchestrator_core.spec import pipeline_to_json

if TYPE_CHECKING:
    from orchestrator_app.studio.live import LiveEnvironment
    from orchestrator_app.studio.pages.pipeline import PipelinePage

_MOST = 200  # items of a run that are opened
_QUIET: dict[str, Any] = {"show_progress": "hidden"}


class PipelineOpening:
    """The page's list, drop zone, and buttons for one's own files."""

    def __init__(self, page: PipelinePage) -> None:
        self.page, self.live = page, page.live

    def connect(self) -> None:
        page, session = self.page, self.page.session
        asks, whole = [page.delete, page.really, page.keep], page.whole
        # input: what Python puts there is no choice of a person
        listen(page.name.input, self._on_name, [page.name, session], whole, **_QUIET)
        listen(page.file.upload, self._on_file, [page.file, session], [page.file, *whole], **_QUIET)
        listen(page.run_folder.input, self._on_folder, [page.run_folder, session], whole, **_QUIET)
        saving = [page.save_as, session, page.sent]
        listen(page.save.click, self._on_save, saving, [page.said, page.name, page.delete], **_QUIET)
        listen(page.delete.click, lambda: _asking(True), None, asks, **_QUIET)
        listen(page.keep.click, lambda: _asking(False), None, asks, **_QUIET)
        listen(page.really.click, self._on_delete, [session], [page.name, *asks, page.said], **_QUIET)

    def _on_name(self, name: str | None, session: Session) -> tuple[Any, ...]:
        if not name:
            return tuple(gr.update() for _ in self.page.whole)
        try:
            session.pipeline.open(pipeline_shelf.read(name), name, is_listed=True)
        except OrchestratorError as error:
            return self._kept(f"{name}: {error}")
        return self.page.opened_now(session)

    def _on_file(self, path: str | None, session: Session) -> tuple[Any, ...]:
        if not path:
            return tuple(gr.update() for _ in (self.page.file, *self.page.whole))
        try:
            data = parsed_file(Path(path))
            if isinstance(data, dict) and "snapshots" in data:
                said = self._open_results(session, results_of([record_from_json(data)], None), Path(path).name)
            else:
                session.pipeline.open(data, Path(path).stem)
                said = f"{Path(path).name} is open, and not saved among your own yet."
        except OrchestratorError as error:
            name = Path(path).name
            return None, *self._kept(f"{name}: {str(error).replace(path, name)}")
        return None, *self.page.opened_now(session, html.notice(said, "good"))

    def _on_folder(self, folder: str | None, session: Session) -> tuple[Any, ...]:
        if not folder:
            return tuple(gr.update() for _ in self.page.whole)
        path = pipeline_shelf.outputs_of(self.live.settings) / Path(folder).name
        try:
            records = list(pipeline_shelf.records_in(path, _MOST))
            if not records:
                raise PipelineError(f"{path} holds no record of a run any more.")
            said = self._open_results(session, results_of(records, path), folder)
        except OrchestratorError as error:
            return self._kept(str(error))
        return self.page.opened_now(session, html.notice(said, "good"))

    def _open_results(self, session: Session, results: Results, name: str) -> str:
        pipeline = results.done[0].record.pipeline
        session.pipeline.open(pipeline_to_json(pipeline), name)
        session.pipeline.set(results=results)
        return f"The run {name} is open: {html.number(len(results.done), 'item')}. Any stage can be run again."

    def _kept(self, said: str) -> tuple[Any, ...]:
        """Values for ``whole``: nothing is opened, and why."""
        return html.notice(said), *(gr.update() for _ in self.page.whole[1:])

    def _on_save(self, name: str, session: Session, sent: str) -> tuple[Any, Any, Any]:
        desk = session.pipeline
        desk.type(sent)
        try:
            pipeline = desk.state.check.pipeline
            if pipeline is None:
                raise PipelineError(f"Not saved: {desk.state.text_problem or desk.state.check.problem}")
            opened = desk.state.name if desk.state.is_listed else ""
            saved = pipeline_shelf.save(name or "", pipeline, opened)
        except OrchestratorError as error:
            return html.notice(str(error)), gr.update(), gr.update()
        desk.set(name=saved, is_listed=True)
        listed = gr.update(choices=pipeline_shelf.names(), value=saved)
        said = html.notice(f"Saved: {pipeline_shelf.own_folder() / saved}", "good")
        return said, listed, gr.update(visible=True)

    def _on_delete(self, session: Session) -> tuple[Any, ...]:
        """The file; what is on the page stays, and can be saved again."""
        name, is_listed = session.pipeline.state.name, session.pipeline.state.is_listed
        try:
            if not is_listed:
                raise PipelineError(f"{name} is none of your own files.")
            pipeline_shelf.delete(name)
        except OrchestratorError as error:
            return gr.update(), *_asking(False), html.notice(str(error))
        session.pipeline.set(name=name.removesuffix(pipeline_shelf.OWN), is_listed=False)
        said = html.notice(f"{name} is deleted. What is on the page can be saved again.", "good")
        hidden = gr.update(visible=False)
        return gr.update(choices=pipeline_shelf.names(), value=None), hidden, hidden, hidden, said


def runs_of(live: LiveEnvironment) -> list[tuple[str, str]]:
    found = pipeline_shelf.runs_in(pipeline_shelf.outputs_of(live.settings))
    return [(folder.title, folder.path.name) for folder in found]


def _asking(is_asked: bool) -> tuple[Any, Any, Any]:
    """Delete, "Yes, delete it", "Keep it"."""
    return gr.update(visible=not is_asked), gr.update(visible=is_asked), gr.update(visible=is_asked)
