from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.errors import FormatError
from orchestrator_core.weights.marking import MARK_WEIGHT, Marks, evidence_of, words_of


def value_of(**marks: bool | int) -> float:
    evidence = evidence_of(Marks(**marks))  # type: ignore[arg-type]
    assert evidence
    return evidence.value


def test_more_stars_are_worth_more_and_three_say_neither() -> None:
    values = [value_of(stars=stars) for stars in range(1, 6)]
    assert values == sorted(set(values))
    assert values[2] == 0
    assert values[4] == pytest.approx(-values[0]) == pytest.approx(math.log(9))


def test_a_favourite_and_a_reject_say_it_more_strongly_than_stars_and_are_opposite() -> None:
    assert value_of(favourite=True) > value_of(stars=5)
    assert value_of(reject=True) < value_of(stars=1)
    assert value_of(favourite=True) == pytest.approx(-value_of(reject=True))


@given(st.integers(0, 5))
def test_a_reject_outweighs_any_stars_and_a_favourite_is_not_worth_less_with_few(stars: int) -> None:
    assert value_of(reject=True, stars=stars) == value_of(reject=True)
    assert value_of(favourite=True, stars=stars) == value_of(favourite=True)


def test_no_mark_says_nothing() -> None:
    assert evidence_of(Marks()) is None
    assert not Marks()


def test_a_mark_counts_for_several_scores_and_says_what_it_is() -> None:
    marks = Marks(favourite=True, stars=1)
    evidence = evidence_of(marks)
    assert evidence
    assert (evidence.weight, words_of(marks)) == (MARK_WEIGHT, "favourite, 1 star")
    assert MARK_WEIGHT > 1


@pytest.mark.parametrize("stars", [-1, 6, 2.5, True, float("nan")])
def test_stars_that_are_none_are_refused(stars: float) -> None:
    with pytest.raises(FormatError, match="stars cannot be given: an image has 1 to 5"):
        Marks(stars=stars)  # type: ignore[arg-type]


def test_an_image_cannot_be_a_favourite_and_rejected() -> None:
    with pytest.raises(FormatError, match="take one of the marks away"):
        Marks(favourite=True, reject=True)
