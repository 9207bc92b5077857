"""The tables of words: each phrase is found again, and says what it stands under."""

from __future__ import annotations

import pytest

from orchestrator_core.enhancing import facts, figures
from orchestrator_core.enhancing.facts import against, facts_of

LINES = [line for line in facts._lines() if line[1] != facts._TOGETHER and line[0] != facts._NOTHING]


@pytest.mark.parametrize(("dimension", "value", "phrases"), LINES, ids=lambda text: str(text)[:12])
def test_each_phrase_says_what_it_stands_under(dimension: str, value: str, phrases: str):
    for phrase in phrases.split(","):
        assert value in facts_of(f"a picture, {phrase.strip()}, here").get(dimension, ()), phrase


def test_values_that_go_together_are_values():
    values = {(dimension, value) for dimension, value, _ in LINES}
    for dimension, pairs in facts._pairs().items():
        assert {(dimension, value) for pair in pairs for value in pair} <= values


@pytest.mark.parametrize(
    "text", ["depth of field", "a woman with dark hair", "a hot spring", "no fog", "without rain", ""]
)
def test_some_words_say_nothing(text: str):
    assert facts_of(text) == {}


def test_a_contradiction_names_both_sides():
    assert against(facts_of("at night"), facts_of("noon")) == ("time", "night", "day")
    assert against(facts_of("at night"), facts_of("moonlight")) is None


@pytest.mark.parametrize(
    ("text", "count"), [("1girl, 1boy", 2), ("two old women", 2), ("solo", 1), ("a fox", 0), ("3girls", 3)]
)
def test_people_are_counted_where_a_prompt_counts_them(text: str, count: int):
    assert figures.count_in(text) == count
