"""What learned odds have brought, and which values go together, as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator_app.studio.html import escape, notice, number


@dataclass(frozen=True, slots=True)
class EffectView:
    """How far images are fulfilled, as probabilities: ``before`` by the odds as written, ``after`` by learned ones."""

    context: str
    judge: str  # in words
    before: float
    n_before: int
    after: float
    n_after: int
    lately: float
    low: float | None = None  # of the difference
    high: float | None = None


@dataclass(frozen=True, slots=True)
class PairView:
    """``expected``, ``seen``: probabilities; ``sure``: that it is more than chance."""

    first: str
    second: str
    n: int
    expected: float
    seen: float
    sure: float


@dataclass(frozen=True, slots=True)
class OverTime:
    """``plot``: an SVG of how each slot went; ``looked``: how many pairs there were to find any in."""

    effects: tuple[EffectView, ...] = ()
    plot: str = ""
    pairs: tuple[PairView, ...] = ()
    looked: int = 0


def over_time_html(found: OverTime) -> str:
    """All of it; "" where nothing was seen."""
    if not found.effects:
        return ""
    plot = f'<div class="orc-plot">{found.plot}</div>' if found.plot else ""
    return f"{_effects(found.effects)}{plot}{_pairs(found)}"


def effect_words(found: OverTime) -> str:
    """In a sentence, of the first; "" where there is nothing to compare."""
    one = found.effects[0] if found.effects else None
    if one is None or not one.n_before or not one.n_after:
        return ""
    said = (
        f"{100 * one.before:.0f} % of each prompt was shown by the odds as written, {100 * one.after:.0f} % by learned"
    )
    return f"{said} ones{_judged(one)}."


def _judged(one: EffectView) -> str:
    if one.low is None or one.high is None:
        return ""
    return "" if one.low > 0 or one.high < 0 else ", which may be chance"


def _effects(effects: Sequence[EffectView]) -> str:
    head = "".join(
        f'<th class="{kind}" title="{said}">{name}</th>'
        for name, kind, said in (
            ("learned with", "", "Profiles, genre and kind of model"),
            ("judged by", "", "The scorer, or your marks"),
            ("as written", "num", "Images of prompts that were drawn by the odds as their author wrote them"),
            ("by learned odds", "num", "Images of prompts that were drawn by learned odds"),
            ("lately", "num", "The last 50 of these"),
            ("difference", "num", "With 90 % certainty; more images make it narrower"),
        )
    )
    rows = "".join(map(_effect, effects))
    return f'<table class="orc-odds"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'


def _effect(one: EffectView) -> str:
    between = "" if one.low is None or one.high is None else f"{100 * one.low:+.0f} to {100 * one.high:+.0f} points"
    return (
        f'<tr><td dir="auto">{escape(one.context)}</td><td dir="auto">{escape(one.judge)}</td>'
        f'<td class="num">{_mean(one.before, one.n_before)}</td><td class="num">{_mean(one.after, one.n_after)}</td>'
        f'<td class="num">{f"{100 * one.lately:.0f} %" if one.n_after else ""}</td><td class="num">{between}</td></tr>'
    )


def _mean(value: float, n: int) -> str:
    return f"{100 * value:.0f} %<br><small>{number(n, 'image')}</small>" if n else "<small>none yet</small>"


def _pairs(found: OverTime) -> str:
    title = '<h4 class="orc-name">Values that do better or worse together than alone</h4>'
    if not found.looked:
        return title + notice("No two values were seen together often enough yet.", "quiet")
    looked = f"{found.looked:,} pairs were looked at"
    if not found.pairs:
        return title + notice(f"None, as far as can be told for sure: {looked}.", "quiet")
    head = "<th>together</th><th></th>" + "".join(
        f'<th class="num" title="{said}">{name}</th>'
        for name, said in (
            ("n", "Images with both"),
            ("expected", "What each alone has one expect"),
            ("seen", "How far both are fulfilled together"),
            ("sure", f"That it is more than chance, held against all: {looked}"),
        )
    )
    rows = "".join(map(_pair, found.pairs))
    return f'{title}<table class="orc-odds"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'


def _pair(one: PairView) -> str:
    said = "better" if one.seen > one.expected else "worse"
    return (
        f'<tr><td dir="auto">{escape(one.first)} + {escape(one.second)}</td><td>{said}</td>'
        f'<td class="num">{one.n}</td><td class="num">{100 * one.expected:.0f} %</td>'
        f'<td class="num">{100 * one.seen:.0f} %</td><td class="num">{_sure(one.sure)}</td></tr>'
    )


def _sure(sure: float) -> str:
    return "&gt; 99.9 %" if sure > 0.999 else f"{100 * sure:.1f} %"
