"""Credit: which values of a prompt a score or a mark is told to, and what is told to none."""

from __future__ import annotations

import math

import pytest

from orchestrator_core.prompt import Choice, Component, Origin, PromptDraft
from orchestrator_core.run import Run, Score
from orchestrator_core.weights.crediting import marked, observations_of
from orchestrator_core.weights.marking import Marks
from orchestrator_core.weights.observation import logit

OUTER = Choice("inline:1#__colors__ __animals__", ("a", "b"), options=2)
RED = Choice("colors#red", "colors", options=3)
FOX = Choice("animals#fox", "animals", options=4)
ONLY = Choice("one#it", "one", options=1)
MADE_UP = Choice("words#new", "words", options=5)
DRAFT = PromptDraft(
    (
        Component("red", Origin.wildcard, (OUTER, RED)),
        Component(" "),
        Component("fox", Origin.wildcard, (OUTER, FOX)),
        Component(" it", Origin.wildcard, (ONLY,)),
        Component(" new", Origin.llm, (MADE_UP,)),
    )
)


def score(key: str, value: float = 0.75, **others: object) -> Score:
    return Score("r", "a.png", 0, value=value, key=key, scorer="clip", **{"metric": "fulfilment", **others})  # type: ignore[arg-type]


def credited(*scores: Score) -> dict[str, float]:
    return {one.key: one.value for one in observations_of(Run("r", DRAFT, scores=scores))}


def test_a_choice_around_others_gets_the_mean_of_what_these_got():
    found = credited(score(RED.key, 0.9), score(FOX.key, 0.3))
    assert found == {
        RED.key: logit(0.9),
        FOX.key: logit(0.3),
        OUTER.key: pytest.approx((logit(0.9) + logit(0.3)) / 2),
    }


def test_a_value_that_stands_there_twice_counts_once():
    assert credited(score(RED.key, 0.9), score(RED.key, 0.1))[RED.key] == pytest.approx(0)


@pytest.mark.parametrize(
    "one",
    [
        score(RED.key, math.nan),
        score(RED.key, math.inf),
        score(RED.key, calibrated=False),
        score(RED.key, metric="style"),
        score(""),
        score(ONLY.key),
        score(MADE_UP.key),
        score("gone#since"),
    ],
    ids=["nan", "infinite", "uncalibrated", "style", "free", "no-alternative", "language-model", "unknown"],
)
def test_nothing_is_learned_from(one: Score):
    assert credited(one) == {}


def test_a_mark_is_told_to_every_value_that_could_have_been_another():
    found = marked(Run("r", DRAFT), "a.png", Marks(favourite=True))
    assert {one.key for one in found} == {OUTER.key, RED.key, FOX.key}
    assert all(one.kind == "mark" and one.weight > 1 and one.value > 0 for one in found)


def test_marks_that_were_taken_away_weigh_nothing():
    assert {one.weight for one in marked(Run("r", DRAFT), "a.png", Marks())} == {0.0}
