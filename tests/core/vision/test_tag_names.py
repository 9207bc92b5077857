from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.vision.comparing import compare_caption, goal_of
from orchestrator_core.vision.port import Wanted
from orchestrator_core.vision.readable import NEGATION
from orchestrator_core.vision.tag_names import TagName, Vocabulary, content_words, singular

NAMES = (
    "long_hair",
    "hair",
    "1girl",
    "2girls",
    "1boy",
    "fox",
    "red_scarf",
    "scarf",
    "close-up",
    "saber_(fate)",
    "^_^",
    "ink_(medium)",
)
VOCABULARY = Vocabulary(
    (*(TagName(name, "general", n) for n, name in enumerate(NAMES)), TagName("general", "rating", len(NAMES)))
)


def read(text: str) -> tuple[list[str], list[str]]:
    reading = VOCABULARY.read(text)
    return [tag.name for tag in reading.tags], [*reading.unknown]


@pytest.mark.parametrize(
    ("text", "tags", "unknown"),
    [
        ("long hair", ["long_hair"], []),
        ("Long_Hair", ["long_hair"], []),
        ("a girl with long hair", ["1girl", "long_hair"], []),
        ("two girls", ["2girls"], []),
        ("three girls", [], ["three", "girls"]),
        ("girls", [], ["girls"]),
        ("woman", ["1girl"], []),
        ("a man", ["1boy"], []),
        ("foxes", ["fox"], []),
        ("red scarf", ["red_scarf"], []),
        ("scarf, red", ["scarf"], ["red"]),
        ("saber \\(fate\\)", ["saber_(fate)"], []),
        ("saber (fate)", ["saber_(fate)"], []),
        ("^_^", ["^_^"], []),
        ("ink, scarf", ["ink_(medium)", "scarf"], []),
        ("saber", [], ["saber"]),
        ("a crimson fox", ["fox"], ["crimson"]),
        ("general", [], ["general"]),
        ("", [], []),
        ("in the", [], []),
        ("fox fox", ["fox"], []),
        ("a fox wearing a red scarf", ["fox", "red_scarf"], []),
    ],
)
def test_the_words_of_a_prompt_are_read_as_tags(text: str, tags: list[str], unknown: list[str]) -> None:
    assert read(text) == (tags, unknown)


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    reading = VOCABULARY.read(text)
    assert {tag.name for tag in reading.tags} <= {*NAMES}
    content_words(text)


@given(st.sampled_from([name for name in NAMES if not name.startswith("2")]))
def test_each_name_is_read_as_itself(name: str) -> None:
    assert read(name)[0][0] == name


@pytest.mark.parametrize(
    ("word", "one"),
    [("foxes", "fox"), ("dogs", "dog"), ("glass", "glass"), ("cities", "city"), ("bus", "bus"), ("women", "woman")],
)
def test_plurals_are_read_by_their_usual_endings(word: str, one: str) -> None:
    assert singular(word) == one


def test_the_goal_is_what_should_be_seen() -> None:
    wanted = [
        Wanted(0, "a fox", "free"),
        Wanted(1, "no hat", "unmeasurable", reason=NEGATION),
        Wanted(2, "two owls", "unmeasurable", reason="a count"),
        Wanted(3, "masterpiece", "unscored"),
        Wanted(4, "a fox", "siblings", "x", ("a fox", "an owl")),
    ]
    assert goal_of(wanted) == ["a fox", "two owls"]


def test_a_caption_is_compared_with_the_goal_word_by_word() -> None:
    found = compare_caption(["red foxes", "snow", "an owl", ""], "A photo of a red fox in the snow, with a castle.")
    assert found.mentioned == ("red foxes", "snow")
    assert found.unmentioned == ("an owl",)
    assert found.unasked == ("castle",)
