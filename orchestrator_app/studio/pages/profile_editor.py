"""One profile: a form, the YAML of the same file, what is wrong as one types, and what it does to a template."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr
from gradio.processing_utils import save_bytes_to_cache

from orchestrator_app.studio import html, profile_desk, profiles_html
from orchestrator_app.studio.compat import folded, hidden, html_box, kw, listen, plain
from orchestrator_app.studio.live import LiveEnvironment
from orchestrator_app.studio.profile_desk import Open
from orchestrator_app.studio.profile_form import FIELDS
from orchestrator_app.studio.profile_trying import tried
from orchestrator_app.studio.session import Session
from orchestrator_app.studio.shelves import profiles_of
from orchestrator_core.errors import OrchestratorError
from orchestrator_core.profiles.importing import file_name
from orchestrator_core.profiles.model import Profile
from orchestrator_core.profiles.schema import ProfileFile

FORM, YAML = "Form", "YAML"
_PICK = "Click on a profile to see what it does, and to change it."
_AGAIN = "The form was just being filled. Click once more."
_EXAMPLE = "{she|somebody} reads a letter in __weather__"
_TRY = "she reads a letter by the window"
_OTHERS = {
    "wildcard_weights": "How much more likely values of wildcards are, one a line, as nature/weather#fog rolling in: 4",
    "loras": "One a line, as styles/ink: 0.8, always. Instead of always: never, or × 3 for three times as readily.",
    "lore": "Names of lore books, one a line.",
    "state": "What a story with it begins with, one a line, as outfit: red cloak",
    "style": "How it is drawn: phrases for every prompt, separated by commas.",
    "appearance_tags": "What it looks like: phrases for every prompt, separated by commas, as they are.",
}
_LABELS = {
    "extends": "Builds on", "appearance_tags": "What it looks like", "required": "Always said",
    "wildcard_weights": "Odds of wildcards", "loras": "LoRAs", "family": "Base model", "lore": "Lore books",
    "state": "A story begins with",
}  # fmt: skip
_KINDS = ("character", "setting", "style", "genre", "mixed")
Then = tuple[Callable[..., Any], list[Any], list[Any]]


class ProfileEditor:
    """Made where it is to be seen; ``outputs`` are what ``shown`` gives values for."""

    def __init__(self, live: LiveEnvironment, session: Any) -> None:
        self.live, self.session = live, session
        self.elements: dict[str, Any] = {}
        self.head = html_box(html.nothing_yet(_PICK), elem_id="orchestrator_profile_head")
        with kw(gr.Column, elem_id="orchestrator_profile_editor", elem_classes=["orc-of-chosen"]):
            with kw(gr.Row, elem_classes=["orc-line", "orc-tools", "orc-desk"]):
                self.mode = kw(
                    gr.Radio, choices=[FORM, YAML], value=FORM, show_label=False, elem_id="orchestrator_profile_mode",
                    elem_classes=["orc-toggle"], scale=2, min_width=150,
                )  # fmt: skip
                self.save = kw(
                    gr.Button, value="Save", variant="primary", size="sm", elem_id="orchestrator_profile_save"
                )
                self.copy = kw(gr.Button, value="Duplicate", size="sm", elem_id="orchestrator_profile_copy")
                self.export = kw(
                    gr.DownloadButton, label="Its card, as it was imported", size="sm", visible=False,
                    elem_id="orchestrator_profile_export",
                )  # fmt: skip
            self.said = html_box("", elem_id="orchestrator_profile_said", elem_classes=["orc-empty"])
            self.trying = kw(
                gr.Textbox, label="Try it with", value=_TRY, placeholder=_EXAMPLE, lines=1, max_lines=4,
                elem_id="orchestrator_profile_try",
            )  # fmt: skip
            self.tried = html_box("", elem_id="orchestrator_profile_tried")
            self.key = kw(
                gr.Textbox, label="Called", max_lines=1, elem_id="orchestrator_profile_key",
                info=plain("By this name, its file's, it is chosen. Another name saves it as another profile."),
                elem_classes=["orchestrator-field"],
            )  # fmt: skip
            with kw(gr.Column, elem_id="orchestrator_profile_form"):
                self._form()
            self.filled = hidden("orchestrator_profile_filled")
            with kw(gr.Column, elem_id="orchestrator_profile_as_yaml"):
                self.yaml = kw(
                    gr.Textbox, show_label=False, lines=22, max_lines=30, elem_id="orchestrator_profile_yaml",
                    elem_classes=["orc-code"], autoscroll=False,
                )  # fmt: skip

    def _form(self) -> None:
        with kw(gr.Row, elem_classes=["orc-line"]):
            self._text("name", scale=5)
            self.elements["kind"] = kw(
                gr.Dropdown, label="Kind", choices=list(_KINDS), value="mixed", elem_id="orchestrator_profile_kind",
                elem_classes=["orchestrator-field"], scale=2, min_width=110, info=plain(_info("kind")),
            )  # fmt: skip
        self._text("appearance_tags", lines=3)
        with kw(gr.Row, elem_classes=["orc-line"]):
            self._text("style", lines=2)
            self._text("negative", lines=2)
        with kw(gr.Row, elem_classes=["orc-line"]):
            self._text("required")
            self._text("forbidden")
        with folded("Told to a language model", "orchestrator_profile_words"):
            for name in ("description", "personality", "scenario", "setting"):
                self._text(name, lines=2)
            self._text("backstory", lines=4)
        with folded("Template, odds and LoRAs", "orchestrator_profile_drawing"):
            self._text("template", lines=2)
            self._text("subject")
            self._text("wildcard_weights", lines=3)
            self._text("loras", lines=2)
            self._text("family")
        with folded("Stories and what it builds on", "orchestrator_profile_more"):
            self._text("state", lines=3)
            self._text("lore", lines=2)
            self._text("extends")
        self.kept = html_box("", elem_id="orchestrator_profile_kept", elem_classes=["orc-empty"])

    def _text(self, name: str, lines: int = 1, scale: int = 1) -> None:
        self.elements[name] = kw(
            gr.Textbox, label=_LABELS.get(name, name.capitalize()), info=plain(_info(name)), lines=lines, max_lines=12,
            elem_id=f"orchestrator_profile_{name}", elem_classes=["orchestrator-field"], min_width=150, scale=scale,
        )  # fmt: skip

    # what it takes and gives

    @property
    def fields(self) -> list[Any]:
        return [self.elements[name] for name in FIELDS]

    @property
    def inputs(self) -> list[Any]:
        """What the events take, behind the session."""
        return [self.filled, self.mode, self.key, self.yaml, *self.fields]

    @property
    def outputs(self) -> list[Any]:
        places = [self.head, self.key, self.mode, self.yaml, self.kept]
        return [*places, self.export, self.said, *self.fields, self.filled]

    def connect(self, then: Then) -> None:
        """``then`` is what else is shown anew after something was saved: (function, inputs, outputs)."""
        quiet: dict[str, Any] = {"show_progress": "hidden", "trigger_mode": "always_last", "concurrency_limit": 4}
        typed = [element.change for element in (*self.fields, self.yaml, self.trying, self.filled)]
        trying = [self.session, self.trying, *self.inputs]
        listen(typed, self._on_typed, trying, [self.said, self.tried], **quiet)
        listen(self.mode.change, self._on_mode, [self.session, *self.inputs], self.outputs, **quiet)
        saved = listen(self.save.click, self._on_save, [self.session, *self.inputs], self.outputs)
        copied = listen(self.copy.click, self._on_copy, [self.session, *self.inputs], self.outputs, **quiet)
        for event in (saved, copied):
            listen(event.then, *then, **quiet)

    # what is shown

    def shown(self, session: Session, one: Open, said: str = "", mode: str = "") -> tuple[Any, ...]:
        """Values for ``outputs``: this profile is open now. A text that is no profile is shown as YAML."""
        mode = YAML if not one.form else mode or FORM
        filled = session.profiles.filled + 1
        session.profiles = session.profiles.replacing(open=one, mode=mode, filled=filled)
        profile = one.parsed(one.draft) if one.form else None
        note = _note(one)
        return (
            profiles_html.head_html(profile.name if profile else one.key, one.shown_path, note),
            one.key,
            mode,
            one.draft,
            profiles_html.kept_html(profile) if profile else "",
            self._card(profile),
            said or _problem_of(one),
            *(one.form.get(name, "") for name in FIELDS),
            str(filled),  # the last: a page that has it has all
        )

    def _card(self, profile: Profile | None) -> Any:
        if profile is None or not profile.card_raw:
            return gr.update(visible=False)
        data = profile_desk.card_of(profile).encode("utf-8", "replace")
        path = save_bytes_to_cache(data, f"{file_name(profile.name)}.json", self.export.GRADIO_CACHE)
        return gr.update(value=str(path), visible=True)

    def unchanged(self, said: Any) -> tuple[Any, ...]:
        place = self.outputs.index(self.said)
        return tuple(said if index == place else gr.update() for index in range(len(self.outputs)))

    # what happens

    def text_of(self, session: Session, mode: str, yaml: str, fields: Sequence[str]) -> str:
        """The file as it would be saved now. Raises FormatError, ProfileError."""
        if mode == YAML:
            return yaml or ""
        return session.profiles.open.text_with(_form(fields))

    def _on_typed(
        self, session: Session, template: str, filled: str, mode: str, key: str, yaml: str, *fields: str
    ) -> Any:
        if not is_current(session, filled):
            return gr.update(), gr.update()
        one = session.profiles.open
        try:
            profile = one.parsed(self.text_of(session, mode, yaml, fields))
        except OrchestratorError as error:
            return html.notice(str(error)), gr.update()
        try:
            found = tried(profile, profiles_of(self.live), self.live.wildcards, template or "")
        except OrchestratorError as error:
            return "", html.notice(str(error))
        return "", profiles_html.tried_html(found)

    def _on_mode(self, session: Session, filled: str, mode: str, key: str, yaml: str, *fields: str) -> tuple[Any, ...]:
        """The same profile in the other view, with what was typed in the one before."""
        if not is_current(session, filled) or mode == session.profiles.mode:  # gradio tells of each that was filled in
            return self.unchanged(gr.update())
        one = session.profiles.open
        try:
            text = self.text_of(session, FORM if mode == YAML else YAML, yaml, fields)
            if mode == FORM:
                one.parsed(text)
        except OrchestratorError as error:
            return self._back(one, mode, str(error))
        if text == one.draft:  # as it was filled in
            session.profiles = session.profiles.replacing(mode=mode)
            return self.unchanged("")
        key_shown = self.outputs.index(self.key)
        found = self.shown(session, one.filled(text), mode=mode)
        return tuple(gr.update() if place == key_shown else value for place, value in enumerate(found))

    def _back(self, one: Open, mode: str, problem: str) -> tuple[Any, ...]:
        """What was typed cannot be shown in the other view, so it stays in its own."""
        stays = YAML if mode == FORM else FORM
        values = list(self.unchanged(html.notice(problem)))
        values[self.outputs.index(self.mode)] = stays
        return tuple(values)

    def _on_save(self, session: Session, filled: str, mode: str, key: str, yaml: str, *fields: str) -> tuple[Any, ...]:
        if not is_current(session, filled):
            return self.unchanged(html.notice(_AGAIN, "hint"))
        one = session.profiles.open
        try:
            form = _form(fields) if mode == FORM else None
            saved = profile_desk.save(profiles_of(self.live), one, key or "", form, yaml or "")
        except OrchestratorError as error:
            return self.unchanged(html.notice(str(error)))
        drafts = {name: draft for name, draft in session.profiles.drafts.items() if name not in (one.key, saved.key)}
        session.profiles = session.profiles.replacing(drafts=drafts)
        return self.shown(session, saved, html.notice(f"Saved: {saved.shown_path}.", "good"), mode)

    def _on_copy(self, session: Session, filled: str, mode: str, key: str, yaml: str, *fields: str) -> tuple[Any, ...]:
        if not is_current(session, filled):
            return self.unchanged(html.notice(_AGAIN, "hint"))
        one = session.profiles.open
        try:
            copy = profile_desk.copied(profiles_of(self.live), one, self.text_of(session, mode, yaml, fields))
        except OrchestratorError as error:
            return self.unchanged(html.notice(str(error)))
        return self.shown(session, copy, html.notice("A copy, which is not saved yet.", "hint"), mode)


def is_current(session: Session, filled: str) -> bool:
    """Whether the page has taken in the profile that is open, so that what it sends is of that one."""
    return filled == str(session.profiles.filled)


def _form(fields: Sequence[str]) -> dict[str, str]:
    return {name: value or "" for name, value in zip(FIELDS, fields, strict=True)}


def _info(name: str) -> str:
    return _OTHERS.get(name) or ProfileFile.model_fields[name].description or ""


def _problem_of(one: Open) -> str:
    try:
        one.parsed(one.draft)
    except OrchestratorError as error:
        return html.notice(str(error))
    return ""


def _note(one: Open) -> str:
    if not one.shown_path or not one.saved:
        return "It is saved as a file of your own."
    return "" if one.path else "It comes with the pack, or from another program. Saving it makes a copy of your own."
