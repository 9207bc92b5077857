"""StoryPart: what the nodes and routes of stories share, imported and made when it is first asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .profile_shelf import ProfileShelf

if TYPE_CHECKING:
    from orchestrator_core.memory.book_folder import BookFolder
    from orchestrator_core.memory.library import StoryLibrary

    from .story_answers import StoryAnswers
    from .story_telling import Batch

ViewOf = Callable[[Path], "Mapping[str, str] | None"]
Tell = Callable[[str, Mapping[str, Any]], None]
_WAIT_S = 5.0  # for another program's lock on the store


@dataclass(frozen=True, slots=True)
class StoryServices:
    """``batch`` knows the scenes that one run of a graph has told so far."""

    stories: StoryLibrary
    books: BookFolder
    shelf: ProfileShelf
    batch: Batch


class StoryPart:
    """One for the process; threads may share it. ``folders`` are those of lore books, ``view_of`` says how the browser
    gets an image, ``tell`` sends an event to all windows.
    """

    def __init__(
        self,
        shelf: ProfileShelf,
        folders: Callable[[], Iterable[Path]] = list,
        view_of: ViewOf = lambda path: None,
        tell: Tell = lambda event, data: None,
    ) -> None:
        self._shelf, self._folders, self._view_of, self._tell = shelf, folders, view_of, tell
        self._lock = threading.Lock()
        self._services: StoryServices | None = None

    def services(self) -> StoryServices:
        """Nothing is read or opened yet."""
        with self._lock:
            if self._services is None:
                self._services = self._made()
            return self._services

    def answers(self) -> StoryAnswers:
        from .story_answers import StoryAnswers

        found = self.services()
        return StoryAnswers(found.stories, found.books, found.shelf, self._view_of, self._tell)

    def _made(self) -> StoryServices:
        from orchestrator_core.memory.book_folder import BookFolder
        from orchestrator_core.memory.library import StoryLibrary

        from .story_telling import Batch

        return StoryServices(StoryLibrary(_store), BookFolder(self._folders()), self._shelf, Batch())


def _store() -> Any:
    from orchestrator_core.store import Store

    return Store.open(wait_s=_WAIT_S)
