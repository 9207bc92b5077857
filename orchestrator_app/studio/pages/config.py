"""Config: what is set once, where it is kept, and whether the targets answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import gradio as gr

from orchestrator_app.studio import html
from orchestrator_app.studio.compat import html_box, kw, listen
from orchestrator_app.studio.elements import element
from orchestrator_app.studio.environment import Settings, Target
from orchestrator_app.studio.forms import fields_of, read, shown
from orchestrator_app.studio.live import LiveEnvironment
from orchestrator_app.studio.pages.config_model import ModelSection
from orchestrator_core.errors import OrchestratorError
from orchestrator_core.request import Choices

# By host: what is not for people there.
_FIXED = {"": ("schema_version",), "Forge": ("schema_version", "forge_url", "lora_folders")}


class ConfigPage:
    """The Settings model as a form."""

    def __init__(self, live: LiveEnvironment, tab: Any) -> None:
        self.live, self.tab = live, tab
        fixed = _FIXED.get(live.environment.host, _FIXED[""])
        self.fields = {name: field for name, field in fields_of(Settings).items() if name not in fixed}
        settings = live.settings
        with kw(gr.Row, elem_classes=["orc-columns"], equal_height=False):
            with gr.Column(scale=6, min_width=320, elem_classes=["orc-config"]):
                self.elements: dict[str, Any] = {}
                self._add(settings, [name for name in self.fields if _section(name) == ""])
                with gr.Accordion("Language model", open=False, elem_id="orchestrator_language_model"):
                    self.model = ModelSection(live)
                    self._add(settings, [name for name in self.fields if _section(name) == "llm"])
                    self.model.add()
                with gr.Accordion("Scorer", open=False, elem_id="orchestrator_scorer"):
                    self._add(settings, [name for name in self.fields if _section(name) == "scorer"])
                    self.test_scorer = kw(
                        gr.Button, value="Test the scorer", size="sm", elem_id="orchestrator_test_scorer"
                    )
                    self.scorer_tested = html_box("", elem_classes=["orc-empty"], elem_id="orchestrator_tested_scorer")
                self.save = kw(gr.Button, value="Save", variant="primary", elem_id="orchestrator_save")
                self.said = html_box(html.notice(live.settings_problem), elem_id="orchestrator_saved")
                html_box(html.notice(f"Kept in {live.environment.settings.where}.", "quiet"))
            with gr.Column(scale=5, min_width=280):
                self.tests = {
                    name: (
                        kw(gr.Button, value=f"Test {name}", size="sm", elem_id=f"orchestrator_test_{name.lower()}"),
                        html_box("", elem_id=f"orchestrator_tested_{name.lower()}"),
                    )
                    for name in live.targets
                }
                html_box(html.notice("Tests what the form says, saved or not.", "quiet"))

    def _add(self, settings: Settings, names: Sequence[str]) -> None:
        """Elements for these settings."""
        wanted = {name: self.fields[name] for name in names}
        numbers = [name for name, field in wanted.items() if field.kind == "number"]
        for names in ([name for name in wanted if name not in numbers], numbers[:2], numbers[2:]):
            with kw(gr.Row, elem_classes=["orc-line"]) if names[1:] and names[0] in numbers else nullcontext():
                for name in names:
                    value = shown(wanted[name], getattr(settings, name))
                    self.elements[name] = element("settings", wanted[name], value=value, min_width=140)

    def connect(self) -> None:
        inputs = list(self.elements.values())
        self.model.connect(inputs, self._settings)
        listen(self.save.click, self._on_save, [self.model.key, *inputs], [self.said, *self.model.key_outputs])
        opened = [*inputs, self.said, *self.model.key_outputs]
        listen(self.tab.select, self._on_open, None, opened, show_progress="hidden")
        listen(self.test_scorer.click, self._on_test_scorer, inputs, [self.scorer_tested])
        for name, (button, said) in self.tests.items():
            listen(button.click, self._testing(name), inputs, [said])

    def _settings(self, values: Sequence[Any]) -> Settings:
        """Raises ConfigError."""
        return read(Settings, dict(zip(self.elements, values, strict=True)), self.fields)

    def _on_open(self) -> tuple[Any, ...]:
        settings = self.live.settings
        values = [shown(self.fields[name], getattr(settings, name)) for name in self.elements]
        return *values, html.notice(self.live.settings_problem), *self.model.now

    def _on_save(self, key: str | None, *values: Any) -> tuple[Any, ...]:
        keeper = self.live.environment.settings
        try:
            keeper.save(self._settings(values))
            kept = self.model.keep(key)
        except OrchestratorError as error:
            return html.notice(f"Not saved. {error}"), *self.model.as_it_is
        return html.notice(f"Saved in {keeper.where}.", "good"), *kept

    def _on_test_scorer(self, *values: Any) -> str:
        scoring = self.live.environment.scoring
        if scoring is None:
            return html.notice("Nothing is scored here.", "quiet")
        try:
            return html.notice(scoring.tested(self._settings(values)), "good")
        except OrchestratorError as error:
            return html.notice(str(error))

    def _testing(self, name: str) -> Callable[..., str]:
        def test(*values: Any) -> str:
            try:
                targets = self.live.environment.targets(self._settings(values))
                target = next(target for target in targets if target.name == name)
                return html.notice(answer(target, target.choices()), "good")
            except OrchestratorError as error:
                return html.notice(str(error))

        return test


def _section(name: str) -> str:
    """In which part of the page a setting stands."""
    if name.startswith(("score_", "scorer_")):
        return "scorer"
    return "llm" if name.startswith("llm_") else ""


def answer(target: Target, choices: Choices) -> str:
    """``ComfyUI (http://127.0.0.1:8188) answers: 3 checkpoints, 1 VAE, 44 samplers, 9 schedulers.``"""
    counts = [
        html.number(len(choices.checkpoints), "checkpoint"),
        html.number(len(choices.vaes), "VAE"),
        html.number(len(choices.samplers), "sampler"),
        html.number(len(choices.schedulers), "scheduler"),
    ]
    where = f" ({target.where})" if target.where else ""
    return f"{target.name}{where} answers: {', '.join(counts)}."
