"""What a language model is told of a story: how it stands, and what happened. Data, never instructions."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator_core.lore.scan import Told
from orchestrator_core.memory.state import Person, SceneState
from orchestrator_core.memory.story import Scene, Story
from orchestrator_core.prompt import Background

_LONGEST = 400  # characters of one scene


def background_for(
    story: Story, state: SceneState, lore: Sequence[Told] = (), scenes: int = 3
) -> tuple[Background, ...]:
    """The state of the scene that is to be told, the last ``scenes`` before it, and each piece of lore."""
    last = story.told[-scenes:] if scenes else ()
    found = [Background("story", "This scene", state_text(state))]
    if last:
        found.append(Background("story", "Scenes before", "\n".join(_scene_text(scene) for scene in last)))
    found += [Background("lore", told.entry.title, told.text) for told in lore if told.text.strip()]
    return tuple(told for told in found if told.text)


def state_text(state: SceneState) -> str:
    """A line for each thing that is known, for a model as for a person; "" where nothing is."""
    present = [state.person(name) for name in state.who]
    away = [person for person in state.people if not state.is_present(person.name) and (person.facts or person.outfit)]
    lines = [
        ("Who: ", ", ".join(state.who)),
        ("Where: ", state.where),
        ("When: ", state.when),
        ("Mood: ", state.mood),
        *((f"{person.name} wears: ", person.outfit) for person in present),
        *((f"{person.name}: ", _facts(person)) for person in present),
        *((f"{person.name} (not there): ", _facts(person)) for person in away),
        ("Known: ", "; ".join(state.facts)),
    ]
    return "\n".join(head + text for head, text in lines if text)


def _facts(person: Person) -> str:
    return "; ".join(person.facts)


def _scene_text(scene: Scene) -> str:
    words = " ".join((scene.words or scene.prompt).split())
    return f"{scene.number}. {words if len(words) <= _LONGEST else words[: _LONGEST - 1] + '…'}"
