"""How a story stands, as the texts of a form, and what a person changed in it as changes of the story's log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from orchestrator_core.errors import StoryError
from orchestrator_core.memory.change import Change, checked
from orchestrator_core.memory.plain import names_in, same_name
from orchestrator_core.memory.state import SceneState

Form = Mapping[str, str]
FIELDS = ("who", "where", "when", "mood", "outfit", "facts", "known")
_OF_SCENE = ("where", "when", "mood")


def form_of(state: SceneState) -> dict[str, str]:
    """What the fields begin with: outfits and facts a line each, as ``Mira: red cloak``."""
    return {
        "who": ", ".join(state.who),
        **{name: str(getattr(state, name)) for name in _OF_SCENE},
        "outfit": "\n".join(f"{person.name}: {person.outfit}" for person in state.people if person.outfit),
        "facts": "\n".join(f"{person.name}: {fact}" for person in state.people for fact in person.facts),
        "known": "\n".join(state.facts),
    }


def changes(before: Form, after: Form, state: SceneState) -> list[Change]:
    """What was changed, one after the other. Raises StoryError for what means nothing.

    ``state`` is the story's now: what happened in it since the form was filled stays, where the form did not change it.
    """
    given = {name: (after.get(name, "") or "").strip() for name in FIELDS}
    old = {name: (before.get(name, "") or "").strip() for name in FIELDS}
    found: list[Change] = []
    if names_in(given["who"]) != names_in(old["who"]):
        found.append(_set("who", ", ".join(names_in(given["who"]))))
    found += [_set(name, given[name]) for name in _OF_SCENE if given[name] != old[name]]
    people = [*names_in(given["who"]), *(person.name for person in state.people)]
    found += _outfits(_by_person("outfit", old["outfit"], people), _by_person("outfit", given["outfit"], people))
    found += _facts(_by_person("facts", old["facts"], people), _by_person("facts", given["facts"], people))
    found += _facts([("", line) for line in _lines(old["known"])], [("", line) for line in _lines(given["known"])])
    return [checked(change) for change in found]


def _set(field: str, value: str, subject: str = "") -> Change:
    return Change("set" if value else "clear", field, subject, value)  # type: ignore[arg-type]


def _lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def _by_person(what: str, text: str, people: list[str]) -> list[tuple[str, str]]:
    """(who, what) of each line; a line without a name is of the only person there is."""
    found = []
    for line in _lines(text):
        name, colon, value = (part.strip() for part in line.partition(":"))
        if colon and name and len(names_in(name)) == 1:
            known = next((one for one in people if same_name(one, name)), name)
            found.append((known, value))
        elif len({one.casefold() for one in people}) == 1:
            found.append((people[0], line))
        else:
            raise StoryError(f"{what.capitalize()}: {line[:60]!r} does not say of whom; write it as Mira: {line[:60]}")
    return found


def _outfits(old: list[tuple[str, str]], new: list[tuple[str, str]]) -> Iterator[Change]:
    before, after = dict(old), dict(new)
    for name in dict.fromkeys((*before, *after)):
        if before.get(name, "") != after.get(name, ""):
            yield _set("outfit", after.get(name, ""), name)


def _facts(old: list[tuple[str, str]], new: list[tuple[str, str]]) -> Iterator[Change]:
    for name, fact in old:
        if (name, fact) not in new:
            yield Change("remove", "fact", name, fact)
    for name, fact in new:
        if (name, fact) not in old and fact:
            yield Change("add", "fact", name, fact)
