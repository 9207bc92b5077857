"""What a profile adds to a draft, and what it leaves alone."""

from __future__ import annotations

from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.profiles.applying import applied
from orchestrator_core.profiles.inheritance import combined
from orchestrator_core.profiles.model import Profile
from orchestrator_core.profiles.phrases import Said
from orchestrator_core.prompt import Component, Origin, PromptDraft, render
from tests import strategies

MIRA = Profile(
    "Mira",
    "character",
    "mira",
    description="A keeper.",
    appearance_tags=("auburn hair", "green eyes"),
    style=("ink drawing",),
    required=("mira_v2",),
    negative=("photo", "hat"),
)


def draft(text: str, negative: str = "", origin: Origin = Origin.template) -> PromptDraft:
    opposite = (Component(negative),) if negative else ()
    return PromptDraft((Component(text, origin, span=(0, len(text))),) if text else (), opposite)


def added(text: str, profile: Profile = MIRA) -> str:
    return applied(draft(text), profile).positive


def test_the_phrases_follow_the_persons_own_words():
    found = applied(draft("a woman reads", "blur"), MIRA)
    assert found.positive == "a woman reads, mira_v2, auburn hair, green eyes, ink drawing"
    assert found.negative_prompt == "blur, photo, hat"
    assert [c.origin for c in found.components] == [Origin.template, *[Origin.profile] * 4]
    assert found.components[0] == draft("a woman reads").components[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "w"),
        ("a,", "a, w"),
        ("a, ", "a, w "),
        ("a <lora:x:1>", "a, w <lora:x:1>"),
        ("a, <lora:x:1>, <lora:y:1> ", "a, w, <lora:x:1>, <lora:y:1> "),
        ("<lora:x:1>", "w, <lora:x:1>"),
        ("a BREAK b", "a, w BREAK b"),
        ("a\nBREAK\nb", "a, w\nBREAK\nb"),
        ("a AND b", "a, w AND b"),
        ("(a AND b:1.2) c", "(a AND b:1.2) c, w"),
        ("a break of day", "a break of day, w"),
        ("BREAK b", "w, BREAK b"),
        ("<lora:x:1> a", "<lora:x:1> a, w"),
        ("a > b", "a > b, w"),
        ("a <b> c>", "a <b> c>, w"),
        ("a <segment:face> (b:1.2)", "a <segment:face> (b:1.2), w"),
    ],
)
def test_where_the_words_go(text: str, expected: str):
    assert added(text, Profile("P", appearance_tags=("w",))) == expected


@pytest.mark.parametrize(
    "there", ["Green Eyes", "green_eyes", "(green eyes:1.3)", "[green eyes]", "with green eyes and"]
)
def test_what_the_prompt_says_already_is_not_said_again(there: str):
    assert Said(added(there)).has("auburn hair")
    assert "green eyes" not in added(there).replace(there, "")


def test_half_a_word_says_nothing():
    assert added("evergreen eyes", Profile("P", appearance_tags=("green eyes",))) == "evergreen eyes, green eyes"


@pytest.mark.parametrize(
    ("text", "stays_out"),
    [
        ("a woman with blue eyes", True),
        ("a woman with deep blue eyes", True),
        ("her eyes closed", False),
        ("beautiful eyes", False),
        ("a blue door, big eyes", True),  # near enough to be meant; the person can write the color
        ("dark green eyes", False),
    ],
)
def test_another_color_in_the_prompt_has_the_say(text: str, stays_out: bool):
    assert ("green eyes" not in added(text).removeprefix(text)) is stays_out or Said(text).has("green eyes")


def test_two_characters_keep_each_their_looks():
    both = combined([MIRA, Profile("Tom", key="tom", appearance_tags=("brown eyes",))])
    found = applied(applied(draft("two friends"), both), both)
    assert found.positive.count("green eyes") == found.positive.count("brown eyes") == 1


def test_the_words_of_a_wildcard_have_the_say_and_those_of_a_profile_do_not():
    own = PromptDraft((Component("a woman, "), Component("blue eyes", Origin.wildcard)))
    assert "green eyes" not in applied(own, MIRA).positive
    other = PromptDraft((Component("a woman, "), Component("blue eyes", Origin.profile)))
    assert "green eyes" in applied(other, MIRA).positive


def test_forbidden_words_are_not_added_and_told_where_they_stand_already():
    strict = MIRA.replacing(forbidden=("ink", "snow"), name="Strict")
    found = applied(draft("a woman in the snow"), strict)
    assert "ink" not in found.positive
    assert [(d.kind, d.where) for d in found.diagnostics] == [("forbidden-word", "profiles")]
    assert "'snow'" in found.diagnostics[0].message
    assert "'Strict'" in found.diagnostics[0].message
    assert found.positive.startswith("a woman in the snow")


def test_a_language_model_is_told_of_each_profile_by_itself():
    both = combined([MIRA, Profile("Ink", "style", "ink", description="Pen.", forbidden=("photo",)), Profile("Empty")])
    told = applied(draft("x"), both).background
    assert [(b.kind, b.title) for b in told] == [("profile", "Mira"), ("profile", "Ink"), ("forbidden", "Ink")]
    assert told[0].text.splitlines()[:2] == ["A keeper.", "Looks: auburn hair, green eyes"]
    assert told[2].text == "photo"


def test_emphasis_in_a_phrase_is_known():
    found = applied(draft("a"), Profile("P", appearance_tags=("(freckles:1.3)",)))
    assert found.components[-1].strength == 1.3


def test_a_component_that_is_cut_in_two_keeps_its_place_in_the_template():
    first, *_, last = applied(draft("a fox BREAK snow"), MIRA).components
    assert (first.text, first.span, last.text, last.span) == ("a fox", (0, 5), " BREAK snow", (5, 16))


PHRASES = st.lists(
    st.sampled_from(["red hair", "green eyes", "1girl", "(a, b:1.2)", "ink", "snow", "a cat", "x"]), max_size=5
)
PROFILES = st.builds(
    lambda looks, style, required, negative, forbidden: Profile(
        "P",
        key="p",
        appearance_tags=tuple(looks),
        style=tuple(style),
        required=tuple(required),
        negative=tuple(negative),
        forbidden=tuple(forbidden),
    ),
    *[PHRASES] * 5,
)


@given(strategies.drafts, PROFILES)
def test_nothing_of_a_draft_is_changed_and_twice_is_once(before: PromptDraft, profile: Profile):
    once = applied(before, profile)
    mine = render(c for c in before.components if c.origin is not Origin.profile)
    assert render(c for c in once.components if c.origin is not Origin.profile) == mine
    assert once.negative_prompt.startswith(before.negative_prompt)
    assert applied(once, profile) == once


def test_long_prompts_and_long_profiles_take_no_long_time():
    profile = Profile(
        "Long",
        key="long",
        appearance_tags=tuple(f"tag {number} of many" for number in range(500)),
        forbidden=tuple(f"word {number}" for number in range(500)),
        negative=tuple(f"not {number}" for number in range(500)),
    )
    for text in (
        ", " * 20_000 + "x",
        "<lora:x:1>, " * 3_000,
        "blue a b " * 5_000 + "eyes",
        "(" * 20_000,
        " BREAK " * 5_000,
    ):
        began = process_time()
        assert len(applied(draft(text), profile).components) > 500
        assert process_time() - began < 1.5
