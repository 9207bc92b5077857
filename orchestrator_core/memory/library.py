"""StoryLibrary: all stories of the store, with their types: list, open, make, edit, undo.

Scenes come by themselves: ``Store.save_run`` adds one for each run whose draft belongs to a story.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator_core.errors import StoreError
from orchestrator_core.memory.change import Change, checked
from orchestrator_core.memory.story import Logged, Scene, Story

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator_core.run import Run
    from orchestrator_core.store import Store
    from orchestrator_core.store.stories import StoredStory, Stories


@dataclass(frozen=True, slots=True)
class StoryBrief:
    """A story in a list. ``told_ms``: when something last happened in it, UTC milliseconds since 1970."""

    name: str
    profiles: tuple[str, ...]
    books: tuple[str, ...]
    scenes: int
    told_ms: int


class StoryLibrary:
    """A StorySource that lasts. ``open_store`` is called for each call, and what it gives is closed after it."""

    def __init__(self, open_store: Callable[[], AbstractContextManager[Store]]) -> None:
        self._open_store = open_store

    @classmethod
    def of(cls, store: Store) -> StoryLibrary:
        """The stories of a store that stays open."""
        return cls(lambda: nullcontext(store))

    def list(self) -> tuple[StoryBrief, ...]:
        """That in which something happened last comes first."""
        with self._stories() as stories:
            return tuple(
                StoryBrief(row["name"], _names(row["profiles"]), _names(row["books"]), row["scenes"], row["updated_ms"])
                for row in stories.all()
            )

    def open(self, name: str) -> Story:
        """The story of this name; an empty one, which is not stored, where there is none."""
        return self.find(name) or Story(" ".join(name.split()))

    def find(self, name: str) -> Story | None:
        """The story of this name, or None."""
        with self._stories() as stories:
            stored = stories.load(name)
            if stored is None:
                return None
            try:
                return _story(stored)
            except (ValueError, TypeError, KeyError) as error:
                said = " ".join(str(error).split())
                raise StoreError(
                    f"The story {name!r} holds what this pack never writes ({said}). Restore a backup of the database."
                ) from error

    def create(self, name: str, profiles: Iterable[str] = (), books: Iterable[str] = ()) -> Story:
        """Raises StoryError where there is one of this name."""
        with self._stories() as stories:
            stories.create(name, list(profiles), list(books))
        return self.open(name)

    def rename(self, name: str, new_name: str) -> Story:
        """Runs that were kept under the old name stay the story's."""
        with self._stories() as stories:
            stories.change(name, new_name=new_name)
        return self.open(new_name)

    def use(self, name: str, profiles: Iterable[str] | None = None, books: Iterable[str] | None = None) -> Story:
        """Tells the story with these profiles and books from now on; None leaves them as they are."""
        given = {"profiles": profiles, "books": books}
        with self._stories() as stories:
            stories.change(name, **{key: list(names) for key, names in given.items() if names is not None})
        return self.open(name)

    def delete(self, name: str) -> None:
        """Its runs and their images stay."""
        with self._stories() as stories:
            stories.delete(name)

    def record(self, run: Run) -> None:
        """Keeps a run, and with it its scene. The same as ``Store.save_run``."""
        with self._open_store() as store:
            store.save_run(run)

    def change(self, name: str, changes: Sequence[Change]) -> Story:
        """Edits the state: one step, that can be undone. Raises StoryError for a change that means nothing."""
        good = [checked(change).as_json() for change in changes]
        with self._stories() as stories:
            stories.append(name, good)
        return self.open(name)

    def undo(self, name: str) -> tuple[Change, ...]:
        """What was undone: the changes of the last step that counted."""
        with self._stories() as stories:
            return tuple(_change(row) for row in stories.undo(name))

    def redo(self, name: str) -> tuple[Change, ...]:
        """What was done again."""
        with self._stories() as stories:
            return tuple(_change(row) for row in stories.redo(name))

    def leave_out(self, name: str, scene: int, is_left_out: bool = True) -> Story:
        """As if a scene had not happened: its changes do not count. It stays in the list, and can be taken in again."""
        with self._stories() as stories:
            stories.leave_out(name, scene, is_left_out)
        return self.open(name)

    @contextmanager
    def _stories(self) -> Iterator[Stories]:
        # Imported here, as it loads SQLAlchemy.
        from orchestrator_core.store.stories import Stories

        with self._open_store() as store:
            yield Stories(store)


def _story(stored: StoredStory) -> Story:
    row = stored.story
    return Story(
        row["name"],
        _names(row["profiles"]),
        _names(row["books"]),
        tuple(_scene(scene, stored.runs.get(scene["run_id"])) for scene in stored.scenes),
        tuple(Logged(one["number"], one["step"], _change(one), one["status"]) for one in stored.changes),
        row["id"],
    )


def _scene(row: Any, run: Run | None) -> Scene:
    return Scene(
        row["number"],
        row["run_id"],
        row["words"],
        row["prompt"],
        row["action"],
        row["seed"],
        row["created_ms"],
        _names(row["lore"]),
        row["timed"],
        row["position"],
        bool(row["left_out"]),
        run.images if run else (),
        run.scores if run else (),
        run.draft if run else None,
    )


def _change(row: Any) -> Change:
    return Change(row["op"], row["field"], row["subject"], row["value"], row["source"], row["scene"])


def _names(text: str) -> tuple[str, ...]:
    return tuple(str(name) for name in json.loads(text))
