"""What was learned, as HTML: slots, the odds of a slot's values, what a change would move, and what happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from orchestrator_app.studio.html import clickable, escape, notice, number

Direction = Literal["report", "prefer"]
_SAYS = {"report": "reports", "prefer": "prefers"}
_MOVES = 40  # lines of a dry run
_SMALL = 0.005  # of a multiplier: what does not show is no change


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
    """``is_on``: its odds are learned ones; ``why`` says why, or why not."""

    name: str
    title: str
    direction: Direction
    is_on: bool
    n: int  # images
    why: str = ""
    values: tuple[ValueView, ...] = ()


@dataclass(frozen=True, slots=True)
class Move:
    """What a change would make of a value's multiplier."""

    slot: str
    text: str
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Happening:
    """An entry of the ledger; ``undone``: what came later took it back."""

    number: int
    at_ms: int
    text: str
    undone: bool = False


def slots_html(slots: Sequence[SlotView], picked: str, to: str) -> str:
    """A line for each slot; a click sends its name."""
    lines = "".join(_slot(slot, slot.name == picked) for slot in slots)
    return clickable(to, lines, "orc-slots") if lines else ""


def _slot(slot: SlotView, is_picked: bool) -> str:
    said = number(slot.n, "image") + (f", {slot.why}" if slot.why else "")
    return (
        f'<div class="orc-slot{" picked" if is_picked else ""}" role="button" tabindex="0" '
        f'data-send="{escape(slot.name)}">{escape(slot.title)}'
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
            ("n", "num", "Images that it was seen in, weighted"),
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
    found = sorted(
        (move for move in moves if abs(move.after - move.before) > _SMALL),
        key=lambda move: -abs(move.after - move.before),
    )
    if not found:
        return notice("The odds stay as they are.", "quiet")
    rows = "".join(
        f'<tr><td>{escape(move.slot)}</td><td dir="auto">{escape(move.text)}</td>'
        f'<td class="num">{move.before:.2g}×</td><td>→</td><td class="num">{move.after:.2g}×</td></tr>'
        for move in found[:_MOVES]
    )
    more = notice(f"… and {number(len(found) - _MOVES, 'value')} more.", "quiet") if found[_MOVES:] else ""
    return f'<table class="orc-odds">{rows}</table>{more}'


def history_html(happenings: Sequence[Happening], to: str) -> str:
    """The newest first; a click sends the number of the moment that is wanted back."""
    if not happenings:
        return notice("Nothing was learned yet.", "quiet")
    return clickable(to, "".join(map(_happening, happenings)), "orc-history")


def _happening(one: Happening) -> str:
    moment = f"{datetime.fromtimestamp(one.at_ms / 1000).astimezone():%Y-%m-%d %H:%M:%S}"
    return (
        f'<div class="{"undone" if one.undone else ""}"><span class="n">{one.number:,}</span><time>{moment}</time>'
        f'<span dir="auto">{escape(one.text)}</span>'
        f'<span class="orc-link" role="button" tabindex="0" data-send="{one.number}">as after this</span></div>'
    )
