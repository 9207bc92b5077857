"""The elements of the page Learn."""

from __future__ import annotations

from typing import Any

import gradio as gr

from orchestrator_app.studio.clock import Clock
from orchestrator_app.studio.compat import folded, hidden, html_box, kw, plain
from orchestrator_app.studio.live import LiveEnvironment

SLOT, VALUE, MOMENT, NEWS = (f"orchestrator_learn_{name}" for name in ("slot", "value", "moment", "news"))
EVERYTHING = ("everything", "")  # the choice of a context that is none
_MODES = {
    "careful": "Odds of a slot move only once the data say that its values differ; no value is ever given up.",
    "fast": "Odds move from the first images on.",
}
_DIRECTIONS = {
    "report": "report: models' scores are shown, and move nothing (a low one may mean a hard word, not a bad one)",
    "prefer": "prefer what works: values that are fulfilled more often are drawn more often",
    "off": "off: nothing moves in this slot, whatever models or your marks say",
}


_TABLES = {"scores": "Scores", "values": "Values", "pairs": "Pairs", "effect": "Before, after"}


def _download(name: str, label: str) -> Any:
    return kw(gr.DownloadButton, label=label, size="sm", interactive=False, elem_id=f"orchestrator_learn_{name}")


class LearnElements:
    """Made inside of a gr.Tab. By ``clock`` the page looks for what was learned meanwhile."""

    def __init__(self, live: LiveEnvironment, session: Any, tab: Any, clock: Clock) -> None:
        self.live, self.session, self.tab, self.clock = live, session, tab, clock
        with kw(gr.Row, elem_classes=["orc-columns"], equal_height=False):
            with gr.Column(scale=4, min_width=300):
                self._switches()
                self.slots = html_box("", elem_id="orchestrator_learn_slots")
                self.undo = kw(
                    gr.Button,
                    value="Undo the last step",
                    size="sm",
                    interactive=False,
                    elem_id="orchestrator_learn_undo",
                )
                self._files()
            with gr.Column(scale=8, min_width=360):
                self._pending()
                self._slot()
        self.slot, self.value, self.moment = hidden(SLOT), hidden(VALUE), hidden(MOMENT)

    def _switches(self) -> None:
        self.status = html_box("", elem_id="orchestrator_learn_status")
        self.is_on = kw(
            gr.Checkbox,
            label="Learn, and draw by what was learned",
            value=False,
            elem_id="orchestrator_learn_on",
            elem_classes=["orchestrator-field"],
            info=plain("Off: prompts are drawn as their authors wrote them."),
        )
        self.mode = kw(
            gr.Radio,
            label="Mode",
            choices=list(_MODES),
            value="careful",
            elem_id="orchestrator_learn_mode",
            elem_classes=["orchestrator-field", "orc-toggle"],
            info=plain(" ".join(f"{name}: {said}" for name, said in _MODES.items())),
        )
        self.context = kw(
            gr.Dropdown,
            label="Learned with",
            choices=[EVERYTHING],
            value="",
            elem_id="orchestrator_learn_context",
            elem_classes=["orchestrator-field"],
            info=plain("Profiles, kind of model, scorer: each learns by itself."),
        )

    def _files(self) -> None:
        with folded("Take along, take in, begin anew", "orchestrator_learn_files"):
            with kw(gr.Row, elem_classes=["orc-line"]):
                self.save = kw(gr.Button, value="Prepare files", size="sm", elem_id="orchestrator_learn_save")
                self.exported = _download("json", "What was learned (JSON)")
            with kw(gr.Row, elem_classes=["orc-line"]):
                self.tables = {name: _download(name, f"{label} (CSV)") for name, label in _TABLES.items()}
            self.file = kw(
                gr.File,
                label="Take in what was learned elsewhere",
                file_types=[".json"],
                type="filepath",
                height=150,
                elem_id="orchestrator_learn_import",
            )
            with kw(gr.Row, elem_classes=["orc-line"]):
                self.reset_slot = kw(
                    gr.Button, value="Reset this slot", size="sm", elem_id="orchestrator_learn_reset_slot"
                )
                self.reset = kw(gr.Button, value="Reset everything", size="sm", elem_id="orchestrator_learn_reset")

    def _pending(self) -> None:
        self.said = html_box("", elem_id="orchestrator_learn_said", elem_classes=["orc-empty"])
        with kw(
            gr.Column, visible=False, elem_classes=["orc-chosen"], elem_id="orchestrator_learn_pending"
        ) as self.pending:
            self.moves = html_box("", elem_id="orchestrator_learn_moves")
            with kw(gr.Row, elem_classes=["orc-line"]):
                self.apply = kw(
                    gr.Button, value="Apply", variant="primary", size="sm", elem_id="orchestrator_learn_apply"
                )
                self.cancel = kw(gr.Button, value="Leave it", size="sm", elem_id="orchestrator_learn_cancel")

    def _slot(self) -> None:
        self.head = html_box("", elem_id="orchestrator_learn_head")
        with kw(gr.Column, elem_classes=["orc-of-chosen"], elem_id="orchestrator_learn_of_slot"):
            self.direction = kw(
                gr.Radio,
                label="Direction",
                choices=[(said, name) for name, said in _DIRECTIONS.items()],
                value="report",
                elem_id="orchestrator_learn_direction",
                elem_classes=["orchestrator-field"],
            )
            self.odds = html_box("", elem_id="orchestrator_learn_odds")
            self.plot = html_box("", elem_id="orchestrator_learn_plot", elem_classes=["orc-plot"])
        with folded("Over time: what it has brought, and which values go together", "orchestrator_learn_time"):
            self.over_time = html_box("", elem_id="orchestrator_learn_over_time")
        with folded("History: what was learned when, and the way back", "orchestrator_learn_past"):
            self.history = html_box("", elem_id="orchestrator_learn_history")

    # what it takes and gives

    @property
    def outputs(self) -> list[Any]:
        own = [self.status, self.is_on, self.mode, self.context, self.slots, self.said, self.pending, self.moves]
        return [*own, self.head, self.direction, self.odds, self.plot, self.over_time, self.history, self.undo]
