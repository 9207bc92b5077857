"""ApiPlace: what the API has to work with where it runs. ComfyUI, Forge and ``orchestrator serve`` each fill one."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from orchestrator_core.config import data_folder

if TYPE_CHECKING:
    from orchestrator_core.context import StageContext
    from orchestrator_core.gallery.keeper import GalleryKeeper
    from orchestrator_core.gallery.thumbnails import Thumbnails
    from orchestrator_core.profiles.model import Kind, Profile
    from orchestrator_core.store import Store
    from orchestrator_core.weights.ledger import Ledger

OpenStore = Callable[[], AbstractContextManager["Store"]]
MOST_POLLS = 20  # that wait at once; a server with a thread for each has some left for events then


class ProfileShelf(Protocol):
    """The profiles to list: a ProfileLibrary, or a few in a test."""

    def all(self, kind: Kind | None = None) -> Sequence[Profile]: ...

    def get(self, name: str, kind: Kind | None = None) -> Profile:
        """Raises ProfileError for a name that is not there."""
        ...


def _own_pipelines() -> Path:
    return data_folder() / "pipelines"


def _tell_nobody(what: str) -> None:
    """For places that show nothing."""


@dataclass(frozen=True, slots=True)
class OfferedFolder:
    """A folder that this place knows, as the one it renders into: a person may have it in the gallery by its name."""

    name: str  # "output"
    path: Path


class Polls:
    """Who waits by long poll. A place comes free with the answer, or when no server has the poll any more."""

    def __init__(self, most: int = MOST_POLLS) -> None:
        self._most, self._lock = most, threading.Lock()
        self._waiting: weakref.WeakSet[object] = weakref.WeakSet()

    def add(self, poll: object) -> bool:
        """False where as many wait as may."""
        with self._lock:
            has_room = len(self._waiting) < self._most
            if has_room:
                self._waiting.add(poll)
        return has_room


@dataclass(frozen=True, slots=True)
class ApiPlace:
    """A frozen bundle of ports. What a place has not is None: the routes that need it answer 501, and say so.

    Everything here is called from several threads at once, never at import and never on a server's loop.
    """

    name: str  # "standalone", "comfyui", "forge"
    open_store: OpenStore  # ``Store.open`` will do; a KeptStore is faster
    context: Callable[[], StageContext]  # what draws, selections and plans may touch; asked at each call
    profiles: ProfileShelf | None = None
    ledger: Ledger | None = None  # of learning: learned odds for draws, and where marks teach
    pipelines: Callable[[], Path] = field(default=_own_pipelines)  # the folder of the person's own
    targets: Callable[[], Sequence[str]] = tuple  # where this place itself can render: "comfyui", addresses
    thumbnails: Thumbnails | None = None  # of the gallery: ``image_bytes.thumbnails_for`` makes them
    page: Path | None = None  # the folder of the built page, web/dist
    keeper: GalleryKeeper | None = None  # looks at the folders of the gallery from the first call on
    offered: Callable[[], Sequence[OfferedFolder]] = tuple  # folders for the gallery, by a name
    changed: Callable[[str], None] = _tell_nobody  # called with "jobs", "marks" or "pipelines" after a change
    polls: Polls = field(default_factory=Polls)  # of ``gallery/changes``


class KeptStore:
    """An ``open_store`` whose store stays open between calls: it is opened at the first, and ``close`` ends it."""

    def __init__(self, open_store: Callable[[], Store]) -> None:
        self._open, self._lock = open_store, threading.Lock()
        self._store: Store | None = None

    @contextmanager
    def __call__(self) -> Iterator[Store]:
        with self._lock:
            if self._store is None:
                self._store = self._open()
            store = self._store
        yield store

    def close(self) -> None:
        with self._lock:
            store, self._store = self._store, None
        if store is not None:
            store.close()
