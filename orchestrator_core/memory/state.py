"""SceneState: who is there, where, when, in what mood, who wears what, what is known of whom. A fold of changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from orchestrator_core.memory.change import Change
from orchestrator_core.memory.plain import names_in, same_name


@dataclass(frozen=True, slots=True)
class Person:
    """What a story knows of somebody, whether they are in the scene or not."""

    name: str
    outfit: str = ""
    facts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SceneState:
    """ "" is what nobody has said. ``people`` are all that the story knows, ``who`` are the names of those present."""

    who: tuple[str, ...] = ()
    where: str = ""
    when: str = ""
    mood: str = ""
    people: tuple[Person, ...] = ()
    facts: tuple[str, ...] = ()

    def person(self, name: str) -> Person:
        """The one of this name; somebody of whom nothing is known where the story has none."""
        return next((person for person in self.people if same_name(person.name, name)), Person(name))

    def is_present(self, name: str) -> bool:
        return any(same_name(one, name) for one in self.who)


def folded(changes: Iterable[Change], state: SceneState | None = None) -> SceneState:
    """The state after these changes, in their order."""
    state = state or SceneState()
    for change in changes:
        state = _FOLDS[change.field](state, change)
    return state


def _who(state: SceneState, change: Change) -> SceneState:
    names = [] if change.op == "clear" else names_in(change.value)
    gone = [name.casefold() for name in names]
    others = tuple(name for name in state.who if name.casefold() not in gone)
    if change.op == "remove":
        return replace(state, who=others)
    if change.op == "add":
        names = [name for name in names if not state.is_present(name)]
        return _knowing(replace(state, who=(*state.who, *names)), names)
    return _knowing(replace(state, who=tuple(names)), names)


def _knowing(state: SceneState, names: Iterable[str]) -> SceneState:
    known = {person.name.casefold() for person in state.people}
    return replace(state, people=(*state.people, *(Person(name) for name in names if name.casefold() not in known)))


def _where(state: SceneState, change: Change) -> SceneState:
    return replace(state, where=change.value)  # a cleared one has no value


def _when(state: SceneState, change: Change) -> SceneState:
    return replace(state, when=change.value)


def _mood(state: SceneState, change: Change) -> SceneState:
    return replace(state, mood=change.value)


def _outfit(state: SceneState, change: Change) -> SceneState:
    return _of_person(state, change.subject, lambda person: replace(person, outfit=change.value))


def _fact(state: SceneState, change: Change) -> SceneState:
    if change.subject:
        return _of_person(state, change.subject, lambda person: replace(person, facts=_facts(person.facts, change)))
    return replace(state, facts=_facts(state.facts, change))


def _facts(facts: tuple[str, ...], change: Change) -> tuple[str, ...]:
    others = tuple(fact for fact in facts if not same_name(fact, change.value))
    if change.op == "remove":
        return others
    return facts if len(others) < len(facts) else (*facts, change.value)


def _of_person(state: SceneState, name: str, edit: Callable[[Person], Person]) -> SceneState:
    state = _knowing(state, [name])
    people = (edit(person) if same_name(person.name, name) else person for person in state.people)
    return replace(state, people=tuple(people))


_FOLDS: Mapping[str, Callable[[SceneState, Change], SceneState]] = {
    "who": _who,
    "where": _where,
    "when": _when,
    "mood": _mood,
    "outfit": _outfit,
    "fact": _fact,
}
