"""Shows what a template or a wildcard has to say: each thing once, with a caret under its place."""

from __future__ import annotations

from orchestrator_app.console import caret_lines, problem, remark, width
from orchestrator_core.errors import OrchestratorError
from orchestrator_core.prompt import Diagnostic, PromptDraft
from orchestrator_core.template import Wildcards

_INDENT = "  "


class Reporter:
    """Collects over many drafts, so that what is wrong in all of them is said once. ``explains``: with the place."""

    def __init__(self, wildcards: Wildcards, *, explains: bool = True) -> None:
        self.wildcards = wildcards
        self.explains = explains
        self.seen: dict[tuple[str, str, int, int, str], int] = {}

    def note(self, text: str) -> None:
        problem("warning", text)

    def report(self, draft: PromptDraft) -> None:
        source = draft.source
        for found in draft.diagnostics:
            text = source.negative if found.where == "negative" else source.template
            key = (found.where, found.message, found.start, found.end, text)
            self.seen[key] = self.seen.get(key, 0) + 1
            if self.seen[key] == 1:
                self._show(found, text)

    def finish(self) -> None:
        """Say what could not be read of the files that were used."""
        for found in self.wildcards.problems:
            problem("warning", f"{found} (orchestrator wildcards check says more)")

    def _show(self, found: Diagnostic, template: str) -> None:
        problem("warning", found.message)
        if not self.explains or found.where in ("profiles", "the story"):  # no place of a template
            return
        written = template if found.where in ("positive", "negative") else self._value(found.where)
        if written is None or not _is_place(found, written):
            remark(f"{_INDENT}in a value that was drawn from a wildcard")
            return
        line, marks, number, column = caret_lines(written, found.start, found.end, width() - len(_INDENT))
        remark(f"{_INDENT}in {found.place}, {f'line {number}, ' if number > 1 else ''}character {column}:")
        remark(f"{_INDENT}{line}\n{_INDENT}{marks}")

    def _value(self, where: str) -> str | None:
        """The text of the value at ``colors/warm:12``."""
        name, _, line = where.rpartition(":")
        try:
            values = self.wildcards.values(name) if line.isdecimal() else None
        except OrchestratorError:
            return None
        found = [i for i in range(len(values)) if values.place(i)[1] == int(line)] if values is not None else []
        return values.text(found[0]) if values is not None and len(found) == 1 else None


def _is_place(found: Diagnostic, written: str) -> bool:
    """Is there syntax at that place of the text? What a draw finds inside a value counts from the value's start."""
    if found.end - found.start < 2:
        return 0 <= found.start < max(1, len(written))
    return written[found.start : found.end].startswith(("__", "{", "${", "%{", "<", *"0123456789"))
