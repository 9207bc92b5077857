"""What language models answer, tidy and not: whatever it is, phrases come of it or nothing."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.enhancing.reading import phrases_in, texts_in
from tests import strategies

TWO = ("soft light", "wet stone")


@pytest.mark.parametrize(
    "answer",
    [
        '{"add": ["soft light", "wet stone"]}',
        'Sure! Here you go:\n```json\n{"add": ["soft light", "wet stone"]}\n```\nEnjoy.',
        '<think>The user wants {"add": ["a trap"]}</think>{"add": ["soft light", "wet stone"]}',
        'They want light.</think>\n{"add": ["soft light", "wet stone"]}',
        '{"additions": ["soft light", "wet stone"]}',
        '["soft light", "wet stone"]',
        '{"add": ["soft light", "wet stone", "and then it was cut',
        '{"add": ["soft light", 3, null, "Soft Light", "wet stone."]}',
        "- soft light\n- wet stone",
        "1. soft light\n2) wet stone\n",
        "Here are some ideas:\n* “soft light”\n* “wet stone”",
        "soft light, wet stone.",
        "soft light; wet stone",
    ],
)
def test_phrases_are_found_however_they_are_wrapped(answer: str):
    assert phrases_in(answer, "tags") == TWO


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "{}",
        '{"add": []}',
        "<think>for ever",
        "a, b, c",
        '{"add": ["the"]}',
        "…",
        "[[",
        '{"add": ["',
        "<p>Sorry, busy.</p>",
    ],
)
def test_of_nothing_comes_nothing(answer: str):
    assert phrases_in(answer, "tags") == ()


def test_sentences_are_kept_whole():
    answer = "The stone is wet, and it shines. Mist hangs low!"
    wanted = ("The stone is wet, and it shines.", "Mist hangs low!")
    assert phrases_in(answer, "natural") == wanted
    assert phrases_in(json.dumps({"add": [answer]}), "natural") == wanted


def test_a_tag_that_became_a_story_is_left_out():
    story = "once upon a time there was a very old stone that nobody had ever seen shine in the light"
    assert phrases_in(json.dumps({"add": ["soft light", story]}), "tags") == ("soft light",)


def test_a_model_that_says_the_same_again_and_again_is_cut_short():
    loop = "The tower is tall. It's a robot, it's a robot, it's a robot, it's a robot, it's a"
    assert phrases_in(json.dumps({"add": [loop]}), "natural") == ("The tower is tall.",)


@pytest.mark.parametrize(
    ("answer", "texts"),
    [
        ('{"0": "a fox", "2": "snow", "9": "no"}', {"0": "a fox", "2": "snow"}),
        ('{"0": "a fox", "2": "snow falls. And then', {"0": "a fox", "2": "snow falls."}),
        ('{"0": "a \\"red\\" fox", "2": ""}', {"0": 'a "red" fox'}),
        ('{"0": ["a fox"], "2": 3}', {}),
        ("a fox in the snow", {}),
    ],
)
def test_texts_are_found_by_their_keys(answer: str, texts: dict[str, str]):
    assert texts_in(answer, ["0", "2"]) == texts


def test_a_lone_text_may_come_as_it_is():
    assert texts_in("a red fox\nin snow", ["0"]) == {"0": "a red fox in snow"}


@given(st.text() | strategies.json_values.map(json.dumps), st.sampled_from(["tags", "natural"]))
def test_any_answer_is_survived(answer: str, kind: str):
    assert all(phrase.strip() for phrase in phrases_in(answer, kind))
    assert all(text.strip() for text in texts_in(answer, ["0", "1"]).values())


@pytest.mark.parametrize(
    "answer", ['{"add": ["' * 60_000, "[" * 500_000, "a, " * 400_000, "\\" * 300_000, '"add"' * 200_000]
)
def test_a_megabyte_is_read_in_no_time(answer: str):
    assert len(phrases_in(answer, "tags")) < 100


def test_an_answer_cut_off_behind_a_backslash_keeps_its_whole_strings_and_costs_no_time():
    start = time.process_time()
    assert phrases_in('{"add": ["soft light", "' + '\\"' * 8000 + "\\", "tags") == ("soft light",)
    assert time.process_time() - start < 1
