"""Cast: whose profiles a scene has at hand, those of its story and those that its prompt was drawn with."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from orchestrator_core.memory.change import Change, Source
from orchestrator_core.memory.plain import NAME_LENGTH, VALUE_LENGTH, names_in, one_line, same_name
from orchestrator_core.memory.state import SceneState
from orchestrator_core.memory.story import Story
from orchestrator_core.profiles.applying import own_words
from orchestrator_core.profiles.model import Profile
from orchestrator_core.profiles.source import ProfileSource, chosen_from
from orchestrator_core.prompt import PromptDraft

_NAME = re.compile(r"\b[^\W\d_a-zß-ÿ][\w'’-]+(?: [^\W\d_a-zß-ÿ][\w'’-]+){0,2}")
_MOST_NAMES = 20
_OF_SCENE: Sequence[tuple[str, str]] = (("where", "where"), ("when", "when"), ("mood", "mood"))


@dataclass(frozen=True, slots=True)
class Cast:
    """``characters`` by the name that the story calls them, ``others`` are settings and styles.

    ``drawn``: names of the characters whose profiles the prompt itself was drawn with; ``drawn_place``: its setting's.
    """

    characters: Mapping[str, Profile]
    others: tuple[Profile, ...] = ()
    drawn: tuple[str, ...] = ()
    drawn_place: str = ""
    problems: tuple[str, ...] = ()

    def profile_of(self, name: str) -> Profile | None:
        return next((profile for known, profile in self.characters.items() if same_name(known, name)), None)

    @property
    def places(self) -> tuple[str, ...]:
        """The names of the places that settings are."""
        return tuple(place for profile in self.others if (place := place_of(profile)))

    def called(self, state: SceneState) -> Mapping[str, str]:
        """Everybody who is known, by all that they may be called: their names, and their first names."""
        names = list(dict.fromkeys([*self.characters, *(person.name for person in state.people)]))
        found = {name: name for name in names}
        for name in names:
            first = name.split()[0]
            if len(first) > 2 and sum(other.split()[0] == first for other in names) == 1 and first[0].isupper():
                found.setdefault(first, name)
        for name, profile in self.characters.items():
            if other := _name_on_card(profile):
                found.setdefault(other, name)
        return found

    def on_cards(self, names: Iterable[str]) -> list[str]:
        """What their cards call these people, where that is another name: lore may be only for somebody."""
        profiles = [profile for name in names if (profile := self.profile_of(name)) is not None]
        return [other for profile in profiles if (other := _name_on_card(profile)) and other != profile.name]


def _name_on_card(profile: Profile) -> str:
    """A card may have a name beside the nickname that its profile is called by."""
    data = profile.card_raw.get("data")
    name = data.get("name") if isinstance(data, Mapping) else None
    return one_line(name) if isinstance(name, str) else ""


def cast_of(story: Story, draft: PromptDraft, source: ProfileSource | None, more: Iterable[str] = ()) -> Cast:
    """``more``: people who join, of whom the source may know a profile; who has none is only a name."""
    told = chosen_from(source, ", ".join(story.profiles))
    drawn = chosen_from(source, draft.source.profiles) if source else None
    drawn_with = drawn.profile.members if drawn else ()
    members = [member for chosen in (told, drawn) if chosen for member in chosen.profile.members if member.name]
    known = {called.casefold() for member in members for called in (member.name, _name_on_card(member))}
    names = dict.fromkeys((*more, *_written_as_names(own_words(draft))))
    members += [
        found for name in names if name.casefold() not in known and (found := _profile_named(name, source)) is not None
    ]
    characters = {profile.name: profile for profile in members if _is_character(profile)}
    others = {profile.key or profile.name: profile for profile in members if not _is_character(profile)}
    return Cast(
        characters,
        tuple(profile for profile in others.values() if profile.kind != "genre"),
        tuple(member.name for member in drawn_with if _is_character(member)),
        next((place for member in reversed(drawn_with) if (place := place_of(member))), ""),
        tuple(problem.message for problem in (told.problems if told else ())),
    )


def _written_as_names(text: str) -> list[str]:
    """What is written as a name is: "Tom" may be somebody of whom there is a profile, though the story has none yet."""
    found = []
    for match in islice(_NAME.finditer(text), _MOST_NAMES):
        found += [match[0], match[0].split()[0]]
    return found


def _profile_named(name: str, source: ProfileSource | None) -> Profile | None:
    chosen = chosen_from(source, name.replace(",", " ")) if source else None
    return None if chosen is None or chosen.problems or not _is_character(chosen.profile) else chosen.profile


def _is_character(profile: Profile) -> bool:
    return bool(profile.name) and (profile.kind == "character" or (profile.kind == "mixed" and bool(profile.subject)))


def place_of(profile: Profile) -> str:
    """The place that a profile is: of a setting its name, unless it says another as its state."""
    said = profile.state.get("where")
    if isinstance(said, str) and said.strip():
        return one_line(said)[:VALUE_LENGTH]
    return one_line(profile.name)[:NAME_LENGTH] if profile.kind == "setting" else ""


def beginning(profile: Profile, source: Source = "code") -> list[Change]:
    """What a character brings into a story by their profile's ``state``: outfit, facts."""
    outfit, facts = profile.state.get("outfit"), profile.state.get("facts", profile.state.get("fact"))
    found = [Change("set", "outfit", profile.name, value, source) for value in _texts(outfit, joined=True)]
    return found + [Change("add", "fact", profile.name, value, source) for value in _texts(facts)]


def scene_beginning(profiles: Iterable[Profile]) -> dict[str, str]:
    """Where, when and in what mood a story begins by its profiles' ``state``; the last that says it has the say."""
    found: dict[str, str] = {}
    for profile in profiles:
        values = {key: _texts(profile.state.get(name), joined=True) for name, key in _OF_SCENE}
        found |= {key: texts[0] for key, texts in values.items() if texts}
        if profile.kind == "setting":
            found["where"] = place_of(profile)
    return found


def first_people(cast: Cast) -> list[str]:
    """Who is there at a story's first scene: all characters of its profiles."""
    return names_in(",".join(name.replace(",", " ") for name in cast.characters))


def _texts(value: object, joined: bool = False) -> list[str]:
    items = value if isinstance(value, list | tuple) else [value]
    texts = [text for item in items if isinstance(item, str) and (text := one_line(item)[:VALUE_LENGTH])]
    return [", ".join(texts)[:VALUE_LENGTH]] if joined and texts else texts
