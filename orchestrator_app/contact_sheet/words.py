"""The words of a prompt as HTML, each in the colour of its origin and with the way that led to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape

from orchestrator_core.provenance import LEGEND, SHADES, Decision, Explanation, Word, percent

_SOURCE = 60  # characters of a list of options


def legend_html(kinds: Iterable[str]) -> str:
    """A button for each kind of words that occurs, which brings those out."""
    present = set(kinds)
    return "\n".join(
        f'<button class="{kind}" data-kind="{kind}" aria-pressed="false"><i></i>{escape(text)}</button>'
        for kind, text in LEGEND.items()
        if kind in present
    )


class Shades:
    """On the whole sheet, what was drawn from one wildcard or one variant has one shade."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str], int] = {}
        self.used: dict[str, int] = {}

    def shade(self, kind: str, source: str) -> int:
        if (kind, source) not in self.known:
            self.used[kind] = self.used.get(kind, -1) + 1
            self.known[kind, source] = self.used[kind] % SHADES
        return self.known[kind, source]


def words_html(explained: Explanation, shades: Shades, attributes: Callable[[Decision], str] | None = None) -> str:
    """``attributes`` says what else stands in the tag of a word, from the outermost decision that led to it."""
    more = attributes or (lambda _: "")
    by_number = {decision.number: decision for decision in explained.decisions}
    parents = _parents(explained.decisions)
    return "".join(_word(word, by_number, parents, shades, more) for word in explained.words)


def _word(
    word: Word,
    by_number: dict[int, Decision],
    parents: dict[int, int],
    shades: Shades,
    more: Callable[[Decision], str],
) -> str:
    core = word.text.strip(" ,;\n")
    if (not word.number and word.kind == "template") or not core:
        return escape(word.text)
    before, _, after = word.text.partition(core)
    attributes = f'class="w {word.kind}"'
    if word.number:
        chain = _chain(word.number, by_number, parents)
        shade = shades.shade(word.kind, chain[-1].source)
        attributes = (
            f'class="w {word.kind} s{shade}" data-from="{escape(_source(chain[-1]))}" data-tip="{escape(_tip(chain))}"'
            + more(chain[0])
        )
    return f"{escape(before)}<span {attributes}>{escape(core)}</span>{escape(after)}"


def _parents(decisions: Sequence[Decision]) -> dict[int, int]:
    """The number of the decision that each one is part of."""
    parents: dict[int, int] = {}
    path: list[Decision] = []
    for decision in decisions:
        del path[decision.depth :]
        if path:
            parents[decision.number] = path[-1].number
        path.append(decision)
    return parents


def _chain(number: int, by_number: dict[int, Decision], parents: dict[int, int]) -> list[Decision]:
    """The decisions that led to a word, outermost first."""
    chain = [by_number[number]]
    while (parent := parents.get(chain[-1].number)) is not None:
        chain.append(by_number[parent])
    return chain[::-1]


def _source(decision: Decision) -> str:
    return "".join(part for part, _ in decision.source_parts(_SOURCE))


def _tip(chain: list[Decision]) -> str:
    """A line for each decision: what was drawn from, where it stands, how likely it was."""
    lines = []
    for decision in chain:
        parts = [_source(decision), decision.place, _chance(decision)]
        lines.append(" · ".join(part for part in parts if part))
    return "\n".join(lines)


def _chance(decision: Decision) -> str:
    return f"{percent(decision.choice.probability)}, 1 of {decision.choice.options:,}"


def decisions_html(decisions: Sequence[Decision]) -> str:
    rows = []
    for decision in decisions:
        source = "".join(
            f"<b>{escape(part)}</b>" if taken else escape(part) for part, taken in decision.source_parts(_SOURCE)
        )
        place = f"<br><small>{escape(decision.place)}</small>" if decision.place else ""
        rows.append(
            f'<tr style="--depth:{decision.depth}"><td>{escape(decision.words)}</td>'
            f"<td><code>{source}</code>{place}</td>"
            f"<td>{percent(decision.choice.probability)}<br><small>1 of {decision.choice.options:,}</small></td></tr>"
        )
    return f"<table>{''.join(rows)}</table>"
