from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.prompt import Component, Origin, render
from orchestrator_core.template.align import aligned

FOX = (Component("a ", Origin.template), Component("crimson", Origin.wildcard, span=(2, 20)), Component(" fox"))


def test_an_untouched_text_keeps_everything():
    assert aligned(FOX, "a crimson fox") == FOX


def test_an_added_word_is_the_persons_and_the_others_keep_their_origin():
    found = aligned(FOX, "a crimson sleepy fox")
    assert [(part.text, part.origin.value) for part in found if part.text.strip()] == [
        ("a ", "template"), ("crimson", "wildcard"), ("sleepy ", "user"), ("fox", "template"),
    ]  # fmt: skip
    assert found[1].span == (2, 20)


def test_a_replaced_value_is_the_persons():
    assert [part.origin for part in aligned(FOX, "a blue fox") if part.text == "blue"] == [Origin.user]


def test_a_text_of_a_book_is_taken_whole():
    assert aligned(FOX, "word " * 9_000) == (Component("word " * 9_000, Origin.user),)


@given(st.lists(st.text(max_size=8), max_size=6), st.text(max_size=40))
def test_the_text_is_always_the_one_that_was_given(texts: list[str], text: str):
    assert render(aligned([Component(each) for each in texts], text)) == text
