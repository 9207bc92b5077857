"""How the command line speaks: results on stdout, remarks on stderr, in colour where there is somebody to see it.

Rich is an extra; without it, in a pipe, and with NO_COLOR set, everything is plain text that says the same.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console

WIDEST = 120  # columns; longer lines are hard to read, however wide the terminal is
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # all but tab and newline
_KEPT_BEFORE = 30  # characters of a long line that are shown before the place in question


def use_utf8() -> None:
    """Make both streams able to write any prompt: a Windows console or a pipe may have an old code page."""
    # A stream that the caller closed (2>&-) is None, and nothing that is written to it is missed.
    sys.stdin, sys.stdout, sys.stderr = sys.stdin or io.StringIO(), sys.stdout or _Nowhere(), sys.stderr or _Nowhere()
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", errors="replace")


class _Nowhere(io.StringIO):
    """Takes what is written and keeps nothing."""

    def write(self, text: str) -> int:
        return len(text)


def printable(text: str) -> str:
    """The text with its control characters written out, as ``\\u001b``.

    Wildcards, templates and the metadata of images come from strangers, and a terminal obeys what they contain.
    """
    return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def width() -> int:
    return max(40, min(shutil.get_terminal_size().columns, WIDEST))


def wants_colour(stream: TextIO) -> bool:
    """The custom of no-color.org and force-color.org; otherwise colour is for terminals."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def rich_console(stream: TextIO) -> Console | None:
    """A console of rich, where there is colour to be had."""
    if not wants_colour(stream):
        return None
    try:
        from rich.console import Console
    except ImportError:
        return None
    return Console(file=stream, width=width(), highlight=False, soft_wrap=False, force_terminal=True)


def say(text: str = "") -> None:
    print(printable(text))


def remark(text: str) -> None:
    """A line for the person at the keyboard, kept apart from the results but in order with them."""
    sys.stdout.flush()
    _to_stderr(printable(text))


def _to_stderr(text: str) -> None:
    try:
        print(text, file=sys.stderr)
    except OSError:  # a remark that cannot be written is no reason to give up the result
        sys.stderr = _Nowhere()


def problem(kind: str, text: str) -> None:
    """``error: …`` or ``warning: …`` on stderr, the word in red or yellow."""
    label = f"{kind}:"
    if wants_colour(sys.stderr):
        label = f"\x1b[1;{31 if kind == 'error' else 33}m{label}\x1b[0m"
    sys.stdout.flush()
    _to_stderr(f"{label} {printable(text)}")


def caret_lines(text: str, start: int, end: int, columns: int) -> tuple[str, str, int, int]:
    """The line of ``text`` that holds ``start``, cut to so many columns, and carets under it; its number and column.

    Both count from 1. A place behind the end of the text is shown as its end.
    """
    start = max(0, min(start, len(text)))
    first = text.rfind("\n", 0, start) + 1
    line = text[first:].split("\n", 1)[0]
    column = start - first
    length = max(1, min(end, first + len(line)) - start)
    cut = max(0, min(column - _KEPT_BEFORE, len(line) - columns))
    shown = "".join(character if character.isprintable() else " " for character in line[cut : cut + columns])
    if cut:
        shown = "…" + shown[1:]
    if cut + columns < len(line):
        shown = shown[:-1] + "…"
    marks = " " * _cells(shown[: column - cut]) + "^" + "~" * (_cells(shown[column - cut : column - cut + length]) - 1)
    return shown.rstrip(), marks, text.count("\n", 0, start) + 1, column + 1


def _cells(text: str) -> int:
    """How many columns of a terminal a text takes."""
    import unicodedata

    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )


def short(path: str | Path) -> str:
    """A path as a person would type it from here."""
    try:
        relative = os.path.relpath(path)
    except ValueError:  # another drive
        return str(path)
    return str(path) if relative.startswith("..") else relative


def heading(text: str) -> None:
    console = rich_console(sys.stdout)
    if console is None:
        say(text)
    else:
        console.print(f"[bold]{_escaped(text)}[/bold]", soft_wrap=True)


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(printable(text))


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[int] = (), wraps: int = -1) -> None:
    """Print a table; ``right`` are the columns of numbers, ``wraps`` the one that may take several lines."""
    rows = [[printable(str(cell)) for cell in row] for row in rows]
    console = rich_console(sys.stdout)
    if console is None:
        _plain_table(heads, rows, right)
        return
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for number, head in enumerate(heads):
        options: dict[str, Any] = {"justify": "right" if number in right else "left"}
        if number == wraps:
            options |= {"overflow": "fold", "ratio": 1}
        else:
            options |= {"no_wrap": True, "overflow": "ellipsis"}
        drawn.add_column(head, **options)
    for row in rows:
        drawn.add_row(*(Text(cell) for cell in row))
    console.print(drawn)


def _plain_table(heads: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int]) -> None:
    """Columns by spaces, nothing cut off: a pipe has no width."""
    lines = [list(heads), *(list(row) for row in rows)]
    widths = [max(_cells(line[number]) for line in lines) for number in range(len(heads))]
    for line in lines:
        cells = []
        for number, (cell, wide) in enumerate(zip(line, widths, strict=True)):
            space = " " * (wide - _cells(cell))
            cells.append(space + cell if number in right else cell + space)
        say("  ".join(cells).rstrip())
