"""Stories on the command line: the stage in each pipeline, the stories and books that are open, and what came of it."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator_app.asked_stages import given_options, with_stage
from orchestrator_app.console import remark
from orchestrator_core.errors import ConfigError

if TYPE_CHECKING:
    from orchestrator_app.planning import Planned
    from orchestrator_core.context import StageContext
    from orchestrator_core.memory.book_folder import BookFolder
    from orchestrator_core.memory.library import StoryLibrary
    from orchestrator_core.memory.source import Rehearsal
    from orchestrator_core.profiles.source import ProfileSource
    from orchestrator_core.prompt import PromptDraft
    from orchestrator_core.run import Run
    from orchestrator_core.spec import PipelineSpec

FOLLOW, DRAW = "followStory", "generatePrompt"
FLAGS = "story_"  # what the names of the arguments begin with, before the option's own


@dataclass(frozen=True, slots=True)
class Storytelling:
    """What was asked for. ``options`` None: nothing, but a pipeline file may have the stage by itself."""

    options: Mapping[str, Any] | None = None

    def added_to(self, pipeline: PipelineSpec) -> PipelineSpec:
        """The pipeline with the stage after its drawing; one that it has takes the options that were given."""
        if self.options is None:
            return pipeline
        return with_stage(pipeline, FOLLOW, "story", self.options, behind=(DRAW,))


def storytelling_of(arguments: Namespace) -> Storytelling:
    """Raises ConfigError for an option of a story without --story."""
    options = given_options(arguments, FLAGS)
    if arguments.story:
        return Storytelling({"story": arguments.story, **options})
    if options:
        raise ConfigError(f"{story_flag(next(iter(options)))} is for going on with a story: add --story NAME.")
    return Storytelling()


def story_flag(option: str) -> str:
    """What an option of the stage is called here: those that would say too little alone begin with ``--story-``."""
    own = {"lore": "--no-lore", "lore_tokens": "--lore-tokens", "recent_scenes": "--recent-scenes"}
    return own.get(option, f"--story-{option}")


def open_stories() -> StoryLibrary:
    """The stories of the store."""
    from orchestrator_core.memory.library import StoryLibrary
    from orchestrator_core.store import Store

    return StoryLibrary(Store.open)


def own_lore() -> Path:
    """The person's own folder of lore books."""
    from orchestrator_core.config import data_folder

    return data_folder() / "lore"


def open_books(given: Sequence[str] = ()) -> BookFolder:
    """Raises ConfigError for a folder that was given and is not there."""
    from orchestrator_core.memory.book_folder import BookFolder

    folders = [Path(folder).expanduser() for folder in given]
    for folder in folders:
        if not folder.is_dir():
            raise ConfigError(f"There is no folder {folder}. Give --lore-folder the folder of the lore books.")
    return BookFolder(folders or [own_lore()])


def stories_for(telling: Storytelling, pipeline: PipelineSpec | None) -> StoryLibrary | None:
    """The stories, where one is to be told."""
    own = pipeline is not None and any(stage.enabled and stage.type == FOLLOW for stage in pipeline.stages)
    return open_stories() if own or telling.options is not None else None


@dataclass(frozen=True, slots=True)
class Teller:
    """Makes one draft after the other the next scene, for a command that renders nothing and keeps nothing.

    ``context`` None: no story is asked for.
    """

    telling: Storytelling
    stories: Rehearsal | None = None
    context: StageContext | None = None
    profiles: ProfileSource | None = None

    def tell(self, number: int, draft: PromptDraft) -> PromptDraft:
        if self.context is None or self.stories is None:
            return draft
        from orchestrator_core.pipeline import new_run, run_pipeline
        from orchestrator_core.spec import PipelineSpec

        pipeline = self.telling.added_to(PipelineSpec(stages=()))
        run = run_pipeline(pipeline, self.context, new_run().replacing(draft=draft)).run
        self.stories.told(run)
        report_scene(number, run)
        return run.draft


def teller_of(arguments: Namespace, profiles: ProfileSource | None) -> Teller:
    """Raises ConfigError for what does not go together, or is not there."""
    telling = storytelling_of(arguments)
    if telling.options is None:
        return Teller(telling, profiles=profiles)
    from orchestrator_app.folders import open_profiles
    from orchestrator_app.lora_library import base_model_for
    from orchestrator_core.context import StageContext
    from orchestrator_core.memory.source import Rehearsal
    from orchestrator_core.template import Wildcards

    stories, profiles = Rehearsal(open_stories()), profiles or open_profiles(arguments.profile_folder)
    checkpoint = base_model_for(arguments.base_model, arguments.checkpoint or "")
    books = open_books(arguments.lore_folder)
    context = StageContext(Wildcards([]), profiles=profiles, stories=stories, books=books, checkpoint=checkpoint)
    return Teller(telling, stories, context, profiles)


def report_scenes(planned: Sequence[Planned]) -> None:
    for prompt in planned:
        report_scene(prompt.number, prompt.run)


def report_scene(number: int, run: Run) -> None:
    """Which scene of which story a prompt is, and what it changes there."""
    use = run.draft.story
    if use is None:
        return
    from orchestrator_core.memory.notes import read_notes

    notes = read_notes(use.notes, use.scene)
    told = [*map(str, notes.changes), *(f"lore: {title}" for title in notes.lore)]
    remark(f"[{number}] scene {use.scene} of {use.story}" + (f": {'; '.join(told)}" if told else ""))
