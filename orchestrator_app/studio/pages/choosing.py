"""LoRAs: whether they are chosen for the drawn prompts, and how; off until somebody switches it on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from orchestrator_app.studio.choosing import Wanted
from orchestrator_app.studio.compat import kw
from orchestrator_app.studio.elements import StageForm
from orchestrator_core.stages import select_loras


class LoraSection:
    """Made where it is to be seen. ``inputs`` are what ``wanted`` reads."""

    def __init__(self) -> None:
        self.form = StageForm("selectLoras", select_loras.Options)
        with gr.Accordion("LoRAs", open=False, elem_id="orchestrator_choose_loras"):
            self.is_on = kw(
                gr.Checkbox, label="Choose LoRAs that fit each prompt", value=False, elem_id="orchestrator_choose",
                elem_classes=["orchestrator-field"],
            )  # fmt: skip
            with kw(gr.Row, elem_classes=["orc-line"]):
                self.form.add("max_loras", "total_strength", "strength", min_width=110)
            with kw(gr.Row, elem_classes=["orc-line"]):
                self.form.add("minimum_evidence", "variety", "insert_trigger_words", min_width=110)
            with kw(gr.Row, elem_classes=["orc-line"]):
                self.form.add("include", "exclude", "never_together", min_width=140, lines=2)
            self.form.add("query")
            self.form.add_rest()

    @property
    def inputs(self) -> list[Any]:
        return [self.is_on, *self.form.inputs]

    def wanted(self, values: Sequence[Any], checkpoint: str) -> Wanted:
        """From what ``inputs`` hold. Raises ConfigError, unless no LoRAs are wanted."""
        is_on, *options = values
        return Wanted(True, self.form.options(options), checkpoint) if is_on else Wanted(checkpoint=checkpoint)
