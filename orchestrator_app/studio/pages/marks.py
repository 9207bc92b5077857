"""The bar in which the image that is chosen in a gallery is marked, by clicks and keys, and what its scores are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from orchestrator_app.studio import html
from orchestrator_app.studio.compat import hidden, html_box, listen
from orchestrator_app.studio.environment import MarkKeeper
from orchestrator_app.studio.live import LiveEnvironment
from orchestrator_app.studio.marks_keys import KEYS_SCRIPT, UNDO, marked, marks_html
from orchestrator_app.studio.scores_html import Scored, bars_html
from orchestrator_app.studio.session import Marked, Result, Session, Work
from orchestrator_core.errors import OrchestratorError
from orchestrator_core.weights.marking import Marks

_UNDO_DEPTH = 50


class MarksPanel:
    """Made where the details of an image are. ``outputs`` are what a choice of an image changes."""

    def __init__(self, live: LiveEnvironment, session: Any, work: Callable[[Session], Work], prefix: str) -> None:
        self.live, self.session, self.work = live, session, work
        self._name = f"{prefix}_marked"
        self.bar = html_box("", elem_id=f"{prefix}_marks", elem_classes=["orc-empty-bar"])
        self.bars = html_box("", elem_id=f"{prefix}_bars", elem_classes=["orc-empty-bar"])
        self.key = hidden(self._name)

    @property
    def outputs(self) -> list[Any]:
        return [self.bar, self.bars]

    def connect(self, chosen: Any, shown: list[Any], show: Callable[[Session], tuple[Any, ...]]) -> None:
        """``chosen``: the event of an image being chosen; ``show`` gives ``shown``, which the marks are in too."""
        listen(chosen, None, None, None, js=KEYS_SCRIPT)

        def on_key(sent: str, session: Session) -> tuple[Any, ...]:
            return *self._on_key(sent, session), *show(session)

        listen(
            self.key.change, on_key, [self.key, self.session], [*self.outputs, *shown], show_progress="hidden",
            concurrency_limit=4,
        )  # fmt: skip

    def shown(self, session: Session, result: Result | None) -> tuple[str, str]:
        """Values for ``outputs``: nothing where no image is chosen."""
        self.work(session).chosen = None if result is None else result.image.path
        return ("", "") if result is None else (self._bar(session, result), _bars(result))

    def _bar(self, session: Session, result: Result, said: str = "") -> str:
        if self.live.environment.marks is None:
            return ""
        now = self.of([result]).get(result.image.path, Marks())
        bar = marks_html(now, self._name, can_undo=bool(self.work(session).marked))
        return bar + html.notice(said)

    def of(self, results: Sequence[Result]) -> Mapping[Path, Marks]:
        """The marks of images that have some; none where they cannot be read."""
        marks = self.live.environment.marks
        try:
            return {} if marks is None else marks.of([result.image for result in results])
        except OrchestratorError:
            return {}

    def _on_key(self, sent: str, session: Session) -> tuple[str, str]:
        key, work, marks = html.clicked(sent), self.work(session), self.live.environment.marks
        chosen = next((each for each in work.results if each.image.path == work.chosen), None)
        if chosen is None or marks is None:
            return "", ""
        said = ""
        try:
            if key == UNDO:
                _take_back(work, marks)
            else:
                before = marks.of([chosen.image]).get(chosen.image.path, Marks())
                marks.set(chosen.run, chosen.image, marked(before, key))
                work.marked = (*work.marked, Marked(chosen, before))[-_UNDO_DEPTH:]
        except OrchestratorError as error:
            said = str(error)
        return self._bar(session, chosen, said), _bars(chosen)


def _bars(result: Result) -> str:
    scored = Scored(result.image.path.name, result.lines, "", result.whole, result.compared, result.problems)
    return bars_html(scored) if result.lines or result.whole or result.compared else ""


def _take_back(work: Work, marks: MarkKeeper) -> None:
    """The last mark of this page, of whichever image it is."""
    if work.marked:
        last = work.marked[-1]
        marks.set(last.result.run, last.result.image, last.before)
        work.marked = work.marked[:-1]
