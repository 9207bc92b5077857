"""Config: the language model, whether it is there, and its key, which is written and never shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from orchestrator_app.studio import html
from orchestrator_app.studio.compat import html_box, kw, listen, plain
from orchestrator_app.studio.environment import Settings
from orchestrator_app.studio.live import LiveEnvironment
from orchestrator_core.errors import OrchestratorError

_KEY = "Of a server that wants one. What is typed here is kept in a file of its own, and not shown again."
_RULES_ALONE = "Prompts are enhanced by the rules alone here."


class ModelSection:
    """``add`` makes its elements where they are to be seen, below those of the settings."""

    def __init__(self, live: LiveEnvironment) -> None:
        self.live, self.models = live, live.environment.models

    def add(self) -> None:
        is_there = self.models is not None
        with kw(gr.Row, elem_classes=["orc-line"], visible=is_there):
            self.key = kw(
                gr.Textbox, label="LLM key", info=plain(_KEY), type="password", value="", scale=3, min_width=180,
                elem_id="orchestrator_settings_llm_key", elem_classes=["orchestrator-field"], lines=1, max_lines=1,
            )  # fmt: skip
            with kw(gr.Column, scale=2, min_width=130, elem_classes=["orc-stack"]):
                self.forget = kw(gr.Button, value="Forget the key", size="sm", elem_id="orchestrator_forget_key")
                self.test = kw(gr.Button, value="Test the model", size="sm", elem_id="orchestrator_test_llm")
        self.said = html_box(self.now[1], elem_id="orchestrator_llm_key_said")
        self.tested = html_box("", elem_classes=["orc-empty"], elem_id="orchestrator_tested_llm")

    def connect(self, inputs: Sequence[Any], settings: Callable[[Sequence[Any]], Settings]) -> None:
        """``settings`` makes them of what ``inputs`` hold."""

        def test(key: str | None, *values: Any) -> str:
            if self.models is None:
                return html.notice(_RULES_ALONE, "quiet")
            try:
                return html.notice(self.models.tested(settings(values), key or ""), "good")
            except OrchestratorError as error:
                return html.notice(str(error))

        listen(self.test.click, test, [self.key, *inputs], [self.tested])
        listen(self.forget.click, self._on_forget, None, self.key_outputs)

    @property
    def key_outputs(self) -> list[Any]:
        """What ``keep`` gives values for."""
        return [self.key, self.said]

    @property
    def as_it_is(self) -> tuple[Any, Any]:
        return gr.update(), gr.update()

    @property
    def now(self) -> tuple[str, str]:
        """Nothing typed, and whether there is a key."""
        return "", html.notice(self._said(), "quiet")

    def keep(self, key: str | None) -> tuple[Any, Any]:
        """Writes a key that was typed. Raises ConfigError."""
        if self.models is None or not (key or "").strip():
            return self.as_it_is
        self.models.key.save(key or "")
        return self.now

    def _on_forget(self) -> tuple[Any, Any]:
        if self.models is None:
            return self.as_it_is
        try:
            self.models.key.save("")
        except OrchestratorError as error:
            return gr.update(), html.notice(str(error))
        return self.now

    def _said(self) -> str:
        return _RULES_ALONE if self.models is None else self.models.key.said
