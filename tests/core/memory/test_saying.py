"""What a prompt says by its own words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.memory.clothes import fitting, put_on, worn_in
from orchestrator_core.memory.saying import Saying, said_in, same_place, same_time
from orchestrator_core.memory.vocabulary import FIGURES, GARMENTS, PLACES

PEOPLE = {"Mira": "Mira", "Tom": "Tom", "Rose": "Rose"}
WORDS = ["Mira", "Tom", "a", "man", ",", "in", "of", "no", "red", "cloak", "(", ":1.2)", "BREAK", "<lora:x:1>", "night"]


def said(text: str, *present: str) -> Saying:
    return said_in(text, PEOPLE, present)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("reading in the old tavern by candle light", "old tavern"),
        ("tavern, oil lamps", "tavern"),
        ("on the roof of the castle", "on the roof of the castle"),
        ("walking through the streets of Paris", "through the streets of paris"),
        ("1girl, city street, rain", "city street"),
        ("a cat on a chair in (the kitchen:1.2)", "kitchen"),
        ("depth of field, street photography, forest green dress", ""),
        ("castle tower, <lora:beach:1>", "castle tower"),
        ("school uniform", ""),
    ],
)
def test_where_it_is(text: str, where: str) -> None:
    assert said(text).where == where


@pytest.mark.parametrize(
    ("text", "when"),
    [("a sunny day", "day"), ("golden hour", "golden hour"), ("night elf, evening gown", ""), ("at night", "night")],
)
def test_when_it_is(text: str, when: str) -> None:
    assert said(text).when == when


def test_times_and_places_that_are_the_same_in_other_words() -> None:
    assert same_time("midnight", "a starry sky")
    assert same_time("sunny day", "noon")
    assert same_time("winter 1890", "night")
    assert not same_time("dawn", "night")
    assert same_place("the tavern", "old tavern by the sea")
    assert not same_place("tavern", "taverns")
    assert not same_place("", "tavern")


def test_a_name_that_is_a_word_too_is_meant_where_it_is_written_as_one() -> None:
    assert said("a rose garden").who == ()
    assert said("Rose's garden").who == ("Rose",)
    assert said("tom and mira").who == ("Tom", "Mira")
    assert said("tomorrow, mirage").who == ()


@pytest.mark.parametrize(
    ("text", "outfit"),
    [
        ("wearing a long red cloak", "long red cloak"),
        ("torn jeans and black leather boots", "torn jeans, black leather boots"),
        ("her grandmother's old coat", "grandmother's old coat"),
        ("(white t-shirt:1.2)", "white t-shirt"),
        ("a coat of arms", ""),
    ],
)
def test_what_is_worn(text: str, outfit: str) -> None:
    assert put_on("", said(text, "Mira").worn_by("Mira")) == outfit


def test_what_replaces_what() -> None:
    assert put_on("red cloak, jeans, white shirt, boots", worn_in("a blue dress")) == "red cloak, boots, blue dress"
    assert put_on("red cloak, white dress", worn_in("jeans")) == "red cloak, jeans"
    assert put_on("hat, dress", worn_in("without a hat")) == "dress"
    assert fitting("red cloak, boots", worn_in("a black coat")) == ["boots"]


@given(st.lists(st.one_of(st.sampled_from(WORDS), st.text(max_size=8)), max_size=25).map(" ".join))
def test_any_text_is_heard_without_an_error_and_no_part_of_it_twice(text: str) -> None:
    found = said(text, "Mira")
    assert set(found.who) <= set(PEOPLE.values())
    assert set(found.parts) <= {"mira", "tom", "rose", ""}
    assert sum(part.count("cloak") for part in found.parts.values()) == text.count("cloak")


def test_the_lists_have_no_word_of_two_meanings() -> None:
    assert not PLACES & FIGURES
    assert not (PLACES | FIGURES) & set(GARMENTS)
