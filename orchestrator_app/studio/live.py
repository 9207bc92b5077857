"""The studio's environment as it is now: the settings are read anew at each use, so a saved change takes effect."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator_app.studio.batch import Choose
from orchestrator_app.studio.choosing import Choosing, Learned, LoraChooser, Wanted
from orchestrator_app.studio.environment import Settings, StudioEnvironment, Target
from orchestrator_app.studio.job import Prepare, Task
from orchestrator_app.studio.jobs import Jobs
from orchestrator_app.studio.language_models import llm_settings
from orchestrator_app.studio.odds import NO_ODDS, Odds
from orchestrator_app.studio.preparing import LeftOut, Preparer, Tools, Wishes, Written, accepted_draft
from orchestrator_app.studio.remembering import StudioAnswers
from orchestrator_app.studio.retrying import Retries
from orchestrator_core.config import data_folder
from orchestrator_core.enhancing.enhancer import Live
from orchestrator_core.errors import ConfigError, OrchestratorError
from orchestrator_core.prompt import PromptDraft
from orchestrator_core.request import Choices
from orchestrator_core.run import Run

if TYPE_CHECKING:
    from orchestrator_app.studio.lora_place import OpenLoras
    from orchestrator_app.studio.rating import Rate
    from orchestrator_core.profiles.library import ProfileLibrary
    from orchestrator_core.template import Wildcards
    from orchestrator_core.weights.retrying import Options as RetryOptions

_CHOICES_FOR = 60.0  # seconds that a target's lists are good for while somebody types


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
        self._chooser = LoraChooser(environment.meanings, environment.profiles)
        self._written = Written()
        self._answers = StudioAnswers(environment.store)
        self._choices: dict[tuple[str, str], tuple[float, Choices | None]] = {}
        if environment.loras is not None:
            environment.loras.pause_while(lambda: bool(self.jobs.running()))

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

    def choices(self, target: Target) -> Choices:
        """What the target offers now. Raises OrchestratorError."""
        key = target.name, target.where
        self._choices[key] = time.monotonic(), None
        found = target.choices()
        self._choices[key] = time.monotonic(), found
        return found

    def _known_choices(self, target: Target) -> Choices | None:
        """What it offered a moment ago; None where it does not answer, which is not asked again at once."""
        asked_at, found = self._choices.get((target.name, target.where), (float("-inf"), None))
        if time.monotonic() - asked_at < _CHOICES_FOR:
            return found
        try:
            now = self.choices(target)
        except OrchestratorError:
            return None
        if now == found:  # the same object: what was made from it is still good
            self._choices[target.name, target.where] = time.monotonic(), found
            return found
        return now

    @property
    def loras(self) -> OpenLoras:
        """The library of LoRAs, which is made and watched from now on. Raises ConfigError."""
        if self.environment.loras is None:
            raise ConfigError("This place has no library of LoRAs.")
        return self.environment.loras(self.settings)

    @property
    def lora_choices(self) -> int:
        """Grows when another choice could come out; -1 where there is no library."""
        try:
            return self.loras.source.choices
        except OrchestratorError:
            return -1

    def choosing(self, wanted: Wanted, target: Target, checkpoint: str) -> Choosing | None:
        """What chooses LoRAs for prompts that go there; None where none are to be chosen. Raises ConfigError."""
        if not wanted.is_on:
            return None
        choices = None if target.lora_names is not None else self._known_choices(target)
        found = self._chooser(self.loras, target, choices, wanted, checkpoint)
        return replace(found, learned=self._learned(target, checkpoint)) if self.odds_number else found

    def _learned(self, target: Target, checkpoint: str) -> Learned:
        """What is learned of LoRAs for drafts that go there; asked for once for all of the same profiles."""
        found: dict[tuple[str, str], Odds] = {}

        def learned(draft: PromptDraft) -> Mapping[str, float]:
            who = draft.source.profiles, draft.source.genre
            if who not in found:
                found[who] = self.odds(*who, target, checkpoint)
            return found[who].weights

        return learned

    @property
    def profiles(self) -> ProfileLibrary | None:
        return self.environment.profiles

    @property
    def odds_number(self) -> int:
        """Of the learned odds that hold now; 0 where there are none."""
        return 0 if self.environment.learned is None else self.environment.learned.number()

    def odds(self, profiles: str, genre: str, target: Target, checkpoint: str) -> Odds:
        """The learned odds for prompts with these profiles that go there."""
        if not self.odds_number or self.environment.learned is None:
            return NO_ODDS
        return self.environment.learned.odds(profiles, genre, target.base_model(checkpoint))

    def rate(self) -> Rate | None:
        """What scores the images of a job; None where a person wants none scored."""
        settings, scoring = self.settings, self.environment.scoring
        return scoring.rate(settings) if scoring is not None and settings.score_images else None

    def retries(self, wanted: RetryOptions | None) -> Retries | None:
        """What renders prompts of a job until they show enough. Raises OrchestratorError where nothing can see that."""
        if wanted is None:
            return None
        settings, scoring = self.settings, self.environment.scoring
        if scoring is None:
            raise ConfigError("This place has nothing that looks at images, so it cannot try again until one is right.")
        scoring.tested(settings)
        model = self.environment.models.get(settings) if self.environment.models else None
        answers = self._answers.of(settings) if model is not None else None
        # Not kept with their scores but by the job, once it is known which of them is the scene of a story.
        rate = scoring.rate(settings.model_copy(update={"remember_runs": False}))
        return Retries(wanted, rate, model, answers)

    def preparer(self, wishes: Wishes) -> Preparer:
        """What makes prompts scenes of a story and has them enhanced, for one preview or job.

        Raises ConfigError, StoreError.
        """
        environment, settings = self.environment, self.settings
        if wishes.tells and environment.stories is None:
            raise ConfigError("This place keeps no stories. Leave the story empty.")
        model = environment.models.get(settings) if wishes.is_any and environment.models else None
        tools = Tools(
            environment.profiles,
            environment.books,
            environment.stories,
            model,
            self._answers.of(settings) if model is not None else None,
            self._written,
            None if model is None else (llm_settings(settings), settings.remember_runs),
        )
        return Preparer(wishes, tools)

    def preparation(self, wishes: Wishes, wanted: Wanted, left_out: LeftOut) -> Prepare:
        """What a job does with each prompt before it renders: the story, the enhancing, what a person did not accept,
        the LoRAs. Raises OrchestratorError.
        """
        preparer, choose = self.preparer(wishes), self.choose(wanted)

        def prepare(task: Task, live: Live) -> Run:
            checkpoint = task.options.checkpoint
            prepared = preparer.asked(task.run.draft, task.target.base_model(checkpoint), live)
            draft = accepted_draft(prepared, left_out)
            if choose is not None:
                draft = choose(draft, task.target.name, checkpoint)
            return task.run.replacing(draft=draft)

        return prepare

    def choose(self, wanted: Wanted) -> Choose | None:
        """For rows of a batch, which have targets and checkpoints of their own; None where none are to be chosen."""
        if not wanted.is_on:
            return None

        def choose(draft: PromptDraft, target: str, checkpoint: str) -> PromptDraft:
            choosing = self.choosing(wanted, self.target(target), checkpoint)
            return draft if choosing is None else choosing(draft).draft

        return choose
