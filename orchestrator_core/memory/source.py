"""StorySource: the port through which ``followStory`` reads a story."""

from __future__ import annotations

from typing import Protocol

from orchestrator_core.memory.notes import with_scene
from orchestrator_core.memory.story import Story
from orchestrator_core.run import Run


class StorySource(Protocol):
    """Where stories are."""

    def open(self, name: str) -> Story:
        """The story of this name, whatever its case; an empty one where there is none yet. Raises StoreError."""


class Rehearsal:
    """Stories as they will be once the runs of a batch are kept: each prompt of it goes on where the last one ends.

    It writes nothing, and is made for one batch.
    """

    def __init__(self, source: StorySource) -> None:
        self._source = source
        self._stories: dict[str, Story] = {}

    def open(self, name: str) -> Story:
        key = _key(name)
        if key not in self._stories:
            self._stories[key] = self._source.open(name)
        return self._stories[key]

    def told(self, run: Run) -> None:
        """Takes the run for kept."""
        if run.draft.story is not None:
            name = run.draft.story.story
            self._stories[_key(name)] = with_scene(self.open(name), run)


def _key(name: str) -> str:
    return " ".join(name.split()).casefold()
