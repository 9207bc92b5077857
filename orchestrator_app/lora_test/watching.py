"""A test's progress in a terminal: a line for each image that is done, or why it is not."""

from __future__ import annotations

from orchestrator_app.lora_test.folder import TestFolder
from orchestrator_app.lora_test.running import TestRun
from orchestrator_app.progress import Lines
from orchestrator_app.studio.job import OVER, TaskState
from orchestrator_core.loras.testing import Cell, label_of


def words_of(folder: TestFolder, cell: Cell) -> str:
    """``ink at 0.7, prompt 1, seed 12``."""
    lora = "baseline" if cell.lora is None else f"{label_of(folder.plan.loras[cell.lora])} at {cell.strength:g}"
    prompt = f", prompt {cell.prompt + 1}" if len(folder.plan.prompts) > 1 else ""
    return f"{lora}{prompt}, seed {cell.request.seed}"


class Watching:
    """Looked at as often as one likes; each thing is told once."""

    def __init__(self, test: TestRun, lines: Lines) -> None:
        self.test, self.lines = test, lines
        self._begun = self._done = 0
        self._last_error = ""

    def look(self) -> None:
        for state in self.test.job.states[self._done :]:
            number = state.task.number
            if state.phase not in OVER:
                self._running(state)
                return
            self._done = number
            if state.phase != "stopped":
                self.lines.done(number, f"{self._words(state)}: {self._ended(state)}")

    def _running(self, state: TaskState) -> None:
        number = state.task.number
        if state.phase == "running" and number != self._begun:
            self._begun = number
            self.lines.begin(number, self._words(state))
        if state.progress is not None:
            self.lines.report(state.progress)

    def _words(self, state: TaskState) -> str:
        return words_of(self.test.folder, self.test.cell(state))

    def _ended(self, state: TaskState) -> str:
        if not state.error:
            return f"{state.seconds:.1f} s"
        if state.error == self._last_error:
            return "not rendered, for the same reason"
        self._last_error = state.error
        return state.error
