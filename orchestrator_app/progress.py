"""How far a rendering is: a bar where there is a terminal and rich, else a line for each prompt that is done."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

from orchestrator_app.console import remark, rich_console
from orchestrator_core.request import Progress


class Lines:
    """Progress without a bar: nothing but the lines that ``done`` is given."""

    def __init__(self, total: int) -> None:
        self.total = total

    def __enter__(self) -> Lines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def begin(self, number: int, words: str) -> None:
        """The number-th prompt is being rendered."""

    def report(self, progress: Progress) -> None:
        """What the generator says of the prompt under way; called from its thread."""

    def done(self, number: int, line: str) -> None:
        remark(f"[{number}/{self.total}] {line}")


class Bars(Lines):
    """Two bars of rich: all prompts, and the steps of the one under way."""

    def __init__(self, total: int, console: Any) -> None:
        super().__init__(total)
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as RichProgress

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        self.bars = RichProgress(*columns, console=console, transient=True)
        self.prompts = self.bars.add_task("prompts", total=total)
        self.steps = self.bars.add_task("", total=None, visible=False)
        self.what = ""

    def __enter__(self) -> Lines:
        self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bars.stop()

    def begin(self, number: int, words: str) -> None:
        self.what = words
        self.bars.reset(self.steps, description=words[:40], total=None, visible=True)

    def report(self, progress: Progress) -> None:
        if progress.what != self.what:  # another node; only a reset forgets the steps of the one before
            self.what = progress.what
            self.bars.reset(self.steps, description=progress.what[:40], total=progress.steps or None)
        self.bars.update(self.steps, completed=progress.step, total=progress.steps or None)

    def done(self, number: int, line: str) -> None:
        from rich.text import Text

        self.bars.update(self.prompts, completed=number)
        self.bars.console.print(Text(f"[{number}/{self.total}] {line}"))


def progress_for(total: int) -> Lines:
    console = rich_console(sys.stderr)
    return Lines(total) if console is None else Bars(total, console)
