"""What the studio needs of the place that it runs in: a Forge process, or a page of its own.

The pages know only this; ``forge_extension`` fills it from the host, ``orchestrator studio`` from the network.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, field_validator

from orchestrator_core import base_models
from orchestrator_core.llm.settings import LlmSettings
from orchestrator_core.loras.civitai import URL as CIVITAI
from orchestrator_core.request import Choices, GeneratedImage, Generator
from orchestrator_core.stages import generate_prompt, score_images
from orchestrator_core.vision.opening import Backend, ScorerSettings

if TYPE_CHECKING:
    from orchestrator_app.studio.language_models import StudioModels
    from orchestrator_app.studio.learn_desk import LearnDesk
    from orchestrator_app.studio.lora_place import LoraPlace
    from orchestrator_app.studio.odds import Odds
    from orchestrator_app.studio.rating import Rate
    from orchestrator_core.context import StageContext
    from orchestrator_core.jobs.place import QueuePlace
    from orchestrator_core.llm.port import IsCancelled
    from orchestrator_core.loras.record import LoraRecord
    from orchestrator_core.loras.semantic import SemanticPhrases
    from orchestrator_core.memory.book_folder import BookFolder
    from orchestrator_core.memory.library import StoryLibrary
    from orchestrator_core.profiles.library import ProfileLibrary
    from orchestrator_core.run import Run
    from orchestrator_core.store import Store
    from orchestrator_core.template import Wildcards
    from orchestrator_core.weights.marking import Marks


class StoppableGenerator(Generator, Protocol):
    """A generator whose work can be stopped from another thread; ``generate`` then raises Interrupted."""

    def cancel(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Target:
    """Where prompts can be sent."""

    name: str  # "Forge", "ComfyUI": what the toggle of a row says
    generator: Callable[[], StoppableGenerator]  # a new one for each job; raises OrchestratorError
    choices: Callable[[], Choices]  # asked when a page opens or is refreshed; raises OrchestratorError
    where: str = ""  # "this process", "http://127.0.0.1:8188": for people
    # What it calls each of these LoRAs, by path; what it has not is left out. None: its choices say which it has.
    lora_names: Callable[[Collection[LoraRecord]], Mapping[str, str]] | None = None
    # The base model of a checkpoint, "" being its own; by its name alone, where nothing better is given.
    base_model: Callable[[str], base_models.BaseModel] = base_models.base_model_in
    own_model: str = "the target's own model"  # what it renders with where no checkpoint is chosen, for people


def _llm(name: str) -> Any:
    """A field of the language model's settings as one of these."""
    return _field(LlmSettings, name)


def _scorer(name: str) -> Any:
    """A field of the scorer's settings as one of these."""
    return _field(ScorerSettings, name)


def _score(name: str) -> Any:
    """An option of scoreImages as one of these."""
    return _field(score_images.Options, name)


def _field(model: type[BaseModel], name: str) -> Any:
    info = model.model_fields[name]
    limits = {key: getattr(item, key) for item in info.metadata for key in ("gt", "ge", "le") if hasattr(item, key)}
    return Field(info.default, description=info.description, **limits)


