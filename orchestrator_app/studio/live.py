"""The studio's environment as it is now: the settings are read anew at each use, so a saved change takes effect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator_app.studio.environment import Settings, StudioEnvironment, Target
from orchestrator_app.studio.job import Jobs
from orchestrator_core.errors import ConfigError, OrchestratorError

if TYPE_CHECKING:
    from orchestrator_core.template import Wildcards


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
