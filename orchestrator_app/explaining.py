"""``--explain``: the prompt with each word in the colour of its origin, and below it the decisions in their order."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from orchestrator_app.console import WIDEST, printable, rich_console, say
from orchestrator_core.prompt import PromptDraft
from orchestrator_core.provenance import LEGEND, Decision, Explanation, Word, explain, percent

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

# Four shades of each kind, in the middle between black and white: readable on a dark and on a light terminal.
COLOURS = {
    "option": ("#d97706", "#c2740a", "#e0892b", "#b8860b"),
    "wildcard": ("#0e9bb5", "#3b82f6", "#14a37f", "#6d7ff0"),
    "profile": ("#9b6bdf", "#8b5cf6", "#a78bda", "#7c5bd0"),
    "memory": ("#d9534f", "#c94f3d", "#e0705c", "#b8483f"),
    "llm": ("#d6539b", "#c2418a", "#e068a8", "#b83f80"),
    "trigger_words": ("#4d9e3f", "#3f8f4f", "#6aa32d", "#3d9970"),
    "user": ("#8a8f98", "#7d838c", "#979ca5", "#868b93"),
}
_ADDED = ("profile", "memory", "llm", "trigger_words")  # the kinds of words that come from beside the template
_SOURCE = 44  # characters of a list of options that are shown
_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def print_explanation(draft: PromptDraft, number: int) -> None:
    console = rich_console(sys.stdout)
    if console is None:
        _print_plain(draft, number)
    else:
        print_in_colour(console, draft, number)


def _heading(draft: PromptDraft, number: int) -> str:
    variables = "".join(f", {name} = {value}" for name, value in draft.variables)
    return f"Prompt {number}, seed {draft.seed}{variables}"


def _sides(draft: PromptDraft) -> list[tuple[str, Explanation]]:
    """The prompts that there are: (what it is called, its explanation)."""
    sides = [("", explain(draft.components)), ("Negative prompt", explain(draft.negative))]
    return [(title, explained) for title, explained in sides if explained.words]


def _kinds(sides: Sequence[tuple[str, Explanation]]) -> list[str]:
    """The kinds of words that occur, in the legend's order."""
    present = {word.kind for _, explained in sides for word in explained.words}
    return [kind for kind in LEGEND if kind in present]


# plain


def _print_plain(draft: PromptDraft, number: int) -> None:
    sides = _sides(draft)
    if number == 1:
        added = ", or was added, by whom" if set(_kinds(sides)) & set(_ADDED) else ""
        say(f"In brackets: what was chosen, by the numbers below{added}. The rest is the template's own words.")
    say(f"\n{_heading(draft, number)}")
    for title, explained in sides:
        say(f"\n{title + ': ' if title else ''}{''.join(_bracketed(word) for word in explained.words)}")
        for line in _plain_lines(explained.decisions):
            say(line)


def _bracketed(word: Word) -> str:
    """``[3 honey gold]``; spaces and commas between choices stay outside."""
    core = word.text.strip(" ,;\n")
    by = f"{LEGEND[word.kind]}:" if word.kind in _ADDED else ""
    if not core or not (word.number or by):
        return word.text
    before, _, after = word.text.partition(core)
    return f"{before}[{' '.join(filter(None, (str(word.number or ''), by, core)))}]{after}"


def _plain_lines(decisions: Sequence[Decision]) -> list[str]:
    rows = [
        (
            str(d.number),
            "  " * d.depth + d.words,
            "".join(part for part, _ in d.source_parts(_SOURCE)),
            d.place,
            d.chance,
        )
        for d in decisions
    ]
    if not rows:
        return []
    limits = (4, 44, 44, 40, 0)
    widths = [min(limit, max(len(row[column]) for row in rows)) for column, limit in enumerate(limits)]
    lines = []
    for row in rows:
        cells = [f"{_shortened(cell, wide) if wide else cell:<{wide}}" for cell, wide in zip(row, widths, strict=True)]
        lines.append(f"  {cells[0].strip():>{widths[0]}}  " + "  ".join(cells[1:]).rstrip())
    return lines


def _shortened(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


# in colour


def print_in_colour(console: Console, draft: PromptDraft, number: int) -> None:
    from rich.text import Text

    sides = _sides(draft)
    if number == 1:
        console.print(_legend(_kinds(sides)))
    console.print()
    console.print(Text(printable(_heading(draft, number)), style="bold"))
    for title, explained in sides:
        console.print()
        if title:
            console.print(Text(title, style="bold"))
        console.print(_coloured(explained.words), soft_wrap=False)
        if explained.decisions:
            console.print()
            console.print(_decisions(explained, console.width))


def _style(kind: str, shade: int) -> str:
    return COLOURS[kind][shade] if kind in COLOURS else ""


def _legend(kinds: Sequence[str]) -> Text:
    from rich.text import Text

    text = Text()
    for kind in kinds:
        text.append("   " if text else "")
        text.append("■ " if kind != "template" else "□ ", style=_style(kind, 0))
        text.append(LEGEND[kind], style="dim")
    return text


def _coloured(words: Sequence[Word]) -> Text:
    from rich.text import Text

    text = Text()
    for word in words:
        style = _style(word.kind, word.shade)
        core = word.text.rstrip(" ,;\n")
        text.append(printable(core), style=f"bold {style}" if style else "")
        if word.ends:
            text.append(str(word.number).translate(_SUPERSCRIPTS), style=style)
        text.append(word.text[len(core) :])
    return text


def _decisions(explained: Explanation, columns: int) -> RenderableType:
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    kinds = {word.number: word for word in explained.words}
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False, width=min(columns, WIDEST))
    table.add_column(justify="right", style="dim", no_wrap=True)
    table.add_column(ratio=6, overflow="fold")
    table.add_column(ratio=6, overflow="ellipsis", no_wrap=True)
    table.add_column(ratio=4, overflow="ellipsis", no_wrap=True, style="dim")
    table.add_column(justify="right", no_wrap=True)
    table.add_column(justify="right", no_wrap=True, style="dim")
    for decision in explained.decisions:
        word = kinds.get(decision.number)
        style = _style(word.kind, word.shade) if word else "dim"
        words = Padding(Text(printable(decision.words), style=style), (0, 0, 0, 2 * decision.depth))
        place = Text(printable(decision.place))  # a plain text would be read as markup: [/b].txt
        chance, among = percent(decision.choice.probability), f"1 of {decision.choice.options:,}"
        table.add_row(str(decision.number), words, _source(decision), place, chance, among)
    return table


def _source(decision: Decision) -> Text:
    """``__colors/warm__``, or the options with the one that was taken in bold and, where they are long, few others."""
    from rich.text import Text

    text = Text()
    for part, taken in decision.source_parts(_SOURCE):
        text.append(printable(part), style="bold" if taken else "dim" if decision.is_inline else "")
    return text
