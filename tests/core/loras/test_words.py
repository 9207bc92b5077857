from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.loras.words import contains_phrase, key_of, name_phrase, people_in, prompt_text, stem, stems_of


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("dances", "dancing"),
        ("running", "run"),
        ("riding", "ride"),
        ("glasses", "glass"),
        ("roses", "rose"),
        ("churches", "church"),
        ("stories", "story"),
        ("boxes", "box"),
        ("painted", "painting"),
        ("cat's", "cats"),
    ],
)
def test_forms_of_a_word_are_the_same(one: str, other: str) -> None:
    assert stems_of(one) == stems_of(other)


@pytest.mark.parametrize(("one", "other"), [("star", "staring"), ("cap", "cape"), ("plan", "plane"), ("red", "reed")])
def test_different_things_stay_different(one: str, other: str) -> None:
    assert stems_of(one) != stems_of(other)


@pytest.mark.parametrize("word", ["red", "shed", "string", "king", "glass", "cactus", "iris", "jazz", "ai"])
def test_a_word_that_only_ends_like_a_form_stays(word: str) -> None:
    assert stem(word) == word


def test_booru_tags_and_words_are_the_same() -> None:
    assert key_of("red_hats") == key_of("Red hat")


def test_words_of_any_picture_are_no_key() -> None:
    assert key_of("digital illustration") == key_of("1girl, masterpiece") == ()
    assert key_of("ghibli style") == ("ghibli",)


def test_text_without_spaces_is_compared_in_pairs() -> None:
    assert set(key_of("水彩画")) <= set(key_of("美しい水彩画"))


def test_a_prompt_is_read_without_tags_commands_and_numbers() -> None:
    text = prompt_text(r"a (red hat:1.25), <lora:foo:0.8> BREAK miku \(vocaloid\)")
    assert stems_of(text) == ["a", "red", "hat", "miku", "vocaloid"]


@pytest.mark.parametrize(
    ("name", "phrase"),
    [
        ("styles/GhibliStyle_v2-000010", "Ghibli Style"),
        ("foo_bar_XL_v1.0", "foo bar"),
        ("80s-anime-000012", "80s anime"),
        ("pony/v1", ""),
    ],
)
def test_a_file_name_says_its_words_and_not_its_version(name: str, phrase: str) -> None:
    assert name_phrase(name) == phrase


@pytest.mark.parametrize(("prompt", "count"), [("2girls", 2), ("1girl, 1boy", 2), ("a 3d cat", 0), ("6+girls", 6)])
def test_people_are_counted(prompt: str, count: int) -> None:
    assert people_in(prompt) == count


def test_a_phrase_is_found_only_in_a_row_and_only_as_words() -> None:
    stems = stems_of("a hat, red, ghibli styles")
    assert contains_phrase(stems, "Ghibli_style")
    assert not contains_phrase(stems, "red hat")
    assert not contains_phrase(stems, "at")


@given(st.text())
def test_any_text_has_words(text: str) -> None:
    assert all(stems_of(text)) and all(key_of(prompt_text(text)))
    assert stems_of(text.upper().lower()) == stems_of(text.upper().lower())
