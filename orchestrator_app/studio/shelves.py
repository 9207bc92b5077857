"""The profiles, stories and lore books of a place, or why there are none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator_app.studio.live import LiveEnvironment
from orchestrator_core.errors import ConfigError

if TYPE_CHECKING:
    from orchestrator_core.memory.book_folder import BookFolder
    from orchestrator_core.memory.library import StoryLibrary
    from orchestrator_core.profiles.library import ProfileLibrary


def profiles_of(live: LiveEnvironment) -> ProfileLibrary:
    """Raises ConfigError."""
    if live.environment.profiles is None:
        raise ConfigError("This place has no folder of profiles.")
    return live.environment.profiles


def stories_of(live: LiveEnvironment) -> StoryLibrary:
    """Raises ConfigError."""
    if live.environment.stories is None:
        raise ConfigError("This place keeps no stories.")
    return live.environment.stories


def books_of(live: LiveEnvironment) -> BookFolder:
    """Raises ConfigError."""
    if live.environment.books is None:
        raise ConfigError("This place has no folder of lore books.")
    return live.environment.books
