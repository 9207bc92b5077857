"""What was learned, as HTML: slots, the odds of a slot's values, what a change would move, and what happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from orchestrator_app.studio.html import clickable, escape, notice, number

Direction = Literal["report", "prefer", "off"]
_SAYS = {"report": "reports", "prefer": "prefers", "off": "off"}
_MOVES = 40  # lines of a dry run
_SMALL = 0.005  # of a multiplier: what does not show is no change
_TOGETHER = 10  # entries of what was seen that are one line of the history


@dataclass(frozen=True, slots=True)
class ValueView:
    """A value of a slot. Odds are shares of the slot, 0 … 1; ``n``: observations of it."""

    key: str
    text: str
    author: float
    now: float
    multiplier: float = 1.0
    n: float = 0
    mean: float | None = None  # as a probability
    low: float = 0.0
    high: float = 1.0
    p_best: float | None = None
    pinned: bool = False
    off: bool = False
    why: str = ""


@dataclass(frozen=True, slots=True)
class SlotView:
    """``is_on``: its odds are learned ones; ``why`` says why, or why not; ``moved``: the values that moved most."""

    name: str
    title: str
    direction: Direction
    is_on: bool
    n: int  # images
    why: str = ""
    values: tuple[ValueView, ...] = ()
    moved: str = ""


@dataclass(frozen=True, slots=True)
class Move:
    """What a change would make of a value's multiplier."""

    slot: str
    text: str
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Happening:
    """An entry of the ledger; ``undone``: what came later took it back; ``kind``: as the ledger calls it."""

    number: int
    at_ms: int
    text: str
    undone: bool = False
    kind: str = ""


def slots_html(slots: Sequence[SlotView], picked: str, to: str) -> str:
    """A line for each slot; a click sends its name."""
    lines = "".join(_slot(slot, slot.name == picked) for slot in slots)
    return clickable(to, lines, "orc-slots") if lines else ""


def _slot(slot: SlotView, is_picked: bool) -> str:
    told = slot.moved or slot.why
    said = number(slot.n, "image") + (f", {told}" if told else "")
    return (
        f'<div class="orc-slot{" picked" if is_picked else ""}" role="button" tabindex="0" '
        f'data-send="{escape(slot.name)}" title="{escape(slot.why)}">{escape(slot.title)}'
        f'<em class="{slot.direction}">{_SAYS[slot.direction]}</em><small>{escape(said)}</small></div>'
    )


def odds_html(slot: SlotView, to: str) -> str:
    """The values as a table: the author's odds as a stroke in the bar of those that hold now.

    A click sends ``pin:<key>``, ``unpin:<key>``, ``off:<key>`` or ``on:<key>``.
    """
    most = max([value.now for value in slot.values] + [value.author for value in slot.values] + [1e-9])
    rows = "".join(_value(value, most) for value in slot.values)
    head = "".join(
        f'<th class="{kind}" title="{said}">{name}</th>'
        for name, kind, said in (
            ("value", "", "As it stands in the wildcard or the template"),
            ("odds", "", "Bar: now. Stroke: as the wildcard's author set them"),
            ("", "num", "How much likelier than the author set it"),
            ("images", "num", "In how many it was seen; after a change of what is seen, earlier ones count less"),
            ("fulfilled", "num", "Mean of its scores, and the interval that holds it with 90 % certainty"),
            ("P(best)", "num", "How probable it is that no other value does better"),
            ("", "", ""),
        )
    )
    table = f'<table class="orc-odds"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
    return clickable(to, table, "orc-odds-box")


