"""ProfileShelf: the profiles of this ComfyUI, whose files are read when somebody first asks, and when they change."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator_core.profiles.source import Chosen, ProfileSource, chosen_from

if TYPE_CHECKING:
    from orchestrator_core.profiles.library import ProfileLibrary
    from orchestrator_core.profiles.model import Profile


class ProfileShelf(ProfileSource):
    """One for the process; threads may share it. ``folders`` asks the host, once."""

    def __init__(self, folders: Callable[[], Iterable[Path]] = list) -> None:
        self._folders = folders
        self._lock = threading.Lock()
        self._library: ProfileLibrary | None = None

    @property
    def library(self) -> ProfileLibrary:
        with self._lock:
            if self._library is None:
                from orchestrator_core.profiles.library import ProfileLibrary

                self._library = ProfileLibrary(self._folders())
            return self._library

    @property
    def genres(self) -> tuple[str, ...]:
        """What the genre of a prompt can be."""
        return self.library.genres

    def start(self) -> None:
        """Read the files, so that nobody waits for it later."""
        self.library.look()

    def chosen(self, names: str, genre: str = "") -> Chosen:
        """See ProfileSource."""
        return self.library.chosen(names, genre)

    def combined(self, names: str, genre: str = "") -> Profile:
        """See ProfileSource."""
        return self.library.combined(names, genre)

    def fingerprint(self, names: str | None, genre: str = "") -> str:
        """Another one as soon as a prompt with these could be drawn otherwise. None: names that only the run knows."""
        if names is None:
            return self.library.version
        return _digest([_plain(profile) for profile in self._members(names, genre)])

    def told_fingerprint(self, names: str | None, genre: str = "") -> str:
        """Another one as soon as a language model is told something else of them: for a text that is drawn already."""
        if names is None:  # the node that they come from has a fingerprint of its own
            return ""
        from orchestrator_core.profiles.applying import background_of, forbidden_by

        return _digest([told(one) for one in self._members(names, genre) for told in (background_of, forbidden_by)])

    def _members(self, names: str, genre: str) -> tuple[Profile, ...]:
        found = chosen_from(self, names, genre)
        return () if found is None else found.profile.members


def _plain(profile: Profile) -> Profile:
    """What of a profile a draw goes by."""
    return replace(profile, extensions={}, card_raw={}, lore=(), state={}, parts=())


def _digest(found: list[Any]) -> str:
    return hashlib.sha256(repr(found).encode("utf-8", "surrogatepass")).hexdigest()[:16] if found else ""
