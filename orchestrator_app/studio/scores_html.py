"""How far images show what their prompts asked for, as HTML: a bar for each component, its number and its interval."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from orchestrator_app.studio.html import escape, notice, number
from orchestrator_core.run import COMPARED, Score
from orchestrator_core.vision.port import Wanted

MOST = 24  # images whose bars are shown at once
_LINES = 40  # bars of one image
SEEN = 0.5  # a probability from which a component counts as seen


@dataclass(frozen=True, slots=True)
class Line:
    """One component of an image. ``probability`` None: it was not measured, and ``reason`` says why."""

    text: str
    probability: float | None
    low: float = 0.0
    high: float = 1.0
    is_calibrated: bool = True
    reason: str = ""
    metric: str = "fulfilment"


@dataclass(frozen=True, slots=True)
class Scored:
    """An image with its lines, and the sign of its marks. ``whole``: numbers for all of it, which teach nothing.

    ``compared``: what is there, missing and unasked, by the name of each group. ``problems``: what could not be said.
    """

    title: str
    lines: tuple[Line, ...]
    sign: str = ""
    whole: tuple[str, ...] = ()
    compared: tuple[tuple[str, str], ...] = ()
    problems: tuple[str, ...] = ()


def lines_of(scores: Iterable[Score], wanted: Iterable[Wanted] = ()) -> tuple[Line, ...]:
    """A line for each score of a component, in the order of the prompt, and for what was wanted and not measured.

    What nobody could see, as "masterpiece", has none.
    """
    of_parts = [score for score in scores if score.component is not None and not score.metric.startswith(COMPARED)]
    measured = {(score.component, score.text) for score in of_parts}
    lines = [(score.component or 0, _line_of(score)) for score in of_parts]
    for each in wanted:
        if of_parts and each.measure != "unscored" and (each.component, each.text) not in measured:
            lines.append((each.component, Line(each.text, None, reason=each.reason)))
    return tuple(line for _, line in sorted(lines, key=lambda pair: pair[0]))


def _line_of(score: Score) -> Line:
    return Line(score.text, score.value, score.low, score.high, score.calibrated, "", score.metric)


def wholes_of(scores: Iterable[Score]) -> tuple[str, ...]:
    """What is said of whole images: ``on average 62 %``, ``aesthetic 5.9``."""
    whole = (score for score in scores if score.component is None and not score.metric.startswith(COMPARED))
    return tuple(_whole(score) for score in whole)


def compared_of(scores: Iterable[Score]) -> tuple[tuple[str, str], ...]:
    """``("missing", "red scarf 12 %, snow 3 %")``: what a tagger or a caption says beside what was asked for."""
    groups: dict[str, list[str]] = {}
    for score in scores:
        if score.metric.startswith(COMPARED):
            share = "" if score.value == 1 else f" {100 * score.value:.0f} %"
            groups.setdefault(score.metric.removeprefix(COMPARED), []).append(score.text + share)
    return tuple((name, ", ".join(parts)) for name, parts in groups.items())


def _whole(score: Score) -> str:
    if score.metric == "fulfilment":
        return f"on average {100 * score.value:.0f} %"
    return f"{score.metric.replace('_', ' ')} {score.value:.3g}"


def summary(lines: Sequence[Line]) -> str:
    """``5 of 6 seen``; "" where nothing was measured. Style is not among them."""
    measured = [line for line in lines if line.probability is not None and line.metric == "fulfilment"]
    seen = sum((line.probability or 0.0) >= SEEN for line in measured)
    return f"{seen} of {len(measured)} seen" if measured else ""


def scores_html(images: Sequence[Scored]) -> str:
    """A card for each image, in the order of the gallery; "" where there is none."""
    if not images:
        return ""
    cards = "".join(_card(place, image) for place, image in enumerate(images[:MOST], 1))
    more = notice(f"… and {number(len(images) - MOST, 'image')} more.", "quiet") if images[MOST:] else ""
    return f'<div class="orc-scores">{cards}</div>{more}'


def _card(place: int, image: Scored) -> str:
    said = " · ".join(part for part in (summary(image.lines), image.sign) if part)
    head = f"<b>{place}</b><span>{escape(image.title)}</span><small>{escape(said)}</small>"
    return f'<article class="orc-score"><h4>{head}</h4>{bars_html(image)}</article>'


def bars_html(image: Scored) -> str:
    """The bars of one image."""
    lines = "".join(_line(line) for line in image.lines[:_LINES])
    more = (
        notice(f"… and {number(len(image.lines) - _LINES, 'component')} more.", "quiet") if image.lines[_LINES:] else ""
    )
    whole = f'<p class="orc-whole">{escape(" · ".join(image.whole))}, for information only</p>' if image.whole else ""
    problems = "".join(notice(problem, "hint") for problem in image.problems)
    return f'<div class="orc-score-lines">{lines}</div>{more}{_compared(image)}{whole}{problems}'


def _compared(image: Scored) -> str:
    lines = (
        f'<p class="orc-compared {escape(name.replace(" ", "-"))}"><b>{escape(name)}:</b> '
        f'<span dir="auto">{escape(parts)}</span></p>'
        for name, parts in image.compared
    )
    return "".join(lines)


def _line(line: Line) -> str:
    text = f'<span class="t" dir="auto">{escape(line.text)}{_metric(line)}</span>'
    if line.probability is None:
        return f'<div class="none">{text}<em>{escape(line.reason or "not measured")}</em></div>'
    value = 100 * line.probability
    low, high = 100 * min(line.low, line.probability), 100 * max(line.high, line.probability)
    told = f"{value:.0f} %, with 90 % certainty between {low:.0f} and {high:.0f} %"
    told += "" if line.is_calibrated else "; uncalibrated: it orders images, and teaches nothing"
    kind = "seen" if line.probability >= SEEN else "unseen"
    kind += "" if line.is_calibrated else " rough"
    return (
        f'<div class="{kind}" title="{told}">{text}'
        f'<span class="m" role="img" aria-label="{told}"><i style="width:{value:.1f}%"></i>'
        f'<s style="left:{low:.1f}%;width:{max(high - low, 0.5):.1f}%"></s></span>'
        f'<span class="n">{"" if line.is_calibrated else "≈ "}{value:.0f} %</span></div>'
    )


def _metric(line: Line) -> str:
    return "" if line.metric == "fulfilment" else f" <small>{escape(line.metric)}</small>"
