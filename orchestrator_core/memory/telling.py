"""From a story, a prompt and a person's wish to what changes in the next scene.

In the order of who has the say: what a person asks for, what the prompt says by its own words, how the story stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from orchestrator_core.errors import StoryError
from orchestrator_core.memory.cast import Cast, beginning, first_people, scene_beginning
from orchestrator_core.memory.change import Change, Field, Source, checked
from orchestrator_core.memory.clothes import fitting, put_on
from orchestrator_core.memory.plain import VALUE_LENGTH, names_in, one_line, same_name
from orchestrator_core.memory.saying import Saying, said_in, same_place, same_time
from orchestrator_core.memory.state import SceneState, folded
from orchestrator_core.memory.story import Action, Story


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person asks for; "" is nothing. ``outfit``: one, or a line for each person, ``Mira: red cloak``."""

    action: Action = "continue"
    who: str = ""
    where: str = ""
    when: str = ""
    mood: str = ""
    outfit: str = ""


@dataclass(frozen=True, slots=True)
class Telling:
    """``state`` is that of the new scene: the story's after ``changes``. ``said``: what the prompt says itself."""

    state: SceneState
    changes: tuple[Change, ...]
    said: Saying
    problems: tuple[str, ...] = ()


def tell(story: Story, words: str, wish: Wish, cast: Cast) -> Telling:
    """``words``: the prompt's own, without what memory added."""
    teller = _Teller(story, wish, cast)
    teller.begin()
    said = teller.hear(words)
    teller.people(said)
    seen = seen_of(said, teller.state.who)
    said = said_in(words, cast.called(teller.state), seen, teller.places)  # of those who are there now
    teller.scene(said)
    teller.clothes(said)
    return Telling(teller.state, tuple(teller.changes), said, tuple(teller.problems))


def seen_of(said: Saying, who: tuple[str, ...]) -> tuple[str, ...]:
    """Of those who are there, whom a prompt shows: nobody in one without people, one in a solo."""
    if said.is_empty:
        return ()
    if said.is_alone and len(who) > 1:
        return said.who[:1] or who[:1]
    return who


class _Teller:
    def __init__(self, story: Story, wish: Wish, cast: Cast) -> None:
        self.story, self.wish, self.cast = story, wish, cast
        self.state = story.state
        self.changes: list[Change] = []
        self.problems: list[str] = []

    def change(self, change: Change) -> None:
        """Notes a change that changes something."""
        try:
            change = checked(replace(change, scene=self.story.next_scene))
        except StoryError as error:
            self.problems.append(str(error))
            return
        after = folded([change], self.state)
        if after != self.state:
            self.state = after
            self.changes.append(change)

    @property
    def places(self) -> list[str]:
        """Where the story has been, and its settings."""
        been = [logged.change.value for logged in self.story.log if logged.change.field == "where"]
        return [place for place in dict.fromkeys([*been, *self.cast.places]) if place]

    def begin(self) -> None:
        """A new scene is somewhere, at some time."""
        if self.wish.action == "new_scene":
            self.change(Change("clear", "where", source="person"))
            self.change(Change("clear", "when", source="person"))

    def _defaults(self) -> Mapping[str, str]:
        """How the first scene begins where nobody says it: as the profiles do."""
        if self.story.scenes:
            return {}
        touched = {logged.change.field for logged in self.story.log}
        said = scene_beginning([*self.cast.others, *self.cast.characters.values()])
        return {field: value for field, value in said.items() if field not in touched}

    def hear(self, words: str) -> Saying:
        return said_in(words, self.cast.called(self.state), self.state.who, self.places)

    def people(self, said: Saying) -> None:
        wanted = names_in(self.wish.who)
        if wanted:
            self._set_people(wanted)
        elif not self.state.who and not any(logged.change.field == "who" for logged in self.story.log):
            for name in first_people(self.cast):
                self._join(name)
        for name in (*self.cast.drawn, *said.who):
            if not wanted:
                self._join(name)

    def _set_people(self, names: list[str]) -> None:
        called = {alias.casefold(): name for alias, name in self.cast.called(self.state).items()}
        names = [called.get(name.casefold(), name) for name in names]
        for name in self.state.who:
            if not any(same_name(name, other) for other in names):
                self.change(Change("remove", "who", value=name))
        for name in names:
            self._join(name, by_person=True)

    def _join(self, name: str, by_person: bool = False) -> None:
        """Adds somebody, who brings their profile's outfit and facts when the story first sees them."""
        is_new = not any(same_name(person.name, name) for person in self.state.people)
        self.change(Change("add", "who", value=name, source="person" if by_person else "code"))
        profile = self.cast.profile_of(name)
        if is_new and profile is not None:
            for change in beginning(profile):
                self.change(change)

    def scene(self, said: Saying) -> None:
        where, defaults = said.where or self._new_setting(), self._defaults()
        for field, wanted, found, is_same in (
            ("where", self.wish.where, where, same_place(where, self.state.where)),
            ("when", self.wish.when, said.when, bool(self.state.when) and same_time(said.when, self.state.when)),
            ("mood", self.wish.mood, said.mood, False),
        ):
            if one_line(wanted):
                self.change(Change("set", _field(field), value=wanted))
            elif found and not is_same:
                self.change(Change("set", _field(field), value=found, source="code"))
            elif not found and field in defaults:
                self.change(Change("set", _field(field), value=defaults[field], source="code"))

    def _new_setting(self) -> str:
        """The place that the prompt was drawn with. One where the story was before is only the usual one."""
        place = self.cast.drawn_place
        been = (logged.change.value for logged in self.story.log if logged.change.field == "where")
        return "" if any(same_place(place, other) for other in been) else place

    def clothes(self, said: Saying) -> None:
        wanted = {person.casefold(): outfit for person, outfit in self._wished_outfits()}
        for name in self.state.who:
            outfit = self.state.person(name).outfit
            if name.casefold() in wanted:
                self._dress(name, wanted[name.casefold()], by_person=True)
            elif worn := said.worn_by(name):
                self._dress(name, put_on(outfit, worn), by_person=False)

    def _dress(self, name: str, outfit: str, by_person: bool) -> None:
        source: Source = "person" if by_person else "code"
        if outfit:
            self.change(Change("set", "outfit", name, outfit[:VALUE_LENGTH], source))
        else:
            self.change(Change("clear", "outfit", name, source=source))

    def _wished_outfits(self) -> Iterator[tuple[str, str]]:
        called = {alias.casefold(): name for alias, name in self.cast.called(self.state).items()}
        for line in filter(str.strip, re.split(r"[;\n]", self.wish.outfit)):
            name, colon, outfit = (part.strip() for part in line.partition(":"))
            if colon and name.casefold() in called:
                yield called[name.casefold()], outfit
            elif len(self.state.who) == 1:
                yield self.state.who[0], one_line(line)
            else:
                there = ", ".join(self.state.who) or "nobody"
                self.problems.append(
                    f"Who wears {one_line(line)!r}? There are: {there}. Write it as: NAME: {one_line(line)}."
                )


def _field(name: str) -> Field:
    fields: dict[str, Field] = {"where": "where", "when": "when", "mood": "mood"}
    return fields[name]


def shown_outfit(telling: Telling, name: str) -> list[str]:
    """The pieces of somebody's outfit that the prompt does not speak of, and that go with what it speaks of.

    Of clothes that may be anybody's, none is put into words again: they could be this person's.
    """
    said = {piece.text for piece in telling.said.worn_by(name)}
    pieces = fitting(telling.state.person(name).outfit, telling.said.worn_by_somebody)
    return [piece for piece in pieces if piece not in said]
