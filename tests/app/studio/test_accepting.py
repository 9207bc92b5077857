"""What was changed in a prompt, part by part; any choice of parts gives a prompt between the two."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orchestrator_app.studio.accepting import Part, accepted, parts_of
from orchestrator_core.enhancing.assembling import appended, rewritten, runs
from orchestrator_core.prompt import Choice, Component, Origin, render

FOX = (Component("a "), Component("fox", choices=(Choice("animals#fox", "animals"),), span=(2, 5)), Component(", snow"))
_WORD = st.sampled_from(["fox", "snow", "red", "(soft light:1.2)", "<lora:ink:0.8>", "BREAK", "a", "__x__", "\\(", "é"])
_TEXTS = st.lists(_WORD, min_size=1, max_size=8).map(", ".join)
_PHRASES = st.lists(st.sampled_from(["soft light", "fog", "old wood", "fox", "a castle"]), unique=True, max_size=4)


def test_each_phrase_that_was_added_is_a_part():
    after = appended(FOX, ["soft light", "morning mist", "old wood"])
    assert parts_of(FOX, after) == (Part("soft light"), Part("morning mist"), Part("old wood"))


def test_a_part_that_is_left_out_takes_its_comma_along():
    after = appended(FOX, ["soft light", "morning mist", "old wood"])
    assert render(accepted(FOX, after, {"morning mist"})) == "a fox, snow, soft light, old wood"
    assert render(accepted(FOX, after, {"soft light"})) == "a fox, snow, morning mist, old wood"
    assert render(accepted(FOX, after, {"old wood"})) == "a fox, snow, soft light, morning mist"
    kept = accepted(FOX, after, {"old wood"})
    assert kept[1] == FOX[1]
    assert kept[-1].origin is Origin.llm


def test_without_all_of_them_the_prompt_is_as_it_was():
    after = appended(FOX, ["soft light", "morning mist"])
    left = accepted(FOX, after, {"soft light", "morning mist"})
    assert left == FOX
    assert accepted(FOX, after, {"something else"}) == after
    assert accepted(FOX, after, ()) is after


def test_sentences_are_parts_too():
    before = (Component("A fox in the snow."),)
    after = appended(before, ["The light is soft.", "Fog lies over the river, far away."], " ")
    assert [part.text for part in parts_of(before, after)][:1] == ["The light is soft."]
    assert render(accepted(before, after, {"The light is soft."})).startswith("A fox in the snow. Fog lies")


def test_what_was_said_anew_can_be_as_it_was():
    before = (Component("a fox in snow <lora:ink:0.8>"),)
    (key,) = runs(before)
    after = rewritten(before, {key: "a sly red fox in deep snow"})
    assert render(after) == "a sly red fox in deep snow <lora:ink:0.8>"
    assert parts_of(before, after)
    assert accepted(before, after, {part.text for part in parts_of(before, after)}) == before


@given(_TEXTS, _PHRASES, st.data())
def test_whatever_is_left_out_the_persons_own_words_stay(text: str, phrases: list[str], data: st.DataObject):
    before = (Component(text),)
    after = appended(before, phrases)
    parts = [part.text for part in parts_of(before, after)]
    left_out = set(data.draw(st.lists(st.sampled_from(parts), unique=True))) if parts else set()
    found = accepted(before, after, left_out)
    assert "".join(component.text for component in found if component.origin is not Origin.llm) == text
    assert {part.text for part in parts_of(before, found)} == set(parts) - left_out
