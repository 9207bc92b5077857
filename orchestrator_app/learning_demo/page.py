"""What the demonstration learned → one HTML page: the plot, the odds before and now, and the images of each part.

All text is escaped, and the page's own policy forbids any script and any address but ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from itertools import groupby
from pathlib import Path
from string import Template
from urllib.parse import quote

from orchestrator_core import __version__

_HERE = Path(__file__).parent
_POLICY = "default-src 'none'; img-src 'self' file: data:; style-src 'unsafe-inline'"


@dataclass(frozen=True, slots=True)
class Shown:
    """An image; ``fulfilled`` is the share of its parts that are shown, by the scorer."""

    address: str  # relative to the page
    prompt: str
    fulfilled: float


@dataclass(frozen=True, slots=True)
class Part:
    """Images of one kind of odds, one after the other."""

    title: str
    note: str
    images: Sequence[Shown]

    @property
    def mean(self) -> float:
        return sum(image.fulfilled for image in self.images) / len(self.images) if self.images else 0.0


@dataclass(frozen=True, slots=True)
class Odds:
    """A value's chance as its author wrote it, and as it is now."""

    slot: str
    value: str
    before: float
    now: float
    images: int  # that showed it
    why: str


@dataclass(frozen=True, slots=True)
class Demo:
    when: datetime
    template: str
    parts: Sequence[Part]
    odds: Sequence[Odds]  # those of one slot side by side
    plot: str  # SVG
    facts: Sequence[str]


def demo_page(demo: Demo) -> str:
    """The whole page."""
    return Template((_HERE / "page.html").read_text("utf-8")).substitute(
        policy=_POLICY,
        style=(_HERE / "page.css").read_text("utf-8"),
        facts=" · ".join([f"{demo.when.day} {demo.when:%B %Y, %H:%M}", *map(escape, demo.facts)]),
        template=escape(demo.template),
        shares="\n".join(_share(part) for part in demo.parts),
        plot=demo.plot,
        odds="\n".join(_slot(slot, list(rows)) for slot, rows in groupby(demo.odds, lambda row: row.slot)),
        parts="\n".join(_part(part) for part in demo.parts),
        version=escape(__version__),
    )


def _share(part: Part) -> str:
    return (
        f"<div class='share'><b>{100 * part.mean:.0f} %</b><span>{escape(part.title)}</span>"
        f"<small>{len(part.images):,} images</small></div>"
    )


def _slot(slot: str, rows: Sequence[Odds]) -> str:
    most = max((max(row.before, row.now) for row in rows), default=1.0) or 1.0
    lines = "\n".join(_odds_row(row, most) for row in rows)
    return f"<section class='slot'><h3>__{escape(slot)}__</h3><table>{lines}</table></section>"


def _odds_row(row: Odds, most: float) -> str:
    factor = row.now / row.before if row.before else 1.0
    kind = "more" if factor > 1.05 else "less" if factor < 0.95 else "same"
    bars = f"<i class='was' style='width:{100 * row.before / most:.1f}%'></i>"
    bars += f"<i class='now {kind}' style='width:{100 * row.now / most:.1f}%'></i>"
    return (
        f"<tr title='{escape(row.why, quote=True)}'><th>{escape(row.value)}</th><td class='bars'>{bars}</td>"
        f"<td class='number'>{factor:.1f}×</td><td class='number soft'>{row.images:,}</td></tr>"
    )


def _part(part: Part) -> str:
    images = "\n".join(_image(image, number < 60) for number, image in enumerate(part.images))
    note = f"<p class='soft'>{escape(part.note)}</p>" if part.note else ""
    return f"<section class='part'><h2>{escape(part.title)}</h2>{note}<div class='images'>{images}</div></section>"


def _image(image: Shown, early: bool) -> str:
    source = escape(quote(image.address, safe="/"))
    told = f"{image.prompt} – {100 * image.fulfilled:.0f} % of its parts are shown"
    lazy = "" if early else " loading='lazy'"
    said = escape(told, quote=True)
    picture = f"<img src='{source}' alt='{said}' title='{said}'{lazy}>"
    return f"<figure class='{_kind(image.fulfilled)}'>{picture}</figure>"


def _kind(fulfilled: float) -> str:
    return "good" if fulfilled > 0.99 else "fair" if fulfilled > 0.75 else "poor"
