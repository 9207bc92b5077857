"""What ``/orchestrator/stories/…`` answers: the stories, one with its scenes and state, and edits of it.

As in routes_answers.py, each method takes what was asked, as JSON has it, and is called from several threads at once.
Every edit answers with the story as it is then, and is told to all windows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from orchestrator_core.errors import StoryError
from orchestrator_core.memory.book_folder import BookFolder
from orchestrator_core.memory.change import change_from
from orchestrator_core.memory.library import StoryLibrary
from orchestrator_core.memory.state import SceneState
from orchestrator_core.memory.story import Scene, Story

from .profile_shelf import ProfileShelf
from .recording import EVENT
from .story_telling import state_lines

_NAME = 200  # characters of a story's name
_NAMES = 100  # profiles or books of one story
_LOG = 200  # changes that are listed


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Named(_Asked):
    name: str = Field(min_length=1, max_length=_NAME)


class _One(_Named):
    limit: int = Field(50, ge=1, le=500)  # of scenes, the newest


class _New(_Named):
    profiles: list[str] = Field(default_factory=list, max_length=_NAMES)
    books: list[str] = Field(default_factory=list, max_length=_NAMES)


class _Use(_Named):
    """What is absent stays as it is."""

    new_name: str | None = Field(None, min_length=1, max_length=_NAME)
    profiles: list[str] | None = Field(None, max_length=_NAMES)
    books: list[str] | None = Field(None, max_length=_NAMES)


class _Change(_Named):
    changes: list[dict[str, Any]] = Field(min_length=1, max_length=50)


class _LeaveOut(_Named):
    scene: int = Field(ge=1)
    left_out: bool = True


class StoryAnswers:
    def __init__(
        self,
        stories: StoryLibrary,
        books: BookFolder,
        shelf: ProfileShelf,
        view_of: Callable[[Path], Mapping[str, str] | None],
        tell: Callable[[str, Mapping[str, Any]], None],
    ) -> None:
        self._stories, self._books, self._shelf, self._view_of, self._tell = stories, books, shelf, view_of, tell

    def all(self, query: dict[str, Any]) -> dict[str, Any]:
        """That in which something happened last comes first."""
        _Asked.model_validate(query)
        return {"stories": [asdict(story) for story in self._stories.list()], **self._known()}

    def one(self, query: dict[str, Any]) -> dict[str, Any]:
        asked = _One.model_validate(query)
        return self._described(self._found(asked.name), asked.limit)

    def new(self, body: dict[str, Any]) -> dict[str, Any]:
        asked = _New.model_validate(body)
        return self._told(self._stories.create(asked.name, asked.profiles, asked.books))

    def use(self, body: dict[str, Any]) -> dict[str, Any]:
        """Another name, other profiles, other books."""
        asked = _Use.model_validate(body)
        name = self._stories.rename(asked.name, asked.new_name).name if asked.new_name else asked.name
        return self._told(self._stories.use(name, asked.profiles, asked.books))

    def change(self, body: dict[str, Any]) -> dict[str, Any]:
        """Edits of the state, as one step that can be undone."""
        asked = _Change.model_validate(body)
        return self._told(self._stories.change(asked.name, [change_from(one, "person") for one in asked.changes]))

    def undo(self, body: dict[str, Any]) -> dict[str, Any]:
        return self._stepped(body, self._stories.undo)

    def redo(self, body: dict[str, Any]) -> dict[str, Any]:
        return self._stepped(body, self._stories.redo)

    def _stepped(self, body: dict[str, Any], step: Callable[[str], tuple[object, ...]]) -> dict[str, Any]:
        asked = _Named.model_validate(body)
        changes = [str(change) for change in step(asked.name)]
        return {**self._told(self._found(asked.name)), "stepped": changes}

    def leave_out(self, body: dict[str, Any]) -> dict[str, Any]:
        asked = _LeaveOut.model_validate(body)
        return self._told(self._stories.leave_out(asked.name, asked.scene, asked.left_out))

    def delete(self, body: dict[str, Any]) -> dict[str, Any]:
        asked = _Named.model_validate(body)
        self._stories.delete(asked.name)
        self._tell(EVENT, {"story": asked.name})
        return self.all({})

    def _found(self, name: str) -> Story:
        story = self._stories.find(name)
        if story is None:
            raise StoryError(f"There is no story {name!r} any more. Refresh the list.")
        return story

    def _told(self, story: Story) -> dict[str, Any]:
        self._tell(EVENT, {"story": story.name})
        return self._described(story)

    def _known(self) -> dict[str, Any]:
        """What a story can be told with."""
        return {"known_profiles": list(self._shelf.library.names), "known_books": list(self._books.names())}

    def _described(self, story: Story, limit: int = 50) -> dict[str, Any]:
        scenes = sorted(story.scenes, key=lambda scene: -scene.number)
        log = [
            {"text": str(one.change), "source": one.change.source, "scene": one.change.scene, "status": one.status}
            for one in reversed(story.log[-_LOG:])
        ]
        return {
            "name": story.name,
            "profiles": list(story.profiles),
            "books": list(story.books),
            "can_undo": story.can_undo,
            "can_redo": story.can_redo,
            "state": state_json(story.state),
            "total": len(scenes),
            "scenes": [self._scene(story, scene) for scene in scenes[:limit]],
            "log": log,
            **self._known(),
        }

    def _scene(self, story: Story, scene: Scene) -> dict[str, Any]:
        views = (view for image in scene.images if (view := self._view_of(image.path)))
        return {
            "number": scene.number,
            "words": scene.words,
            "prompt": scene.prompt,
            "action": scene.action,
            "seed": str(scene.seed),  # a browser's numbers end at 2**53
            "made_ms": scene.time_ms,
            "lore": list(scene.lore),
            "left_out": scene.is_left_out,
            "images": len(scene.images),
            "image": next(views, None),
            "state": state_lines(story.state_after(scene)),
        }


def state_json(state: SceneState) -> dict[str, Any]:
    people = [
        {"name": one.name, "outfit": one.outfit, "facts": list(one.facts), "present": state.is_present(one.name)}
        for one in state.people
    ]
    scene = {"who": list(state.who), "where": state.where, "when": state.when, "mood": state.mood}
    return {**scene, "people": people, "facts": list(state.facts)}
