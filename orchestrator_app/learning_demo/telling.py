"""From the images of the demonstration and its ledger to the page, and to a sentence for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from orchestrator_app.learning_demo.loop import CONTEXT, SLOTS, Looked
from orchestrator_app.learning_demo.page import Demo, Odds, Part, Shown, demo_page
from orchestrator_app.tiny_world.captions import TEMPLATE
from orchestrator_app.tiny_world.scenes import ATTRIBUTES
from orchestrator_core.weights.observation import value_of
from orchestrator_core.weights.odds import ValueOdds, slot_odds
from orchestrator_core.weights.plots import trend_svg
from orchestrator_core.weights.trends import smoothed

if TYPE_CHECKING:
    from orchestrator_core.weights.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Told:
    html: str
    summary: str


def told(images: Sequence[Looked], ledger: Ledger, folder: Path, some: int, seconds: float) -> Told:
    """``some``: how many images there are before anything is learned from, and again after it."""
    parts = _parts(images, folder, some)
    facts = (f"{len(images):,} images", f"{seconds:.0f} s", _judged(images, some))
    by = (
        smoothed("the scorer", (one.fulfilled for one in images)),
        smoothed("the judge", (one.judged for one in images)),
    )
    plot = trend_svg(by, "prompts shown")
    demo = Demo(datetime.now().astimezone(), TEMPLATE, parts, _odds(ledger), plot, facts)
    return Told(demo_page(demo), f"{len(images):,} images in {seconds:.0f} s. {_summary(parts)}")


def _parts(images: Sequence[Looked], folder: Path, some: int) -> list[Part]:
    last = max(some, len(images) - some)
    found = (
        ("By the odds as written", "Every value as likely as its file has it.", images[:some]),
        ("While it learns", "Each image is drawn by what all before it showed.", images[some:last]),
        ("By what it learned", "The odds stand still now: this is what the template gives.", images[last:]),
    )
    return [
        Part(
            title, note, [Shown(one.path.relative_to(folder).as_posix(), one.prompt, one.fulfilled) for one in some_of]
        )
        for title, note, some_of in found
        if some_of
    ]


def _summary(parts: Sequence[Part]) -> str:
    if len(parts) < 3:
        return ""
    return f"Of each prompt {100 * parts[0].mean:.0f} % was shown at first, and {100 * parts[2].mean:.0f} % is now."


def _judged(images: Sequence[Looked], some: int) -> str:
    if len(images) < 3 * some:
        return "still learning"
    before, after = (fmean(one.judged for one in part) for part in (images[:some], images[-some:]))
    return f"a judge that it never heard of sees {100 * before:.0f} % before and {100 * after:.0f} % after"


def _odds(ledger: Ledger) -> list[Odds]:
    state = ledger.state()
    rows = []
    for slot in SLOTS:
        found = {value_of(value.key): value for value in slot_odds(state, CONTEXT, slot).values}
        values = _values(slot)
        total = sum(found[name].multiplier if name in found else 1.0 for name in values) or 1.0
        for name in sorted(values, key=lambda each: -_multiplier(found.get(each))):
            known = found.get(name)
            rows.append(
                Odds(
                    slot, name, 1 / len(values), _multiplier(known) / total, round(known.n) if known else 0, _why(known)
                )
            )
    return rows


def _values(slot: str) -> list[str]:
    name = slot.removeprefix("tiny/")
    return [f"{value} background" if name == "background" else value for value in ATTRIBUTES[name]]


def _multiplier(value: ValueOdds | None) -> float:
    return value.multiplier if value is not None else 1.0


def _why(value: ValueOdds | None) -> str:
    return value.why if value is not None else "not drawn yet"
