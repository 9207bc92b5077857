"""The studio's environment as it is now: the settings are read anew at each use, so a saved change takes effect."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator_app.studio.environment import Settings, StudioEnvironment, Target
from orchestrator_app.studio.job import Jobs
from orchestrator_core.config import data_folder
from orchestrator_core.errors import ConfigError, OrchestratorError

if TYPE_CHECKING:
    from orchestrator_core.template import Wildcards


class LiveWildcards:
    """The wildcards of some settings: the same object while their folders are the same. ``folders`` says which."""

    def __init__(self, folders: Callable[[Settings], Iterable[Path]]) -> None:
        self._folders = folders
        self._lock = threading.Lock()
        self._last: tuple[tuple[Path, ...], Wildcards] | None = None

    def __call__(self, settings: Settings) -> Wildcards:
        """Raises WildcardError."""
        from orchestrator_core.template import Wildcards

        folders = tuple(dict.fromkeys(self._folders(settings)))
        with self._lock:
            if self._last is None or self._last[0] != folders:
                self._last = folders, Wildcards(folders, cache=data_folder() / "cache")
            return self._last[1]


class LiveEnvironment:
    """Settings that cannot be used are replaced by the defaults; ``settings_problem`` says why."""

    def __init__(self, environment: StudioEnvironment) -> None:
        self.environment = environment
        self.jobs = Jobs()

    @property
    def settings(self) -> Settings:
        try:
            return self.environment.settings.load()
        except OrchestratorError:
            return Settings()

    @property
    def settings_problem(self) -> str:
        try:
            self.environment.settings.load()
        except OrchestratorError as error:
            return f"{error} Until that is put right the defaults are used."
        return ""

    @property
    def wildcards(self) -> Wildcards:
        """Raises OrchestratorError."""
        return self.environment.wildcards(self.settings)

    @property
    def targets(self) -> dict[str, Target]:
        """By name, the default one first."""
        return {target.name: target for target in self.environment.targets(self.settings)}

    def target(self, name: str | None) -> Target:
        """The target of that name, or the first where none is named. Raises ConfigError."""
        targets = self.targets
        if not name and targets:
            return next(iter(targets.values()))
        if name not in targets:
            raise ConfigError(f"There is no target {name!r}. There are: {', '.join(targets) or 'none'}.")
        return targets[name]
