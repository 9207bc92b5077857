"""One bar on stderr for work whose end is known; without rich or a terminal, a line now and then if it takes long."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from orchestrator_app.console import remark, rich_console

Report = Callable[[int, int, str], None]  # done, of all, what is in hand
_EVERY_S = 15.0  # between two lines


@contextmanager
def progress_bar(what: str, *, in_bytes: bool = False) -> Iterator[Report]:
    """A function to call with how far it is. Nothing is shown before its first call."""
    console = rich_console(sys.stderr)
    if console is None or not sys.stderr.isatty():
        yield _Lines(what, in_bytes).report
        return
    with _bar(console, in_bytes) as bar:
        task = bar.add_task(what, total=None, visible=False)

        def report(done: int, of: int, now: str = "") -> None:
            shown = f"{what}  {now}" if now else what
            bar.update(task, completed=done, total=of, description=shown[:60], visible=True)

        yield report


@contextmanager
def going_on(kept: str) -> Iterator[None]:
    """Says after Ctrl-C that nothing is lost; the bar is gone by then."""
    try:
        yield
    except KeyboardInterrupt:
        remark(f"{kept}; the same command goes on there.")
        raise


def _bar(console: Any, in_bytes: bool) -> Any:
    from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    number = DownloadColumn() if in_bytes else MofNCompleteColumn()
    text = TextColumn("{task.description}", markup=False)
    return Progress(text, BarColumn(), number, TimeRemainingColumn(), console=console, transient=True)


class _Lines:
    def __init__(self, what: str, in_bytes: bool) -> None:
        self.what, self.in_bytes = what, in_bytes
        self.last = time.monotonic()

    def report(self, done: int, of: int, now: str = "") -> None:
        if time.monotonic() - self.last < _EVERY_S or done >= of:
            return
        self.last = time.monotonic()
        numbers = f"{size(done)} of {size(of)}" if self.in_bytes else f"{done:,} of {of:,}"
        remark(f"{self.what}: {numbers}")


def size(number: int) -> str:
    """Bytes for people: 223.1 MB."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if number >= factor:
            return f"{number / factor:.1f} {unit}"
    return f"{number} bytes"
