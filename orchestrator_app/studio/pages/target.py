"""Send to: the targets as a toggle, and what the chosen one offers in the elements that ask for it."""

from __future__ import annotations

from typing import Any

import gradio as gr

from orchestrator_app.studio import html
from orchestrator_app.studio.compat import html_box, kw, listen
from orchestrator_app.studio.elements import FROM_TARGET, OWN, StageForm
from orchestrator_app.studio.live import LiveEnvironment
from orchestrator_app.studio.session import Session
from orchestrator_core.errors import ConfigError, GeneratorUnreachable, OrchestratorError


class TargetChooser:
    """Made where the toggle is to be seen; ``form`` has the elements whose choices the target knows."""

    def __init__(self, live: LiveEnvironment, form: StageForm[Any]) -> None:
        self.live, self.form = live, form
        names = list(live.targets)
        with kw(gr.Row, elem_classes=["orc-line"]):
            self.target = kw(
                gr.Radio, choices=names, value=names[0] if names else None, label="Send to",
                elem_id="orchestrator_target", elem_classes=["orchestrator-field", "orc-toggle"], scale=6,
                min_width=220,
            )  # fmt: skip
            with kw(gr.Column, scale=2, min_width=110, elem_classes=["orc-stack"]):
                self.refresh = kw(gr.Button, value="Refresh lists", size="sm", elem_id="orchestrator_refresh")
        self.said = html_box("", elem_classes=["orc-empty"], elem_id="orchestrator_refreshed")

    def connect(self, session: Any, opened: Any, selected: Any) -> tuple[Any, Any]:
        """``opened`` is the event of a page's opening, ``selected`` that of its tab's.

        Gives the events after which another target, or another address, is in use.
        """
        elements = [self.form.elements[name] for name in FROM_TARGET]
        asked, answered = [session, self.target, *elements], [*elements, self.said]
        events = [self.refresh.click, self.target.change]
        refreshed = listen(events, self._on_refresh, asked, answered, show_progress="minimal")
        listen(opened, self._on_refresh, asked, answered, show_progress="hidden")
        shown = listen(selected, self._on_select, asked, answered, show_progress="hidden")
        return refreshed.then, shown.then

    def _on_select(self, session: Session, target: str, *values: Any) -> tuple[Any, ...]:
        """Asks only what was not asked yet, or did not answer: its address may be another now, or it may run now."""
        try:
            if session.listed_from == self.live.target(target).where:
                return tuple(gr.update() for _ in (*FROM_TARGET, self.said))
        except OrchestratorError:
            pass  # which is said by what follows
        return self._on_refresh(session, target, *values)

    def _on_refresh(self, session: Session, target: str, *values: Any) -> tuple[Any, ...]:
        session.listed_from = ""
        try:
            chosen = self.live.target(target)
            found = self.live.choices(chosen)
        except OrchestratorError as error:
            return (*(gr.update() for _ in FROM_TARGET), html.notice(f"{error}{where_set(error)}", "hint"))
        session.listed_from = chosen.where
        lists = (found.checkpoints, found.vaes, found.samplers, found.schedulers)
        updates = [choices(name, value, names) for name, value, names in zip(FROM_TARGET, values, lists, strict=True)]
        return (*updates, "")


def where_set(error: OrchestratorError) -> str:
    """Where to put right that a target does not answer."""
    unreachable = isinstance(error, GeneratorUnreachable | ConfigError)
    return " The address is set on the page Config." if unreachable else ""


def choices(name: str, value: Any, names: tuple[str, ...]) -> Any:
    """The choices of an option; one that is not among them stays chosen, and is refused by the target itself."""
    listed = [*([OWN] if name in ("checkpoint", "vae") else []), *names]
    if value and value not in listed:
        listed.append(value)
    return gr.update(choices=listed, value=value or listed[0]) if names else gr.update()
