"""How values or slots fared over time, as a small SVG that is readable on light and dark pages alike."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from orchestrator_core.weights.trends import Trend

_WIDTH, _HEIGHT, _LEFT, _TOP, _RIGHT, _BOTTOM = 640, 280, 44, 16, 150, 32
_COLOURS = ("#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#9c6ade", "#76b7b2", "#b6992d", "#d37295")
_LONGEST = 18  # characters of a name


def trend_svg(trends: Sequence[Trend], title: str = "") -> str:
    """ "" where there is nothing to show. The eight with most images have a line and a name."""
    shown = [trend for trend in trends if trend.points][: len(_COLOURS)]
    if not shown:
        return ""
    last = max(trend.points[-1][0] for trend in shown)
    lines = [_line(trend, last, colour) for trend, colour in zip(shown, _COLOURS, strict=False)]
    names = [_name(trend.name, n, colour) for n, (trend, colour) in enumerate(zip(shown, _COLOURS, strict=False))]
    axes = [_level(level) for level in (0.0, 0.25, 0.5, 0.75, 1.0)]
    label = escape(f"{title}: fulfilment by image" if title else "fulfilment by image")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}" '
        f'font-family="system-ui, sans-serif" font-size="11" fill="#808080"><title>{label}</title>'
        + "".join([*axes, *lines, *names])
        + f'<text x="{_LEFT}" y="{_HEIGHT - 8}">image 1</text>'
        f'<text x="{_WIDTH - _RIGHT}" y="{_HEIGHT - 8}" text-anchor="end">image {last}</text></svg>'
    )


def _x(number: int, last: int) -> float:
    return _LEFT + (_WIDTH - _LEFT - _RIGHT) * (number - 1) / max(1, last - 1)


def _y(value: float) -> float:
    return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - value)


def _level(value: float) -> str:
    y = _y(value)
    return (
        f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#808080" stroke-opacity=".3"/>'
        f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.0%}</text>'
    )


def _line(trend: Trend, last: int, colour: str) -> str:
    if len(trend.points) == 1:
        ((number, value),) = trend.points
        return f'<circle cx="{_x(number, last):.1f}" cy="{_y(value):.1f}" r="3" fill="{colour}"/>'
    points = " ".join(f"{_x(number, last):.1f},{_y(value):.1f}" for number, value in trend.points)
    return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'


def _name(name: str, number: int, colour: str) -> str:
    short = name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"
    y = _TOP + 10 + number * 20
    return f'<text x="{_WIDTH - _RIGHT + 14}" y="{y}" fill="{colour}">{escape(short)}</text>'
