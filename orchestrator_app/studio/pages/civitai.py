"""A button that asks Civitai: what is sent is said before its first use, then progress, Stop, and the outcome."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import gradio as gr

from orchestrator_app.studio import html, lora_asking
from orchestrator_app.studio.compat import html_box, kw, listen
from orchestrator_app.studio.live import LiveEnvironment
from orchestrator_app.studio.lora_asking import Asking
from orchestrator_app.studio.lora_place import OpenLoras
from orchestrator_app.studio.session import Session
from orchestrator_core.errors import OrchestratorError
from orchestrator_core.loras.record import LoraRecord

_PAUSE = 0.3  # seconds between two looks

Wanted = Callable[[Session, OpenLoras], Sequence[LoraRecord]]  # raises OrchestratorError
Then = tuple[Callable[..., Any], list[Any], list[Any]]  # what is shown anew afterwards, of which inputs, where


class AskCivitai:
    """Its buttons are made where it is, in a row, and ``add_panel`` is called below that.

    ``wanted`` says about which LoRAs. ``single``: about one, shown when that is chosen, and asked again at each click.
    """

    def __init__(self, live: LiveEnvironment, session: Any, wanted: Wanted, *, single: bool) -> None:
        self.live, self.session, self.wanted, self.single = live, session, wanted, single
        self._id = f"orchestrator_civitai_{'one' if single else 'shown'}"
        self.ask = kw(gr.Button, value="Ask Civitai", size="sm", visible=not single, elem_id=self._id)
        self.stop = kw(gr.Button, value="Stop", size="sm", visible=False, elem_id=f"{self._id}_stop")

    def add_panel(self) -> None:
        prefix = self._id
        with gr.Column(visible=False, elem_id=f"{prefix}_consent") as self.consent:
            self.told = html_box("", elem_id=f"{prefix}_told")
            with kw(gr.Row, elem_classes=["orc-line", "orc-tools"]):
                self.yes = kw(gr.Button, value="Yes, ask", variant="primary", size="sm", elem_id=f"{prefix}_yes")
                self.no = kw(gr.Button, value="No", size="sm", elem_id=f"{prefix}_no")
        self.said = html_box("", elem_id=f"{prefix}_said", elem_classes=["orc-empty"])

    @property
    def outputs(self) -> list[Any]:
        return [self.ask, self.stop, self.consent, self.told, self.said]

    def connect(self, then: Sequence[Then]) -> None:
        for event, function in ((self.ask.click, self._on_ask), (self.yes.click, self._on_yes)):
            done = listen(event, function, [self.session], self.outputs, show_progress="hidden", concurrency_limit=None)
            for show, inputs, outputs in then:
                done = listen(done.then, show, inputs, outputs, show_progress="hidden")
        listen(self.no.click, lambda: gr.update(visible=False), None, [self.consent], show_progress="hidden")
        listen(self.stop.click, self._on_stop, None, [self.stop], show_progress="hidden")

    def show_on(self, event: Any) -> None:
        """A LoRA was chosen: what was said of another one is taken away."""
        shown = gr.update(visible=True), gr.update(visible=False), ""
        listen(event, lambda: shown, None, [self.ask, self.consent, self.said], show_progress="hidden")

    def _on_ask(self, session: Session) -> Iterator[tuple[Any, ...]]:
        if self.live.settings.ask_civitai:
            yield from self._asked(session)
            return
        told = html.notice(lora_asking.consent_text(), "hint")
        yield gr.update(), gr.update(), gr.update(visible=True), told, ""

    def _on_yes(self, session: Session) -> Iterator[tuple[Any, ...]]:
        yield from self._asked(session, lora_asking.remember_consent(self.live.environment.settings))

    def _on_stop(self) -> Any:
        try:
            asking = self.live.loras.asking
        except OrchestratorError:
            asking = None
        if asking is not None:
            asking.stop()
        return gr.update(interactive=False)

    def _asked(self, session: Session, problem: str = "") -> Iterator[tuple[Any, ...]]:
        try:
            loras = self.live.loras
            wanted = self.wanted(session, loras)
            asking = loras.ask(wanted, self.live.environment.civitai_url, again=self.single)
        except OrchestratorError as error:
            yield self._idle(html.notice(str(error), "hint") + html.notice(problem, "hint"))
            return
        yield self._running(asking)
        while not asking.done.wait(_PAUSE):
            yield *(gr.update() for _ in self.outputs[:-1]), lora_asking.progress_html(asking)
        other = "" if asking.records is wanted else "That was asked before your click. Click again to ask yours."
        yield self._idle(lora_asking.outcome_html(asking) + "".join(html.notice(e, "hint") for e in (other, problem)))

    def _running(self, asking: Asking) -> tuple[Any, ...]:
        stop = gr.update(visible=True, interactive=not asking.stopping)
        return gr.update(interactive=False), stop, gr.update(visible=False), "", lora_asking.progress_html(asking)

    def _idle(self, said: str) -> tuple[Any, ...]:
        return gr.update(interactive=True), gr.update(visible=False), gr.update(visible=False), "", said
