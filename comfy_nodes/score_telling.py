"""Scores as a person sees them: bars for the node, a report in lines, and JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from orchestrator_core.vision.observing import said
from orchestrator_core.weights.retrying import percent

from .score_types import Scored, ScoredImage

if TYPE_CHECKING:
    from orchestrator_core.vision.observing import Part
    from orchestrator_core.vision.port import Fulfilment, Whole


def ui_of(scored: Scored) -> dict[str, Any]:
    """What the node shows. Numbers of images are counted from 1 there."""
    best = scored.order[0] if scored.images else -1
    images = [
        {
            "number": number + 1,
            "value": image.value,
            "passed": scored.passes(number),
            "is_best": number == best and len(scored.images) > 1,
            "parts": [_part(each) for each in image.fulfilments],
            "compared": [[name, [said(part) for part in parts]] for name, parts in _compared(image)],
        }
        for number, image in enumerate(scored.images)
    ]
    whole = [f"{number + 1}: {_whole(one)}" for number, image in enumerate(scored.images) for one in image.whole]
    shown = {"scorer": scored.scorer, "images": images, "whole": whole, "problems": list(_problems(scored))}
    return {"orchestrator_scores": [shown]}


def _part(each: Fulfilment) -> dict[str, Any]:
    return {
        "text": each.wanted.text,
        "probability": each.probability,
        "low": each.low,
        "high": each.high,
        "raw": each.raw,
        "calibrated": each.calibrated,
        "measure": each.wanted.measure,
        "metric": each.metric,
        "key": each.wanted.key,
        "reason": each.reason or each.wanted.reason,
    }


def _whole(one: Whole) -> str:
    return f"{one.metric} {one.value:.2f}" + (f" ({one.detail})" if one.detail else "")


def _compared(image: ScoredImage) -> Sequence[tuple[str, Sequence[Part]]]:
    """What is there, missing and unasked, each with its name."""
    return image.observation.told if image.observation else ()


def _problems(scored: Scored) -> Iterator[str]:
    yield from scored.problems
    if not scored.draft.components:
        yield "There is no prompt to compare the images with: connect a draft or a text."
    elif all(value is None for value in scored.values):
        yield "Nothing of this prompt can be measured by this scorer, so no image passes."


def json_of(scored: Scored) -> str:
    """All of it, as one JSON object."""
    images = [
        {
            "value": image.value,
            "passed": scored.passes(number),
            "components": [_part(each) for each in image.fulfilments],
            "whole": {one.metric: one.value for one in image.whole},
            "compared": {name: [part._asdict() for part in parts] for name, parts in _compared(image)},
        }
        for number, image in enumerate(scored.images)
    ]
    order = list(scored.order)
    return json.dumps({"scorer": scored.scorer, "until": scored.until, "order": order, "images": images})


def report_of(scored: Scored) -> str:
    """Lines for a person, the best image first."""
    lines = [line for number in scored.order for line in _lines(scored, number, scored.images[number])]
    return "\n".join([*_problems(scored), *lines])


def _lines(scored: Scored, number: int, image: ScoredImage) -> Iterator[str]:
    yield f"image {number + 1}: {percent(image.value)}, {'passes' if scored.passes(number) else 'fails'}"
    for each in image.fulfilments:
        name = f"style {each.wanted.text}" if each.metric == "style" else each.wanted.text
        yield f"  {name}: {_measured(each)}"
    for one in image.whole:
        yield f"  {_whole(one)}"
    for group, parts in _compared(image):
        yield f"  {group}: {', '.join(map(said, parts))}"


def _measured(each: Fulfilment) -> str:
    if each.probability is None:
        return each.reason or each.wanted.reason or "not measured"
    interval = f"{percent(each.probability)} ({percent(each.low)} to {percent(each.high)})"
    return interval if each.calibrated else f"{interval}, uncalibrated"
