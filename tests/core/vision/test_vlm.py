from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.vision.vlm import verdict_of_text, verdict_of_tokens

LOGS = st.floats(-30, 0)


def test_the_odds_of_yes_are_read_over_all_its_spellings() -> None:
    tokens = [("Yes", math.log(0.4)), (" yes", math.log(0.2)), ("No", math.log(0.1)), ("The", math.log(0.3))]
    verdict = verdict_of_tokens(tokens)
    assert verdict.probability == pytest.approx(0.6 / 0.7)
    assert verdict.has_odds


@pytest.mark.parametrize("token", ["▁Yes", "ĠYes", '"Yes', "**Yes", "YES.", "\nyes", "y"])
def test_tokens_are_known_as_tokenizers_write_them(token: str) -> None:
    probability = verdict_of_tokens([(token, math.log(0.9)), ("No", math.log(0.1))]).probability
    assert probability == pytest.approx(0.9)


def test_a_side_that_is_not_listed_is_no_more_probable_than_the_list_leaves_it() -> None:
    probability = verdict_of_tokens([("Yes", math.log(0.7)), ("The", math.log(0.2))]).probability
    assert probability == pytest.approx(0.7 / 0.8)
    certain = verdict_of_tokens([("No", 0.0)]).probability
    assert certain is not None
    assert 0 < certain < 1e-5


def test_a_model_that_was_about_to_say_something_else_gave_no_verdict() -> None:
    tokens = [("The", math.log(0.97)), ("Yes", math.log(0.02)), ("No", math.log(0.001))]
    assert verdict_of_tokens(tokens, "The").probability is None
    assert verdict_of_tokens([]).probability is None
    assert verdict_of_tokens([("Yes", math.nan), ("No", -math.inf)]).probability is None


@given(LOGS, LOGS)
def test_yes_and_no_are_treated_alike(yes: float, no: float) -> None:
    there = verdict_of_tokens([("Yes", yes), ("No", no)]).probability
    turned = verdict_of_tokens([("No", yes), ("Yes", no)]).probability
    assert (there is None) == (turned is None)
    if there is not None and turned is not None:
        assert there == pytest.approx(1 - turned)


@pytest.mark.parametrize(
    ("text", "probability"),
    [("Yes", 1.0), (" yes, it does.", 1.0), ("**No**", 0.0), ("No.", 0.0), ("Nothing", None), ("", None), ("…", None)],
)
def test_a_bare_word_is_yes_or_no_and_says_not_how_sure(text: str, probability: float | None) -> None:
    verdict = verdict_of_text(text)
    assert verdict.probability == probability
    assert not verdict.has_odds
