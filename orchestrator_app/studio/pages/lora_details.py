"""All that is known of one LoRA, and a form for what a person says of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, fields
from typing import Any

import gradio as gr

from orchestrator_app.studio import html, loras_html, thumbnails
from orchestrator_app.studio.compat import html_box, kw, listen
from orchestrator_app.studio.live import LiveEnvironment
from orchestrator_app.studio.lora_editing import LoraForm, changes, form_of
from orchestrator_app.studio.lora_place import OpenLoras
from orchestrator_app.studio.pages.civitai import AskCivitai, Then
from orchestrator_app.studio.session import Session
from orchestrator_core.base_models import FAMILIES, SUB_FAMILIES
from orchestrator_core.errors import ConfigError, OrchestratorError
from orchestrator_core.loras.record import LoraRecord

_PICK = "Click on a LoRA to see all that is known of it, and to correct it."


class LoraDetails:
    """Made where it is to be seen; ``outputs`` are what ``shown`` gives values for."""

    def __init__(self, live: LiveEnvironment, session: Any) -> None:
        self.live, self.session = live, session
        self.detail = html_box(html.notice(_PICK, "quiet"), elem_id="orchestrator_lora_detail")
        with kw(gr.Row, elem_classes=["orc-line", "orc-tools"]):
            self.civitai = AskCivitai(live, session, _picked, single=True)
        self.civitai.add_panel()
        with gr.Column(visible=False, elem_id="orchestrator_lora_form") as self.form:
            self.elements = self._form()
            with kw(gr.Row, elem_classes=["orc-line", "orc-tools"]):
                self.save = kw(
                    gr.Button, value="Save", variant="primary", size="sm", elem_id="orchestrator_lora_save"
                )  # fmt: skip
                self.back = kw(
                    gr.Button, value="Take back all that I said", size="sm", elem_id="orchestrator_lora_back"
                )  # fmt: skip
        self.said = html_box("", elem_id="orchestrator_lora_said", elem_classes=["orc-empty"])

    def _form(self) -> list[Any]:
        """In the order of LoraForm."""
        with kw(gr.Row, elem_classes=["orc-line"]):
            words = self._text("trigger_words", "Trigger words", "A group a line, each inserted as it is.", lines=2)
            base = kw(
                gr.Dropdown, label="Base model", info="It wins over all that files say.", allow_custom_value=True,
                choices=["", *FAMILIES, *SUB_FAMILIES], elem_id="orchestrator_lora_base_model",
                elem_classes=["orchestrator-field"],
            )  # fmt: skip
        with kw(gr.Row, elem_classes=["orc-line"]):
            tags = self._text("tags", "Your tags", "Separated by commas; they weigh much when LoRAs are chosen.")
            strength = self._text("preferred_strength", "Strength", "What it is used at. Empty: the usual one.")
        notes = self._text("notes", "Notes", "They are searched too.", lines=2)
        with kw(gr.Row, elem_classes=["orc-line"]):
            favourite = kw(gr.Checkbox, label="Favourite", elem_id="orchestrator_lora_favourite")
            excluded = kw(gr.Checkbox, label="Never choose it", elem_id="orchestrator_lora_excluded")
        return [words, base, tags, strength, notes, favourite, excluded]

    def _text(self, name: str, label: str, info: str, lines: int = 1) -> Any:
        return kw(
            gr.Textbox, label=label, info=info, lines=lines, max_lines=6, elem_id=f"orchestrator_lora_{name}",
            elem_classes=["orchestrator-field"], min_width=140,
        )  # fmt: skip

    @property
    def outputs(self) -> list[Any]:
        return [self.detail, self.form, self.said, *self.elements]

    def connect(self, changed: Any, outputs: list[Any]) -> None:
        """``changed`` gives the values of ``outputs`` once something was saved."""
        inputs = [self.session, *self.elements]
        saved = listen(self.save.click, self._on_save, inputs, self.outputs, show_progress="hidden")
        listen(saved.then, changed, [self.session], outputs, show_progress="hidden")
        back = listen(self.back.click, self._on_back, [self.session], self.outputs, show_progress="hidden")
        listen(back.then, changed, [self.session], outputs, show_progress="hidden")
        self.civitai.connect([self.facts_anew, (changed, [self.session], outputs)])

    @property
    def facts_anew(self) -> Then:
        """After something was learned of LoRAs."""
        return self._on_learned, [self.session, *self.elements], [self.detail, *self.elements]

    def shown(self, session: Session, path: str) -> tuple[Any, ...]:
        """The details of the LoRA at this path."""
        try:
            loras = self.live.loras
            return self._shown(session, loras, _record(loras, path), "")
        except OrchestratorError as error:
            return self._problem(str(error))

    def _shown(self, session: Session, loras: OpenLoras, record: LoraRecord, said: str) -> tuple[Any, ...]:
        form = form_of(record)
        session.loras = session.loras.replacing(picked=record.path, form=form)
        known = loras.records()
        twins = [known[path].name for path in loras.library.snapshot.names.twins(record.path) if path in known]
        picture = thumbnails.picture_of(record, thumbnails.LARGE) if record.preview else b""
        detail = loras_html.details_html(record, picture, twins)
        return detail, gr.update(visible=True), said, *astuple(form)

    def _problem(self, text: str) -> tuple[Any, ...]:
        return gr.update(), gr.update(), html.notice(text), *(gr.update() for _ in fields(LoraForm))

    def _on_learned(self, session: Session, *values: Any) -> tuple[Any, ...]:
        """The facts that are shown, anew; what was typed and is not saved yet stays.

        Only fields of another value than before are written: somebody may be typing into the rest just now.
        """
        typed, filled = astuple(_form(values)), astuple(session.loras.form)
        try:
            loras = self.live.loras
            detail, _, _, *new = self._shown(session, loras, _record(loras, session.loras.picked), "")
        except OrchestratorError:  # none is shown, or it is gone
            return gr.update(), *(gr.update() for _ in self.elements)
        fields = zip(typed, filled, new, strict=True)
        return detail, *(now if mine == before != now else gr.update() for mine, before, now in fields)

    def _on_save(self, session: Session, *values: Any) -> tuple[Any, ...]:
        try:
            loras = self.live.loras
            record = _record(loras, session.loras.picked)
            changed = changes(session.loras.form, _form(values))
            for field, value in changed.items():
                record = loras.set_user(record, field, value)
        except OrchestratorError as error:
            return self._problem(f"Not saved. {error}")
        said = f"Saved: {', '.join(name.replace('_', ' ') for name in changed)}." if changed else "Nothing was changed."
        return self._shown(session, loras, record, html.notice(said, "good"))

    def _on_back(self, session: Session) -> tuple[Any, ...]:
        try:
            loras = self.live.loras
            record = _record(loras, session.loras.picked)
            own = [fact.field for fact in record.facts if fact.source == "user"]
            for field in own:
                record = loras.set_user(record, field, None)
        except OrchestratorError as error:
            return self._problem(str(error))
        said = f"{html.number(len(own), 'value')} taken back: now it is as its files say."
        return self._shown(session, loras, record, html.notice(said, "good"))


def _form(values: Sequence[Any]) -> LoraForm:
    """From what the elements hold; a dropdown that was emptied holds None."""
    words, base, tags, strength, notes, favourite, excluded = values
    return LoraForm(words or "", base or "", tags or "", strength or "", notes or "", bool(favourite), bool(excluded))


def _picked(session: Session, loras: OpenLoras) -> list[LoraRecord]:
    """Raises ConfigError."""
    return [_record(loras, session.loras.picked)]


def _record(loras: OpenLoras, path: str) -> LoraRecord:
    """Raises ConfigError."""
    record = loras.library.record(path)
    if record is None:
        raise ConfigError("This LoRA is not in the library any more. Choose it again.")
    return record
