"""Trying again: whether prompts are rendered until they show enough, and how often; off until somebody wants it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from orchestrator_app.studio.compat import kw
from orchestrator_app.studio.elements import StageForm
from orchestrator_core.weights.retrying import Options


class RetrySection:
    """Made where it is to be seen. ``inputs`` are what ``wanted`` reads."""

    def __init__(self) -> None:
        self.form = StageForm("retry", Options)
        with gr.Accordion("Try again", open=False, elem_id="orchestrator_try_again"):
            self.is_on = kw(
                gr.Checkbox, label="Render again until an image shows enough of its prompt", value=False,
                elem_id="orchestrator_retry", elem_classes=["orchestrator-field"],
                info="The scorer of the settings looks at the images. The best try is shown; all are kept.",
            )  # fmt: skip
            with kw(gr.Row, elem_classes=["orc-line"]):
                self.form.add("until", "tries", "change", min_width=110)
            self.form.add_rest()

    @property
    def inputs(self) -> list[Any]:
        return [self.is_on, *self.form.inputs]

    def wanted(self, values: Sequence[Any]) -> Options | None:
        """From what ``inputs`` hold; what is off may hold anything. Raises ConfigError."""
        is_on, *options = values
        return self.form.options(options) if is_on else None