def _value(value: ValueView, most: float) -> str:
    kinds = " ".join(["off"] * value.off + ["pinned"] * value.pinned)
    told = f"{100 * value.author:.3g} % by its author, {100 * value.now:.3g} % now"
    now, author = 100 * value.now / most, 98.8 * value.author / most
    bar = (
        f'<div class="orc-odds-bar" role="img" aria-label="{told}" title="{told}">'
        f'<i style="width:{now:.1f}%"></i><s style="left:{author:.1f}%"></s></div>'
    )
    why = f'<br><small class="orc-why">{escape(value.why)}</small>' if value.why else ""
    cells = (
        f'<td dir="auto">{escape(value.text)}{why}</td><td>{bar}</td><td class="num">{value.multiplier:.2g}×</td>'
        f'<td class="num">{value.n:.3g}</td><td class="num">{_mean(value)}</td><td class="num">{_best(value)}</td>'
    )
    return f'<tr class="{kinds}">{cells}<td class="orc-tools-of-value">{_tools(value)}</td></tr>'


def _mean(value: ValueView) -> str:
    if value.mean is None:
        return "<small>not enough data</small>"
    return f"{100 * value.mean:.0f} %<br><small>{100 * value.low:.0f} – {100 * value.high:.0f}</small>"


def _best(value: ValueView) -> str:
    return "" if value.p_best is None else f"{100 * value.p_best:.0f} %"


def _tools(value: ValueView) -> str:
    pin, off = (
        ("unpin", "unpin") if value.pinned else ("pin", "pin"),
        ("on", "use") if value.off else ("off", "leave out"),
    )
    return "".join(
        f'<span role="button" tabindex="0" data-send="{what}:{escape(value.key)}">{said}</span>'
        for what, said in (pin, off)
    )


def moves_html(moves: Sequence[Move]) -> str:
    """What would change; that nothing would is said too."""
    moved = [move for move in moves if abs(move.after - move.before) > _SMALL]
    found = sorted((move for move in moved if _shows(move)), key=lambda move: -abs(move.after - move.before))
    if not found:
        return notice("The odds move by less than shows here." if moved else "The odds stay as they are.", "quiet")
    rows = "".join(
        f'<tr><td>{escape(move.slot)}</td><td dir="auto">{escape(move.text)}</td>'
        f'<td class="num">{move.before:.2g}×</td><td>→</td><td class="num">{move.after:.2g}×</td></tr>'
        for move in found[:_MOVES]
    )
    more = notice(f"… and {number(len(found) - _MOVES, 'value')} more.", "quiet") if found[_MOVES:] else ""
    return f'<table class="orc-odds">{rows}</table>{more}'


def _shows(move: Move) -> bool:
    return f"{move.before:.2g}" != f"{move.after:.2g}"


def history_html(happenings: Sequence[Happening], to: str) -> str:
    """The newest first, images some at a time; a click sends the number of the moment that is wanted back."""
    if not happenings:
        return notice("Nothing was learned yet.", "quiet")
    groups: list[list[Happening]] = []
    for one in happenings:
        if groups and len(groups[-1]) < _TOGETHER and _is_more_of(groups[-1][0], one):
            groups[-1].append(one)
        else:
            groups.append([one])
    return clickable(to, "".join(map(_happenings, groups)), "orc-history")


def _is_more_of(one: Happening, other: Happening) -> bool:
    return one.kind == other.kind == "observe" and one.undone == other.undone


def _happenings(group: Sequence[Happening]) -> str:
    newest, oldest = group[0], group[-1]
    moment = f"{datetime.fromtimestamp(newest.at_ms / 1000).astimezone():%Y-%m-%d %H:%M:%S}"
    text = newest.text if len(group) == 1 else f"learned from {len(group)} runs"
    numbers = f"{newest.number:,}" if len(group) == 1 else f"{oldest.number:,} – {newest.number:,}"
    undone = '<small title="What came later took it back"> taken back</small>' if newest.undone else ""
    return (
        f'<div class="{"undone" if newest.undone else ""}"><span class="n">{numbers}</span><time>{moment}</time>'
        f'<span dir="auto">{escape(text)}{undone}</span>'
        f'<span class="orc-link" role="button" tabindex="0" data-send="{newest.number}">go back to after this</span>'
        "</div>"
    )
