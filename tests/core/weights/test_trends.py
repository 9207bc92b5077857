"""How scores went: by slot, and before and after learned odds; whatever clocks and names say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from orchestrator_core.weights.observation import Observation, logit
from orchestrator_core.weights.settings import LORAS
from orchestrator_core.weights.trends import EVERYTHING, effects_of, slot_trends


def seen(image: int, slot: str, probability: float, *, steered: bool = False, scorer: str = "x") -> Observation:
    value = logit(probability)
    return Observation(f"r{image}", "a.png", "||", slot, f"{slot}#v", value, scorer=scorer, steered=steered)


def two_slots(images: range, color: float, shape: float, *, steered: bool) -> Iterator[Observation]:
    for image in images:
        yield seen(image, "color", color, steered=steered)
        yield seen(image, "shape", shape, steered=steered)


def test_before_and_after_are_told_apart_by_the_odds_that_a_prompt_was_drawn_by():
    told = [
        *two_slots(range(10), 0.5, 0.5, steered=False),
        *two_slots(range(10, 70), 0.9, 0.5, steered=True),
        *two_slots(range(70, 80), 0.5, 0.7, steered=False),  # learning was off for a while
    ]
    (effect,) = effects_of(told)
    assert (effect.before.n, effect.after.n, effect.lately.n) == (20, 60, 50)
    assert effect.before.value == pytest.approx(0.55)
    assert effect.after.value == pytest.approx(0.7)
    assert effect.low is not None
    assert effect.high is not None
    assert effect.low < 0.15 < effect.high


def test_scorers_marks_and_contexts_are_not_mixed():
    one = seen(1, "color", 0.9)
    mark = replace(one, kind="mark", scorer="marks:1", weight=4.0)
    told = [one, mark, replace(one, scorer="y"), replace(one, context="mira||"), seen(2, "color", 0.1)]
    found = effects_of(told)
    assert (found[0].before.n, found[0].before.value, found[0].low) == (2, pytest.approx(0.5), None)
    assert len({(each.context, each.scorer, each.kind) for each in found}) == len(found) == 4


def test_a_mark_that_was_taken_back_and_the_mean_that_loras_have_are_no_images():
    taken = replace(seen(1, "color", 0.5), kind="mark", weight=0.0)
    lora = replace(seen(2, LORAS, 0.1), slot=LORAS, key=f"{LORAS}#x")
    assert effects_of([taken, lora]) == []
    (effect,) = effects_of([seen(2, "color", 0.9), lora])
    assert effect.before.value == pytest.approx(0.9)


def test_each_slot_has_a_line_over_the_images_of_its_context_and_all_together_have_one():
    told = [*two_slots(range(30), 0.9, 0.5, steered=False), seen(40, "style", 0.2), seen(41, "color", 0.2, scorer="y")]
    told.append(replace(seen(42, "color", 0.2), context="mira||"))
    whole, color, shape, style = slot_trends(told, "||")
    assert [line.name for line in (whole, color, shape, style)] == [EVERYTHING, "color", "shape", "style"]
    assert [number for number, _ in whole.points] == list(range(1, 33))
    assert style.points == ((31, pytest.approx(0.2)),)
    assert color.points[29] == (30, pytest.approx(0.9))
    assert shape.points[-1] == (30, pytest.approx(0.5))
    assert color.points[-1][1] < 0.9
    assert slot_trends(told, "gone") == []
