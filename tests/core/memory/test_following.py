"""The next scene's prompt: what the story knows is in it, once, and never against what the prompt says itself."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.memory.following import Asked, Sources, follow
from orchestrator_core.memory.notes import read_notes
from orchestrator_core.memory.story import Action, Story
from orchestrator_core.memory.telling import Wish
from orchestrator_core.profiles.model import Profile
from orchestrator_core.prompt import Component, Origin, PromptDraft, PromptSource, render
from tests.core.memory.story_world import FakeProfiles, teller


def tags(prompt: str) -> list[str]:
    return [tag.strip() for tag in prompt.split(",")]


def test_a_scene_goes_on_where_the_last_one_was_with_those_who_were_there() -> None:
    tell = teller("mira")
    tell("Mira reads a letter in the old tavern, night")
    after = tell("looking out of the window")
    assert tags(after) == [
        "looking out of the window", "1girl", "silver hair", "green eyes", "freckles", "red cloak", "leather boots",
        "old tavern", "night",
    ]  # fmt: skip


def test_words_say_who_put_them_there_and_the_person_s_stay_as_they_are() -> None:
    tell = teller("mira")
    tell("in the old tavern")
    own = Component("(smiling:1.2), <lora:ink:0.5>", Origin.template, span=(0, 29))
    tell(PromptDraft((own,)))
    assert tell.last
    draft = tell.last.draft
    origins = {component.text.strip(" ,"): component.origin for component in draft.components}
    assert origins["silver hair"] is Origin.profile
    assert origins["red cloak"] is Origin.memory
    assert origins["old tavern"] is Origin.memory
    assert render(one for one in draft.components if one.origin is Origin.template) == own.text
    assert draft.positive.endswith("<lora:ink:0.5>")
    assert draft.negative_prompt == "blurry"


def test_what_the_prompt_says_of_place_and_time_has_the_say_and_is_remembered() -> None:
    tell = teller("mira")
    tell("in the old tavern, night")
    beach = tell("walking on the beach at sunrise")
    assert "tavern" not in beach
    assert "night" not in beach
    assert tags(tell("sitting down"))[-2:] == ["on the beach", "sunrise"]


def test_a_time_of_day_in_the_name_of_a_place_is_none() -> None:
    tell = teller("mira")
    tell("in the night market, dawn")
    assert tell.story.state.when == "dawn"
    tell("waiting", where="Midnight Lane")
    assert tags(tell("in Midnight Lane"))[-1] == "dawn"


def test_what_is_said_already_is_not_said_again() -> None:
    tell = teller("mira")
    tell("in the old tavern, night")
    again = tell("silver hair, red cloak, tavern at night")
    assert [again.count(word) for word in ("silver hair", "red cloak", "tavern", "night")] == [1, 1, 1, 1]
    assert tell.story.state.where == "old tavern"


def test_what_a_person_asks_for_comes_before_the_prompt_s_words() -> None:
    tell = teller("mira")
    tell("in the old tavern", where="the lighthouse", when="dawn", mood="tense", outfit="blue dress")
    state = tell.story.state
    assert (state.where, state.when, state.mood, state.person("Mira").outfit) == (
        "the lighthouse", "dawn", "tense", "blue dress",
    )  # fmt: skip
    assert {logged.change.source for logged in tell.story.log if logged.change.field == "where"} == {"person"}


def test_new_clothes_take_the_place_of_those_they_replace() -> None:
    tell = teller("mira")
    tell("Mira")
    assert "leather boots" not in tell("Mira in red shoes")
    assert tell.story.state.person("Mira").outfit == "red cloak, red shoes"
    assert tell("Mira without a cloak").endswith("red shoes")
    assert tell.story.state.person("Mira").outfit == "red shoes"


def test_everybody_wears_their_own() -> None:
    tell = teller("mira", "tom")
    prompt = tell("Tom in a grey coat and Mira in a white dress")
    state = tell.story.state
    assert state.person("Tom").outfit == "grey coat"
    assert state.person("Mira").outfit == "red cloak, leather boots, white dress"
    assert prompt.count("grey coat") == 1
    tell("a blue cloak on a chair")  # whose is not said
    assert tell.story.state == state


def test_clothes_that_may_be_anybody_s_keep_their_like_out_of_the_prompt() -> None:
    tell = teller("mira", "tom")
    tell("Mira and Tom")
    assert "red cloak" not in tell("blue cloak, holding hands")
    assert "red cloak" in tell("holding hands")


def test_hair_of_another_color_in_the_prompt_is_the_scene_s() -> None:
    tell = teller("mira")
    assert "silver hair" not in tell("1girl, black hair, portrait")
    assert "silver hair" in tell("portrait")


def test_hair_of_another_color_overrules_however_the_profile_says_it() -> None:
    braided = Profile("Ana", "character", "ana", appearance_tags=("auburn hair in a loose braid",))
    sources = Sources(FakeProfiles((braided,)))
    prompts = {
        text: follow(PromptDraft((Component(text),)), Story("s", ("ana",)), None, sources).draft.positive
        for text in ("black hair", "dark auburn hair", "a fox")
    }
    assert [("auburn hair in a loose braid" in prompt) for prompt in prompts.values()] == [False, True, True]


def test_a_story_begins_as_its_profiles_say_where_its_first_prompt_does_not() -> None:
    keeper = Profile("Ana", "character", "ana", state={"where": "lamp room", "when": "dusk", "mood": "watchful"})
    sources = Sources(FakeProfiles((keeper,)))
    followed = follow(PromptDraft((Component("on the beach"),)), Story("s", ("ana",)), None, sources)
    assert [str(change) for change in followed.changes] == [
        "Ana is there", "where: on the beach", "when: dusk", "mood: watchful",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "prompt", ["Mira and a man with black hair", "Mira talks to an old woman, brown eyes, black hair"]
)
def test_what_is_said_of_a_stranger_is_not_said_of_somebody_known(prompt: str) -> None:
    found = tags(teller("mira")(prompt))
    assert {"silver hair", "green eyes"} <= set(found)


@pytest.mark.parametrize(
    "prompt", ["Mira, a girl with black hair, waves", "black hair, 1girl", "Mira, 1girl, black hair"]
)
def test_what_is_said_of_somebody_known_in_other_words_is(prompt: str) -> None:
    assert "silver hair" not in teller("mira")(prompt)


def test_two_people_keep_the_looks_of_each() -> None:
    found = tags(teller("mira", "tom")("Mira and Tom"))
    assert {"1girl", "1boy", "silver hair", "green eyes", "black hair", "blue eyes"} <= set(found)
    assert {"2girls", "silver hair", "red hair"} <= set(tags(teller("mira", "lena")("talking")))
    assert "2girls" not in teller("mira", "lena")("1girl, from behind")


def test_who_is_named_joins_and_who_is_not_named_stays() -> None:
    tell = teller("mira")
    tell("Mira")
    tell("Tom walks in")  # of no profile of the story, but there is one
    assert tell.story.state.who == ("Mira", "Tom")
    tell("a storm outside")
    assert tell.story.state.who == ("Mira", "Tom")
    tell("talking", who="tom, an old fisherman")
    assert tell.story.state.who == ("Tom", "an old fisherman")
    assert tags(tell("waiting")) == ["waiting", "1boy", "black hair", "blue eyes", "beard", "an old fisherman"]


def test_first_names_are_names_too() -> None:
    tell = teller("lena")
    tell("Lena in a white coat")
    assert tell.story.state.person("Lena Holm").outfit == "white coat"


def test_a_prompt_without_people_shows_nobody_and_a_solo_shows_one() -> None:
    tell = teller("mira", "tom")
    tell("Mira and Tom in the tavern")
    assert tags(tell("no humans, rain")) == ["no humans", "rain", "tavern"]
    solo = tell("solo, Tom")
    assert "beard" in solo
    assert "silver hair" not in solo
    assert tell.story.state.who == ("Mira", "Tom")


def test_a_new_scene_is_somewhere_else_with_the_same_people() -> None:
    tell = teller("mira")
    tell("Mira in the old tavern, night")
    prompt = tell("running", action="new_scene")
    assert "tavern" not in prompt
    assert "night" not in prompt
    assert {"silver hair", "red cloak"} <= set(tags(prompt))
    assert tell.story.state.who == ("Mira",)


def test_off_leaves_the_draft_alone() -> None:
    draft = PromptDraft((Component("a fox"),))
    assert follow(draft, Story("x", ("mira",)), Asked(Wish("off")), Sources(FakeProfiles())).draft is draft


def test_a_setting_s_words_are_there_while_the_scene_is() -> None:
    tell = teller("mira", "harbour", "ink")
    assert {"Harbour", "wooden piers", "ink drawing"} <= set(tags(tell("Mira waits")))
    inside = tell("in the kitchen")
    assert "wooden piers" not in inside
    assert "ink drawing" in inside
    assert "wooden piers" in tell("back again", where="harbour")


def test_a_setting_that_a_prompt_is_drawn_with_is_where_the_scene_goes_on_the_first_time() -> None:
    tell = teller("mira")
    tell("Mira in the old tavern")
    drawn = PromptDraft((Component("walking"),), source=PromptSource("walking", profiles="harbour"))
    tell(drawn)
    assert tell.story.state.where == "Harbour"
    tell("in the kitchen")
    tell(drawn)  # the person's usual setting, and no word of having left the kitchen
    assert tell.story.state.where == "kitchen"


def test_people_whose_profiles_the_prompt_was_drawn_with_are_there() -> None:
    tell = teller()
    tell(PromptDraft((Component("walking"),), source=PromptSource("walking", profiles="tom, ink")))
    assert tell.story.state.who == ("Tom",)
    assert tell.last
    assert tell.last.draft.story
    assert tell.last.draft.story.profiles == "tom"


def test_lore_is_told_of_what_is_in_the_scene_and_its_words_are_only_words() -> None:
    tell = teller("mira", books=("coast", "nowhere"))
    prompt = tell("Mira in the tavern at sunrise")
    assert "oil lamps" in prompt
    assert "<lora" not in prompt
    assert "midnight" not in prompt  # against what the prompt says
    assert "'<lora:evil:2>'" in tell.problems
    assert "no lore book 'nowhere'" in tell.problems
    assert tell.last
    told = {item.title: item.text for item in tell.last.draft.background if item.kind == "lore"}
    assert told == {"tavern": "Old Ben runs the tavern.", "mira": "Mira fears deep water."}
    assert tell.story.scenes[0].lore == ("mira", "tavern")
    assert "oil lamps" in tell("the door opens")  # the scene is still there
    assert "oil lamps" not in tell("on the beach")
    tell.lore_tokens = 0
    assert "oil lamps" not in tell("in the tavern")


def test_a_model_is_told_how_the_story_stands_and_what_happened() -> None:
    tell = teller("mira")
    for number in range(5):
        tell(f"Mira in the tavern, take {number}")
    assert tell.last
    told = {item.title: item.text for item in tell.last.draft.background}
    assert told["This scene"] == "Who: Mira\nWhere: tavern\nMira wears: red cloak, leather boots"
    assert told["Scenes before"].splitlines() == [f"{n + 1}. Mira in the tavern, take {n}" for n in (1, 2, 3)]
    assert "Looks: " in told["Mira"]


def test_what_is_wrong_is_told_and_the_rest_goes_on() -> None:
    tell = teller("mira", "nobody", "tom")
    prompt = tell("Mira and Tom", outfit="armor", where="x" * 301)
    assert {"silver hair", "beard"} <= set(tags(prompt))
    for words in ("no profile 'nobody'", "Who wears 'armor'? There are: Mira, Tom", "301 characters"):
        assert words in tell.problems
    assert tell.last
    assert [item.kind for item in tell.last.draft.diagnostics] == ["story"] * 3
    assert "problem: Who wears" in tell.last.report


def test_the_same_draft_follows_the_same_story_the_same_way() -> None:
    once, twice = teller("mira", books=("coast",)), teller("mira", books=("coast",))
    for prompt in ("Mira in the tavern", "rain", "Tom walks in"):
        assert once(prompt) == twice(prompt)
    assert once.story == twice.story


def test_an_outfit_of_nothing_but_white_space_is_read_at_once() -> None:
    tell = teller("mira", "tom")
    start = time.process_time()
    tell("Mira and Tom", outfit="\t" * 2900 + "x")
    assert time.process_time() - start < 1


WORDS = [
    "Mira",
    "Tom",
    "a man",
    ",",
    "in the tavern",
    "night",
    "red cloak",
    "BREAK",
    "<lora:x:0.5>",
    "(",
    ")",
    "[a:b:3]",
    "AND",
]


@given(
    st.lists(st.one_of(st.sampled_from(WORDS), st.text(max_size=6)), max_size=14).map(" ".join),
    st.sampled_from(["continue", "new_scene", "develop"]),
    st.text(max_size=12),
    st.text(max_size=12),
)
def test_whatever_the_prompt_and_the_wish_are_no_character_of_the_prompt_is_lost(
    text: str, action: Action, who: str, outfit: str
) -> None:
    tell = teller("mira", "tom", "harbour", books=("coast",))
    for _ in range(2):
        tell(PromptDraft((Component(text),)), action=action, who=who, outfit=outfit)
        assert tell.last
        draft = tell.last.draft
        assert render(one for one in draft.components if one.origin is Origin.template) == text
        added = render(one for one in draft.components if one.origin is Origin.profile)
        assert not set("<>{}") & set(added)
        assert draft.story
        assert read_notes(draft.story.notes, 1).changes == tuple(replace(one, scene=1) for one in tell.last.changes)