class Settings(BaseModel):
    """What a person sets once. The descriptions are the tooltips."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    comfy_url: str = Field(
        "http://127.0.0.1:8188", description="As ComfyUI prints it when it starts: http://127.0.0.1:8188"
    )
    forge_url: str = Field(
        "http://127.0.0.1:7860",
        description="As a Forge that was started with --api prints it when it starts: http://127.0.0.1:7860",
    )
    wildcard_folders: tuple[str, ...] = Field(
        (), description="Further wildcard folders, one on each line; of two files with one name the first wins."
    )
    lora_folders: tuple[str, ...] = Field(
        (), description="Where your LoRAs are: the folders of your ComfyUI or Forge, as whole paths, one on each line."
    )
    output_folder: str = Field(
        "", description="Where images go. Empty: outputs/ in the data folder; in Forge, Forge's own folder."
    )
    dialect: generate_prompt.Dialect = Field("dynamicprompts", description="The syntax of new templates.")
    remember_runs: bool = Field(True, description="Keep prompts and their images in the store, to learn from.")
    work_on_queue: bool = Field(
        True, description="Run jobs of the queue here. Off: only when somebody presses Start working here on its page."
    )
    score_images: bool = Field(
        False, description="Score finished images: how far each shows the parts of its prompt. Needs a scorer."
    )
    ask_civitai: bool = Field(
        False,
        description="A click on Ask Civitai asks at once. Off: it says first what is sent to civitai.com.",
    )
    llm_backend: Literal["rules", "openai", "transformers"] = Field(
        "rules",
        description="Who enhances prompts. rules: a table of words, at once and without any model; openai: a server as "
        "Ollama, LM Studio or llama.cpp; transformers: a model in this process.",
    )
    llm_url: str = _llm("url")
    llm_model: str = _llm("model")
    llm_folder: str = _llm("folder")
    llm_allowed_hosts: tuple[str, ...] = _llm("allowed_hosts")
    llm_keep_alive: str = _llm("keep_alive")
    llm_connect_s: float = _llm("connect_s")
    llm_first_token_s: float = _llm("first_token_s")
    llm_total_s: float = _llm("total_s")
    llm_max_memory_gb: float = _llm("max_memory_gb")
    scorer_model: str = _scorer("model")
    scorer_backend: Backend = _scorer("backend")
    scorer_weights: str = _scorer("weights")
    scorer_dtype: Literal["auto", "float32", "float16", "bfloat16"] = _scorer("dtype")
    scorer_fit: Literal["squash", "pad"] = _scorer("fit")
    scorer_batch: int = _scorer("batch")
    scorer_url: str = _scorer("url")
    scorer_measures_counts: bool = _scorer("measures_counts")
    scorer_allow_download: bool = _scorer("allow_download")
    score_style: str = _score("style")
    score_styles: str = _score("styles")
    score_references: str = _score("references")
    score_compare: str = _score("compare")
    score_aesthetic: str = _score("aesthetic")
    score_whole: bool = _score("whole")
    score_learn: bool = _score("learn")

    @field_validator("lora_folders")
    @classmethod
    def _are_whole_paths(cls, folders: tuple[str, ...]) -> tuple[str, ...]:
        """A folder need not be there, as one of a drive that is not connected; but it must be clear which one it is."""
        for folder in folders:
            if not Path(folder).expanduser().is_absolute():
                raise ValueError(f"{folder!r} is no whole path; write it from the root of the drive, or from ~")
        return folders


class SettingsKeeper(Protocol):
    """Where settings are kept: a file, or the host's own settings."""

    where: str  # for people

    def load(self) -> Settings:
        """Raises ConfigError for settings that cannot be used."""
        ...

    def save(self, settings: Settings) -> None: ...


class MarkKeeper(Protocol):
    """Where people's marks of images are kept."""

    def of(self, images: Sequence[GeneratedImage]) -> Mapping[Path, Marks]:
        """The marks of those that have some, by path. Raises StoreError."""
        ...

    def set(self, run: Run, image: GeneratedImage, marks: Marks) -> None:
        """These are its marks from now on. Raises OrchestratorError."""
        ...


class ImageScoring(Protocol):
    """Scores the images of runs, keeps the scores, and has them learned from where a person wants that."""

    def rate(self, settings: Settings) -> Rate:
        """What a job does with its runs."""
        ...

    def tested(self, settings: Settings) -> str:
        """What a person is told who asks whether the scorer is there. Raises ScorerError where it is not."""
        ...

    def looking(self, settings: Settings) -> StageContext:
        """What the stage scoreImages looks and learns with. Raises ScorerError where nothing is set."""
        ...

    def turn(self, is_cancelled: IsCancelled) -> AbstractContextManager[None]:
        """In it a model of this process may work. Raises Cancelled."""
        ...


class LearnedOdds(Protocol):
    """What was learned, as the draws use it."""

    def number(self) -> int:
        """Of the moment that the odds are of; 0 while learning is off. Never raises."""
        ...

    def odds(self, profiles: str, genre: str, model: base_models.BaseModel) -> Odds:
        """For prompts with these profiles, rendered by such a checkpoint. Never raises: without odds a prompt is drawn
        too."""
        ...


# What the phrases of LoRAs mean to the text encoder that is loaded now, for as long as the block runs; None: to none.
Meanings = Callable[[], AbstractContextManager["SemanticPhrases | None"]]


@dataclass(frozen=True, slots=True)
class StudioEnvironment:
    """A frozen bundle, as StageContext is for stages."""

    targets: Callable[[Settings], tuple[Target, ...]]  # the first is the default
    wildcards: Callable[[Settings], Wildcards]  # the same object while the folders are the same
    settings: SettingsKeeper
    store: Callable[[], Store] | None = None  # raises StoreError; None: nothing is remembered
    loras: LoraPlace | None = None  # None: this place has no library of LoRAs
    meanings: Meanings | None = None  # None: this place has no text encoder
    profiles: ProfileLibrary | None = None  # its first folder is the person's own
    stories: StoryLibrary | None = None  # None: nothing is remembered
    books: BookFolder | None = None  # of lore; the first folder is the person's own
    models: StudioModels | None = None  # None: prompts are enhanced by the rules alone
    marks: MarkKeeper | None = None  # None: this place keeps no marks
    scoring: ImageScoring | None = None  # None: this place scores nothing
    learned: LearnedOdds | None = None  # None: this place learns nothing
    desk: LearnDesk | None = None  # where a person says how; None: there is no such page's work here
    queue: QueuePlace | None = None  # None: this place has no queue
    # JavaScript, a function (positive, negative) => void that puts both into the host's own text-to-image page.
    send_to_host: str = ""
    host: str = ""  # "Forge" where the studio is one of its tabs
    civitai_url: str = CIVITAI
