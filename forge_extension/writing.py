"""What becomes of a job's draws before they are rendered: scenes of a story, and enhanced, as in the tab.

The host calls the script in its job, so a language model that is asked here keeps the job waiting. The host's own
button stops it, and its bar of progress says what is waited for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from forge_extension.drawing import Plainly, ScriptOptions
from orchestrator_app.studio.environment import Settings
from orchestrator_app.studio.odds import NO_ODDS, Odds
from orchestrator_app.studio.preparing import Preparer, Tools, Wishes
from orchestrator_core.base_models import BaseModel
from orchestrator_core.enhancing.enhancer import Live
from orchestrator_core.profiles.source import ProfileSource
from orchestrator_core.prompt import PromptDraft

if TYPE_CHECKING:
    from forge_extension.drawing import Writing
    from orchestrator_core.profiles.library import ProfileLibrary


class Host(Protocol):
    """What is needed of the host; ``host.forge`` has it."""

    def is_interrupted(self) -> bool: ...

    def tell(self, text: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Prepared:
    """A ``drawing.Writing`` that asks: the rules, or the language model of the settings."""

    host: Host
    profiles: ProfileSource | None
    preparer: Preparer
    checkpoint: BaseModel
    odds: Odds = NO_ODDS

    def written(self, draft: PromptDraft, place: int, count: int) -> PromptDraft:
        self.host.tell(f"Writing prompt {place + 1} of {count}")
        live = Live(None, self.host.is_interrupted, is_last=place == count - 1)
        try:
            return self.preparer.asked(draft, self.checkpoint, live).draft
        finally:
            self.host.tell("")


class Environment(Protocol):
    """See ``environment.ForgeEnvironment``."""

    profiles: ProfileLibrary

    def tools(self, settings: Settings) -> Tools: ...

    def checkpoint(self, name: str) -> BaseModel: ...

    def odds(self, profiles: str, genre: str, checkpoint: str) -> Odds: ...


def writing_for(job: Any, options: ScriptOptions, settings: Settings, host: Host, environment: Environment) -> Writing:
    """Raises ConfigError, StoreError, StoryError."""
    wishes = Wishes(options.story, options.enhance)
    chosen = str((getattr(job, "override_settings", None) or {}).get("sd_model_checkpoint", "") or "")
    odds = environment.odds(options.profiles, options.genre, chosen)
    if not wishes.is_any:
        return Plainly(environment.profiles, odds)
    preparer = Preparer(wishes, environment.tools(settings))
    return Prepared(host, environment.profiles, preparer, environment.checkpoint(chosen), odds)
