"""What a scene changes, as a draft carries it: nothing is written when a prompt is drawn, only when its run is kept.

So a story is the same for ever so many previews, and a scene that was never rendered never happened.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from orchestrator_core.errors import StoryError
from orchestrator_core.memory.change import Change, change_from
from orchestrator_core.memory.story import Logged, Scene, Story
from orchestrator_core.prompt import Component, Origin
from orchestrator_core.run import Run

OWN = (Origin.template, Origin.wildcard, Origin.user)  # whose words are a person's, as those of store/scenes.py


@dataclass(frozen=True, slots=True)
class Notes:
    """``lore``: the titles of what was told of the books; ``timed``: JSON, what they remember for the next scene."""

    changes: tuple[Change, ...] = ()
    lore: tuple[str, ...] = ()
    timed: str = ""

    def text(self) -> str:
        """As ``StoryUse.notes`` holds it; "" where there is nothing to note."""
        kept = {"changes": [change.as_json() for change in self.changes], "lore": self.lore, "timed": self.timed}
        kept = {name: value for name, value in kept.items() if value}
        return json.dumps(kept, ensure_ascii=False, separators=(",", ":")) if kept else ""


def read_notes(text: str, scene: int) -> Notes:
    """What ``Notes.text`` wrote. Raises StoryError for anything else."""
    try:
        kept = json.loads(text or "{}")
        changes = tuple(change_from(one, one["source"], scene) for one in kept.get("changes", ()))
        return Notes(changes, tuple(map(str, kept.get("lore", ()))), str(kept.get("timed", "")))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise StoryError(f"What a prompt says of its story cannot be read: {error!r}.") from None


def with_scene(story: Story, run: Run) -> Story:
    """The story as it is once this run is kept: the same as the store makes of it, of a story that is in memory."""
    draft = run.draft
    if draft.story is None or any(scene.run_id == run.id for scene in story.scenes):
        return story
    number = story.next_scene
    notes = read_notes(draft.story.notes, number)
    log = with_step(story.log, notes.changes)
    words = own_words(draft.components)
    scene = Scene(number, run.id, words, draft.positive, draft.story.action, draft.seed, 0, notes.lore, notes.timed)
    return replace(story, log=log, scenes=(*story.scenes, replace(scene, position=len(log))))


def with_step(log: Sequence[Logged], changes: Sequence[Change]) -> tuple[Logged, ...]:
    """The log with one step more, after which what was undone cannot be done again."""
    if not changes:
        return tuple(log)
    step = max((logged.step for logged in log), default=0) + 1
    before = [replace(one, status="dropped") if one.status == "undone" else one for one in log]
    return (*before, *(Logged(len(log) + place, step, change) for place, change in enumerate(changes, 1)))


def own_words(components: Sequence[Component]) -> str:
    """The words of a prompt that neither memory nor a profile nor a model nor a LoRA put there."""
    return "".join(component.text for component in components if component.origin in OWN).strip(" ,\n")
