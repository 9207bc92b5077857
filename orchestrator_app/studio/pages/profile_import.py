"""Files of other programs: what they would become is shown first, and written only by a click."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from orchestrator_app.studio import html, profile_import, profiles_html
from orchestrator_app.studio.compat import html_box, kw, listen, plain
from orchestrator_app.studio.live import LiveEnvironment
from orchestrator_app.studio.session import Session
from orchestrator_app.studio.shelves import books_of, profiles_of
from orchestrator_core.errors import OrchestratorError

AS_PROFILE, AS_BOOK = "as a profile", "as a lore book for stories"
_KINDS = [".json", ".png", ".apng", ".charx", ".yaml", ".yml", ".csv"]


class ProfileImport:
    """Made where it is to be seen."""

    def __init__(self, live: LiveEnvironment) -> None:
        self.live = live
        with gr.Accordion("Import a card, a lorebook or styles", open=False, elem_id="orchestrator_profiles_import"):
            self.file = kw(
                gr.File, label="Character card, World Info, lorebook, styles of A1111 or Fooocus, profile",
                file_types=_KINDS, height=110, elem_id="orchestrator_profiles_file",
            )  # fmt: skip
            with gr.Column(visible=False) as self.about:
                self.preview = html_box("", elem_id="orchestrator_profiles_preview")
                self.name = kw(
                    gr.Textbox, label="Called", max_lines=1, placeholder="as it calls itself",
                    info=plain("The name of the new file. Empty: its own name."),
                    elem_id="orchestrator_profiles_import_name", elem_classes=["orchestrator-field"],
                )  # fmt: skip
                self.use = kw(
                    gr.Radio, choices=[AS_PROFILE, AS_BOOK], value=AS_PROFILE, show_label=False,
                    elem_id="orchestrator_profiles_import_as", elem_classes=["orc-toggle"],
                )  # fmt: skip
                self.do = kw(
                    gr.Button, value="Import", variant="primary", size="sm", elem_id="orchestrator_profiles_do_import"
                )
            self.said = html_box("", elem_id="orchestrator_profiles_imported", elem_classes=["orc-empty"])

    def connect(self, show: Callable[[Session, str], tuple[Any, ...]], session: Any, outputs: list[Any]) -> Any:
        """``show`` gives values for ``outputs`` of the profile that was made. Returns the event of the import."""
        quiet: dict[str, Any] = {"show_progress": "hidden", "trigger_mode": "always_last"}
        looked = [self.about, self.preview, self.said]
        listen([self.file.change, self.name.change], self._on_file, [self.file, self.name], looked, **quiet)

        inputs = [session, self.file, self.name, self.use]
        return listen(self.do.click, self.importer(show, outputs), inputs, [self.said, self.file, *outputs])

    def importer(
        self, show: Callable[[Session, str], tuple[Any, ...]], outputs: list[Any]
    ) -> Callable[..., tuple[Any, ...]]:
        """What the button does."""

        def on_import(session: Session, file: Any, name: str, use: str) -> tuple[Any, ...]:
            nothing = tuple(gr.update() for _ in outputs)
            try:
                path = _path(file)
                if use == AS_BOOK:
                    written = profile_import.take_book(path, books_of(self.live), name or "")
                    return self._done(f"Imported: {written}. Name it in a story."), gr.update(value=None), *nothing
                taken = profile_import.take(path, profiles_of(self.live), name or "")
                profiles_of(self.live).refresh()
            except OrchestratorError as error:
                return html.notice(str(error)), gr.update(), *nothing
            told = f"Imported: {html.number(len(taken.profiles), 'profile')}, {taken.path}."
            key = profile_import.key_of(taken, profiles_of(self.live))
            return self._done(told), gr.update(value=None), *show(session, key)

        return on_import

    def _done(self, text: str) -> str:
        return html.notice(text, "good")

    def _on_file(self, file: Any, name: str) -> tuple[Any, ...]:
        if not file:
            return gr.update(visible=False), "", gr.update()
        try:
            looked = profile_import.look(_path(file), profiles_of(self.live), name or "")
        except OrchestratorError as error:
            return gr.update(visible=False), "", html.notice(str(error))
        return gr.update(visible=True), profiles_html.taken_html(looked.taken, looked.is_there), ""


def _path(file: Any) -> Path:
    return Path(file if isinstance(file, str) else file.name)
