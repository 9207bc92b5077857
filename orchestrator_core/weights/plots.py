"""How values or slots fared over time, as a small SVG that is readable on light and dark pages alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from orchestrator_core.weights.trends import Trend

_WIDTH, _HEIGHT, _LEFT, _TOP, _RIGHT, _BOTTOM = 640, 280, 44, 16, 150, 32
_COLOURS = ("#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#9c6ade", "#76b7b2", "#b6992d", "#d37295")
_LEVELS = 5  # lines above the foot
_LONGEST = 20  # characters of a name


def trend_svg(trends: Sequence[Trend], title: str = "") -> str:
    """ "" where there is nothing to show. The eight with most images have a line and a name."""
    shown = [trend for trend in trends if trend.points][: len(_COLOURS)]
    if not shown:
        return ""
    low = _lowest(value for trend in shown for _, value in trend.points)
    frame = _Frame(max(trend.points[-1][0] for trend in shown), low)
    lines = [_line(trend, frame, colour) for trend, colour in zip(shown, _COLOURS, strict=False)]
    names = [_name(trend.name, n, colour) for n, (trend, colour) in enumerate(zip(shown, _COLOURS, strict=False))]
    axes = [_level(low + (1 - low) * step / _LEVELS, frame) for step in range(_LEVELS + 1)]
    label = escape(f"{title}: fulfilment by image" if title else "fulfilment by image")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}" '
        f'font-family="system-ui, sans-serif" font-size="11" fill="#808080"><title>{label}</title>'
        + "".join([*axes, *lines, *names])
        + f'<text x="{_LEFT}" y="{_HEIGHT - 8}">image 1</text>'
        f'<text x="{_WIDTH - _RIGHT}" y="{_HEIGHT - 8}" text-anchor="end">image {frame.last}</text></svg>'
    )


def _lowest(values: Iterable[float]) -> float:
    """Where the plot begins: what is all near the top is not told apart from far away."""
    least = min(values)
    return next(level for level in (0.75, 0.5, 0.0) if least >= level or not level)


@dataclass(frozen=True, slots=True)
class _Frame:
    """``last``: the number of the last image; ``low``: the probability at the foot."""

    last: int
    low: float

    def x(self, number: int) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * (number - 1) / max(1, self.last - 1)

    def y(self, value: float) -> float:
        return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - value) / (1 - self.low)


def _level(value: float, frame: _Frame) -> str:
    y = frame.y(value)
    return (
        f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#808080" stroke-opacity=".3"/>'
        f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.0%}</text>'
    )


def _line(trend: Trend, frame: _Frame, colour: str) -> str:
    if len(trend.points) == 1:
        ((number, value),) = trend.points
        return f'<circle cx="{frame.x(number):.1f}" cy="{frame.y(value):.1f}" r="3" fill="{colour}"/>'
    points = " ".join(f"{frame.x(number):.1f},{frame.y(value):.1f}" for number, value in trend.points)
    return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'


def _name(name: str, number: int, colour: str) -> str:
    short = name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"
    y = _TOP + 10 + number * 20
    return f'<text x="{_WIDTH - _RIGHT + 14}" y="{y}" fill="{colour}">{escape(short)}</text>'
