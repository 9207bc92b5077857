"""Twenty stories of eight scenes, told without a model, against an oracle that knows only how they were made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

import pytest

from orchestrator_core.lore.book import Book, Entry
from orchestrator_core.memory.following import Asked, Sources, follow
from orchestrator_core.memory.notes import with_scene
from orchestrator_core.memory.story import Story
from orchestrator_core.memory.telling import Wish
from orchestrator_core.profiles.model import Profile
from orchestrator_core.prompt import Component, PromptDraft
from orchestrator_core.run import Run
from tests.core.memory.story_world import FakeProfiles

STORIES, SCENES, TOKENS = 20, 8, 14
NAMES = ("Mira", "Tom", "Ansel", "Ilse", "Kenji", "Nora")
HAIR = ("silver hair", "black hair", "auburn hair", "blonde hair")
EYES = ("green eyes", "blue eyes", "hazel eyes", "amber eyes")
MARKS = ("freckles", "scar on cheek", "round ears", "braids")
CLOTHES = ("red robe", "white dress", "steel armor", "blue kimono", "grey uniform", "black suit")
PLACES = ("old tavern", "beach", "castle courtyard", "night market", "forest", "lighthouse")
TIMES = ("dawn", "noon", "sunset", "midnight")
DOINGS = ("reading a letter", "laughing aloud", "running fast", "sleeping", "eating soup", "pointing ahead")
LORE = {place: f"lore of the {place}" for place in PLACES}


@dataclass
class Oracle:
    """What must be in the next prompt, from what was asked alone."""

    who: list[str]
    where: str = ""
    when: str = ""
    wears: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Scene:
    text: str
    wish: Wish


def scenes(random: Random, oracle: Oracle, everybody: list[str]) -> Iterator[Scene]:
    for _ in range(SCENES):
        parts, wish = [random.choice(DOINGS)], {}
        action = random.choice(("continue", "continue", "continue", "develop", "new_scene"))
        if action == "new_scene":
            oracle.where = oracle.when = ""
        if random.random() < 0.4:
            oracle.where = random.choice(PLACES)
            if random.random() < 0.5:
                parts.append(f"in the {oracle.where}")
            else:
                wish["where"] = oracle.where
        if random.random() < 0.3:
            oracle.when = random.choice(TIMES)
            parts.append(oracle.when)
        if random.random() < 0.3:
            name, clothes = random.choice(everybody), random.choice(CLOTHES)
            if name not in oracle.who:
                oracle.who.append(name)
            if random.random() < 0.5:
                parts.append(f"{name} in a {clothes}")
                oracle.wears[name] = clothes
            else:
                wish["outfit"] = f"{name}: {clothes}"
                parts.append(name)
                oracle.wears[name] = clothes
        yield Scene(", ".join(parts), Wish(action, **wish))


def people(random: Random) -> list[Profile]:
    found = []
    for name in random.sample(NAMES, 3):
        looks = (random.choice(HAIR), random.choice(EYES), random.choice(MARKS))
        story = f"{name} has a secret. {name} can sing."
        found.append(Profile(name, "character", name.lower(), appearance_tags=looks, backstory=story))
    return found


class Books:
    def book(self, name: str) -> Book:
        entries = (Entry(place, (place,), text) for place, text in LORE.items())
        return Book(name, tuple(entries))


@pytest.mark.parametrize("number", range(STORIES))
def test_eight_scenes_stay_true_to_what_was_said(number: int) -> None:
    random = Random(number)
    cast = people(random)
    oracle = Oracle([cast[0].name])
    story = Story(f"story {number}", (cast[0].key,), ("world",))
    sources = Sources(FakeProfiles(tuple(cast)), Books())
    for scene in scenes(random, oracle, [profile.name for profile in cast]):
        draft = PromptDraft((Component(scene.text),), seed=number)
        followed = follow(draft, story, Asked(scene.wish, TOKENS), sources)
        prompt = followed.draft.positive
        assert prompt.startswith(scene.text)
        check_looks(prompt, oracle, cast)
        check_scene(prompt, oracle, followed.state.who)
        told = {one.entry.uid for one in followed.lore.activation.entries}
        assert told == {place for place in PLACES if place in prompt}
        assert followed.lore.activation.tokens <= TOKENS
        if scene.wish.action == "develop":
            assert [change.field for change in followed.changes].count("fact") == 1
        assert not followed.problems
        story = with_scene(story, Run(f"{number}-{story.next_scene}", followed.draft))
    assert (len(story.scenes), list(story.state.who)) == (SCENES, oracle.who)


def check_looks(prompt: str, oracle: Oracle, cast: list[Profile]) -> None:
    there = [tag.strip() for tag in prompt.split(",")]
    for profile in cast:
        if profile.name in oracle.who:
            assert set(profile.appearance_tags) <= set(there), profile
    wanted = {tag for profile in cast if profile.name in oracle.who for tag in profile.appearance_tags}
    assert {tag for tag in there if tag in (*HAIR, *EYES, *MARKS)} == wanted
    assert all(there.count(tag) == 1 for tag in wanted)


def check_scene(prompt: str, oracle: Oracle, who: tuple[str, ...]) -> None:
    assert list(who) == oracle.who
    assert [place for place in PLACES if place in prompt] == ([oracle.where] if oracle.where else [])
    assert [time for time in TIMES if time in prompt] == ([oracle.when] if oracle.when else [])
    worn = {clothes for clothes in CLOTHES if clothes in prompt}
    assert worn == set(oracle.wears.values())
    assert all(prompt.count(clothes) == 1 for clothes in worn)
