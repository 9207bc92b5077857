"""Profiles: cards of all that there are, one to look at and to change, new ones, and files of other programs."""

from __future__ import annotations

from typing import Any

import gradio as gr

from orchestrator_app.studio import html, profile_desk, profiles_html
from orchestrator_app.studio.clock import Clock
from orchestrator_app.studio.compat import hidden, html_box, kw, listen
from orchestrator_app.studio.live import LiveEnvironment
from orchestrator_app.studio.pages.profile_editor import ProfileEditor, is_current
from orchestrator_app.studio.pages.profile_import import ProfileImport
from orchestrator_app.studio.session import Session
from orchestrator_app.studio.shelves import profiles_of
from orchestrator_core.errors import OrchestratorError

PICK, KIND, NEWS = "orchestrator_profile_pick", "orchestrator_profile_of_kind", "orchestrator_profile_news"
_NEW = ("character", "setting", "style", "genre")


class ProfilesPage:
    """By ``clock`` the page looks for changed files."""

    def __init__(self, live: LiveEnvironment, session: Any, tab: Any, clock: Clock) -> None:
        self.live, self.session, self.tab, self.clock = live, session, tab, clock
        with kw(gr.Row, elem_classes=["orc-columns"], equal_height=False):
            with gr.Column(scale=5, min_width=300):
                self.search = kw(
                    gr.Textbox, label="Search", placeholder="in names, looks and descriptions", lines=1, max_lines=1,
                    elem_id="orchestrator_profiles_search",
                )  # fmt: skip
                self.kinds = html_box("", elem_id="orchestrator_profiles_kinds", elem_classes=["orc-chips-box"])
                with kw(gr.Row, elem_classes=["orc-line", "orc-tools"]):
                    self.new = {
                        kind: kw(
                            gr.Button, value=f"New {kind}", size="sm", min_width=90,
                            elem_id=f"orchestrator_profiles_new_{kind}",
                        )
                        for kind in _NEW
                    }  # fmt: skip
                self.importing = ProfileImport(live)
                self.cards = html_box("", elem_id="orchestrator_profiles_cards")
                self.where = html_box("", elem_id="orchestrator_profiles_where")
            with kw(gr.Column, scale=7, min_width=340, elem_classes=["orc-beside"]):
                self.editor = ProfileEditor(live, session)
        self.pick, self.kind = hidden(PICK), hidden(KIND)

    @property
    def _shown(self) -> list[Any]:
        return [self.cards, self.kinds, self.where]

    def connect(self) -> None:
        quiet: dict[str, Any] = {"show_progress": "hidden", "trigger_mode": "always_last", "concurrency_limit": 4}
        session, shown = self.session, self._shown
        listen(self.tab.select, self._list, [session], shown, **quiet)
        listen(self.search.change, self._on_search, [self.search, session], shown, **quiet)
        listen(self.kind.change, self._on_kind, [self.kind, session], shown, **quiet)
        news = hidden(NEWS)  # above all pages: see compat.folded
        self.clock.on_tick(self._on_look, [news])
        listen(news.change, self._on_tick, [session], [*shown, self.editor.said], **quiet)
        picked = [self.pick, session, *self.editor.inputs]
        opened = listen(self.pick.change, self._on_pick, picked, self.editor.outputs, **quiet)
        listen(opened.then, self._list, [session], shown, **quiet)
        for kind, button in self.new.items():
            begun = listen(
                button.click, self._beginning(kind), [session, *self.editor.inputs], self.editor.outputs, **quiet
            )
            listen(begun.then, self._list, [session], shown, **quiet)
        self.editor.connect((self._list, [session], shown))
        imported = self.importing.connect(self._on_imported, session, self.editor.outputs)
        listen(imported.then, self._list, [session], shown, **quiet)

    # what is shown

    def _list(self, session: Session) -> tuple[Any, ...]:
        """The cards, the kinds, and the folders."""
        try:
            library = profiles_of(self.live)
            found, problems, version = library.all(), library.problems, library.version
        except OrchestratorError as error:
            return html.notice(str(error), "hint"), "", ""
        view = session.profiles = session.profiles.replacing(version=version)
        some = profiles_html.search(found, view.query, view.kind)
        told = problems if not view.query and not view.kind else [one for one in problems if one.key in _keys(some)]

        def marks(key: str) -> list[str]:
            return (["yours"] if profile_desk.is_own(library, key) else []) + (
                ["not saved"] if key in view.drafts else []
            )

        cards = profiles_html.cards_html(some, told, view.open.key, PICK, marks)
        folders = "\n".join(map(str, library.folders[:1]))
        where = html.notice(f"Your own are files in {folders}.", "quiet")
        return cards, profiles_html.kinds_html(found, view.kind, KIND), where

    # what happens

    def _on_search(self, text: str, session: Session) -> tuple[Any, ...]:
        session.profiles = session.profiles.replacing(query=text or "")
        return self._list(session)

    def _on_kind(self, sent: str, session: Session) -> tuple[Any, ...]:
        session.profiles = session.profiles.replacing(kind=html.clicked(sent))
        return self._list(session)

    def _on_pick(self, sent: str, session: Session, *typed: str) -> tuple[Any, ...]:
        key = html.clicked(sent)
        self._put_by(session, typed)
        if key in session.profiles.drafts:
            one, text = session.profiles.drafts[key]
            said = html.notice("What you typed before is not saved yet.", "hint")
            return self.editor.shown(session, one.filled(text), said)
        try:
            return self.editor.shown(session, profile_desk.opened(profiles_of(self.live), key))
        except OrchestratorError as error:
            return self.editor.unchanged(html.notice(str(error)))

    def _put_by(self, session: Session, typed: tuple[str, ...]) -> None:
        """Keeps what was typed and not saved, for when its profile is opened again."""
        view, (filled, mode, _, yaml, *fields) = session.profiles, typed
        one = view.open
        if not one.draft or not is_current(session, filled):
            return
        try:
            text = self.editor.text_of(session, mode, yaml, fields)
        except OrchestratorError:  # of a field that means nothing; the others are kept as they were
            text = one.draft
        drafts = {key: kept for key, kept in view.drafts.items() if key != one.key}
        if text != one.saved:
            drafts[one.key] = one, text
        session.profiles = view.replacing(drafts=drafts)

    def _beginning(self, kind: Any) -> Any:
        def begin(session: Session, *typed: str) -> tuple[Any, ...]:
            self._put_by(session, typed)
            return self.editor.shown(session, profile_desk.begun(kind))

        return begin

    def _on_imported(self, session: Session, key: str) -> tuple[Any, ...]:
        """Values for the editor's outputs: what was imported is open."""
        try:
            return self.editor.shown(session, profile_desk.opened(profiles_of(self.live), key))
        except OrchestratorError as error:
            return self.editor.unchanged(html.notice(str(error)))

    def _on_look(self, session: Session) -> Any:
        """Another text as soon as a file is another one."""
        if not session.profiles.version:
            return gr.update()
        try:
            version = profiles_of(self.live).version
        except OrchestratorError:
            return gr.update()
        return gr.update() if version == session.profiles.version else version

    def _on_tick(self, session: Session) -> tuple[Any, ...]:
        """What came, changed or went in the folders since the last look."""
        nothing = tuple(gr.update() for _ in range(len(self._shown) + 1))
        view = session.profiles
        if not view.version:
            return nothing
        try:
            if profiles_of(self.live).version == view.version:
                return nothing
            said = self._changed_meanwhile(session)
        except OrchestratorError:
            return nothing
        return *self._list(session), said

    def _changed_meanwhile(self, session: Session) -> Any:
        one = session.profiles.open
        if one.path is None or not one.saved:
            return gr.update()
        try:
            now = profile_desk.opened(profiles_of(self.live), one.key).saved
        except OrchestratorError as error:
            return html.notice(str(error))
        told = "This file was changed meanwhile. Click on its card to see it as it is now."
        return gr.update() if now == one.saved else html.notice(told, "hint")


def _keys(profiles: Any) -> set[str]:
    return {profile.key for profile in profiles}
