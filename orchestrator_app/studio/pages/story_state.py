"""How a story stands, as a form whose changes are steps of its log; the log, undo and redo; its name and its books."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from orchestrator_app.studio import html, story_form
from orchestrator_app.studio.compat import folded, hidden, html_box, kw, listen, plain
from orchestrator_app.studio.live import LiveEnvironment
from orchestrator_app.studio.session import Session
from orchestrator_app.studio.shelves import stories_of
from orchestrator_app.studio.stories_html import log_html
from orchestrator_app.studio.story_form import FIELDS
from orchestrator_core.errors import ConfigError, OrchestratorError
from orchestrator_core.memory.change import Change
from orchestrator_core.memory.library import StoryLibrary
from orchestrator_core.memory.story import Story

# label, tooltip, lines
_LOOKS = {
    "who": ("Who is there", "Names, separated by commas.", 1),
    "where": ("Where", "As: old tavern. Empty: open.", 1),
    "when": ("When", "As: night. Empty: open.", 1),
    "mood": ("Mood", "As: tense. Empty: open.", 1),
    "outfit": ("Who wears what", "A line each, as Mira: red cloak, boots.", 2),
    "facts": ("Known of people", "Told to a language model. A line each, as Mira: fears deep water.", 3),
    "known": ("Known of the story", "Told to a language model. A line each.", 2),
}
_AGAIN = "The form was just being filled. Click once more."
_SURE = "Yes, delete it"
Act = Callable[..., str]
Show = Callable[[Session, str], tuple[Any, ...]]
Unchanged = Callable[[str], tuple[Any, ...]]


class StoryState:
    """Made where it is to be seen; ``outputs`` are what ``shown`` gives values for."""

    def __init__(self, live: LiveEnvironment, session: Any) -> None:
        self.live, self.session = live, session
        self.elements: dict[str, Any] = {}
        self.filled = hidden("orchestrator_story_filled")
        self._text("who")
        with kw(gr.Row, elem_classes=["orc-line"]):
            for name in ("where", "when", "mood"):
                self._text(name)
        for name in ("outfit", "facts", "known"):
            self._text(name)
        with kw(gr.Row, elem_classes=["orc-line", "orc-tools"]):
            self.save = self._button("Save the changes", "save", variant="primary")
            self.undo, self.redo = self._button("Undo", "undo"), self._button("Redo", "redo")
        with gr.Accordion("What changed, and who said so", open=True, elem_id="orchestrator_story_changes"):
            self.log = html_box("", elem_id="orchestrator_story_log")
        with folded("Name, profiles and books of this story", "orchestrator_story_about"):
            self._about()

    def _about(self) -> None:
        self.name = kw(
            gr.Textbox, label="Name", max_lines=1, elem_id="orchestrator_story_new_name",
            elem_classes=["orchestrator-field"],
        )  # fmt: skip
        self.profiles = names_of("orchestrator_story_profiles", "Profiles")
        self.books = names_of("orchestrator_story_books", "Lore books")
        with kw(gr.Row, elem_classes=["orc-line", "orc-tools"]):
            self.use = self._button("Save these", "use")
            self.delete = self._button("Delete the story …", "delete")
            self.sure = self._button(_SURE, "delete_sure", variant="stop", visible=False)

    def _text(self, name: str) -> None:
        label, info, lines = _LOOKS[name]
        self.elements[name] = kw(
            gr.Textbox, label=label, info=plain(info), lines=lines, max_lines=10, min_width=100,
            elem_id=f"orchestrator_story_{name}", elem_classes=["orchestrator-field"],
        )  # fmt: skip

    def _button(self, value: str, name: str, **look: Any) -> Any:
        return kw(gr.Button, value=value, size="sm", min_width=90, elem_id=f"orchestrator_story_{name}", **look)

    @property
    def fields(self) -> list[Any]:
        return [self.elements[name] for name in FIELDS]

    @property
    def outputs(self) -> list[Any]:
        about = [self.name, self.profiles, self.books, self.sure]
        return [*self.fields, self.undo, self.redo, self.log, *about, self.filled]

    def connect(self, show: Show, unchanged: Unchanged, outputs: list[Any]) -> None:
        """``show`` and ``unchanged`` give values for ``outputs``: the story as it is now, or as it is on the page."""

        def acting(act: Act) -> Callable[..., tuple[Any, ...]]:
            def take(session: Session, filled: str, *values: Any) -> tuple[Any, ...]:
                if not self.is_current(session, filled):
                    return unchanged(html.notice(_AGAIN, "hint"))
                try:
                    said = act(session, *values)
                except OrchestratorError as error:  # what was typed stays
                    return unchanged(html.notice(str(error)))
                return show(session, html.notice(said, "good"))

            return take

        about = [self.name, self.profiles, self.books]
        buttons: list[tuple[Any, Act, list[Any]]] = [
            (self.save, self._save, self.fields),
            (self.undo, self._undo, []),
            (self.redo, self._redo, []),
            (self.use, self._use, about),
            (self.sure, self._delete, []),
        ]
        for button, act, inputs in buttons:
            listen(button.click, acting(act), [self.session, self.filled, *inputs], outputs, show_progress="hidden")
        listen(self.delete.click, lambda: gr.update(visible=True), None, [self.sure], show_progress="hidden")

    # what is shown

    def shown(self, session: Session, story: Story) -> tuple[Any, ...]:
        """Values for ``outputs``."""
        form, filled = story_form.form_of(story.state), session.stories.filled + 1
        session.stories = session.stories.replacing(form=form, filled=filled)
        return (
            *(form[name] for name in FIELDS),
            *self._log(story),
            story.name,
            gr.update(value=list(story.profiles), choices=self.profile_names(story.profiles)),
            gr.update(value=list(story.books), choices=self.book_names(story.books)),
            gr.update(visible=False),
            str(filled),  # the last: a page that has it has all
        )

    def is_current(self, session: Session, filled: str) -> bool:
        """Whether the page has taken in the story that is open, so that what it sends is of that one."""
        return (filled or "0") == str(session.stories.filled)

    def learned(self, session: Session, story: Story, typed: Sequence[str]) -> tuple[Any, ...]:
        """The same after the story went on by itself: what somebody is typing stays, and so does what it began with."""
        before, now = session.stories.form, story_form.form_of(story.state)
        mine = dict(zip(FIELDS, typed, strict=True))
        new = {name for name in FIELDS if mine[name] == before.get(name) != now[name]}
        form = {name: now[name] if name in new else before.get(name, "") for name in FIELDS}
        session.stories = session.stories.replacing(form=form)
        fields = (now[name] if name in new else gr.update() for name in FIELDS)
        return *fields, *self._log(story), *(gr.update() for _ in range(5))

    def _log(self, story: Story) -> tuple[Any, Any, str]:
        return gr.update(interactive=story.can_undo), gr.update(interactive=story.can_redo), log_html(story)

    def profile_names(self, chosen: Sequence[str]) -> list[str]:
        library = self.live.environment.profiles
        return list(dict.fromkeys([*(library.names if library else ()), *chosen]))

    def book_names(self, chosen: Sequence[str] = ()) -> list[str]:
        books = self.live.environment.books
        return list(dict.fromkeys([*(books.names() if books else ()), *chosen]))

    # what happens: each says what was done. They raise StoryError, StoreError, ConfigError.

    def _save(self, session: Session, *values: str) -> str:
        stories, view = stories_of(self.live), session.stories
        form = dict(zip(FIELDS, values, strict=True))
        changes = story_form.changes(view.form, form, found(stories, view.name).state)
        if not changes:
            return "Nothing was changed."
        stories.change(view.name, changes)
        return f"Changed: {_all(changes)}."

    def _undo(self, session: Session) -> str:
        changes = stories_of(self.live).undo(session.stories.name)
        return f"Undone: {_all(changes)}." if changes else "There is nothing to undo."

    def _redo(self, session: Session) -> str:
        changes = stories_of(self.live).redo(session.stories.name)
        return f"Done again: {_all(changes)}." if changes else "There is nothing to do again."

    def _use(self, session: Session, name: str, profiles: Sequence[str], books: Sequence[str]) -> str:
        stories, old = stories_of(self.live), session.stories.name
        stories.use(old, profiles or (), books or ())
        new = " ".join((name or "").split()) or old
        if new != old:
            session.stories = session.stories.replacing(name=stories.rename(old, new).name)
        return "Saved."

    def _delete(self, session: Session) -> str:
        name = session.stories.name
        stories_of(self.live).delete(name)
        session.stories = session.stories.replacing(name="")
        return f"{name} is deleted. Its runs and images are where they were."


def names_of(element_id: str, label: str) -> Any:
    return kw(
        gr.Dropdown, label=label, choices=[], value=[], multiselect=True, allow_custom_value=True,
        elem_id=element_id, elem_classes=["orchestrator-field"], min_width=140, interactive=True,
    )  # fmt: skip


def found(stories: StoryLibrary, name: str) -> Story:
    """Raises ConfigError where it is gone."""
    story = stories.find(name)
    if story is None:
        raise ConfigError(f"There is no story {name!r} any more.")
    return story


def _all(changes: Sequence[Change]) -> str:
    return "; ".join(map(str, changes))
