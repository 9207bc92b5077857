"""The studio's environment in Forge: this process and a ComfyUI as targets, the host's settings and folders."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from forge_extension.checkpoints import CheckpointFamilies
from forge_extension.generator import Host, InProcessGenerator
from forge_extension.language_models import ForgeModels
from forge_extension.language_models import Host as ModelHost
from forge_extension.lora_names import Host as LoraHost
from forge_extension.lora_names import LoraNames
from forge_extension.queue_working import ForgeQueue
from forge_extension.resolver import Host as ScriptHost
from forge_extension.settings import HostKeeper, HostSettings
from orchestrator_app.studio.environment import Settings, StudioEnvironment, Target
from orchestrator_app.studio.language_models import own_key
from orchestrator_app.studio.learning import StudioLearning
from orchestrator_app.studio.live import LiveWildcards
from orchestrator_app.studio.lora_place import LoraPlace
from orchestrator_app.studio.odds import NO_ODDS, Odds
from orchestrator_app.studio.preparing import Tools
from orchestrator_app.studio.remembering import StudioAnswers
from orchestrator_app.studio.scorers import StudioScorers, release
from orchestrator_app.studio.scoring import RunScoring, Scores, at_once
from orchestrator_app.studio.targets import FORGES_OWN, comfy_target
from orchestrator_core.base_models import BaseModel
from orchestrator_core.config import data_folder
from orchestrator_core.errors import ConfigError
from orchestrator_core.llm.port import never
from orchestrator_core.loras.meanings import Meanings

if TYPE_CHECKING:
    from orchestrator_core.memory.book_folder import BookFolder
    from orchestrator_core.memory.library import StoryLibrary
    from orchestrator_core.profiles.library import ProfileLibrary
    from orchestrator_core.run import Run
    from orchestrator_core.store import Store

ROOT = Path(__file__).resolve().parent.parent

_NO_LORAS = "Forge looks for LoRAs in no folder: its own extension that reads them is switched off."

# Writes into the host's own fields as if it was typed, and goes to its page.
_SEND = """(positive, negative) => {
    const page = typeof gradioApp === 'function' ? gradioApp() : document;
    for (const [id, text] of [['txt2img_prompt', positive], ['txt2img_neg_prompt', negative]]) {
        const box = page.querySelector(`#${id} textarea`);
        if (!box) continue;
        box.value = text;
        box.dispatchEvent(new Event('input', {bubbles: true}));
    }
    if (typeof switch_to_txt2img === 'function') switch_to_txt2img();
}"""


class ForgeHost(Host, HostSettings, ScriptHost, LoraHost, ModelHost, Protocol):
    """All that is needed of the host here; ``host.forge`` has it."""

    def output_folder(self) -> str: ...

    def wildcard_folders(self, own: Path) -> list[Path]: ...

    def lora_folders(self) -> list[str]: ...

    def checkpoint_file(self, name: str) -> str: ...

    def is_rendering(self) -> bool: ...

    def own_url(self) -> str: ...

    def is_interrupted(self) -> bool: ...

    def text_encoder(self) -> Any: ...

    def text_vectors(self, clip: Any, texts: Sequence[str], /) -> Sequence[Sequence[float]]: ...


class ForgeEnvironment:
    """What the tab and the script share. One for each load of the extension: "Reload UI" makes another."""

    def __init__(self, host: ForgeHost) -> None:
        self.host = host
        self.keeper = HostKeeper(host)
        self.wildcards = LiveWildcards(self._folders)
        self.loras = LoraPlace(lambda _: host.lora_folders(), self.open_store, host.is_rendering, _NO_LORAS)
        key = own_key()
        self.models = ForgeModels(key, host)
        self.profiles, self.stories, self.books = _profiles(), _stories(self.open_store), _books()
        self.scorers = StudioScorers(self.open_store, host.residence, self._let_go, key.load)
        self.learned = StudioLearning(
            self.open_store, lambda: self.wildcards(self.settings()), lambda name: self._checkpoints(name).family
        )
        scores = Scores(self.open_store, self.learned.learn)
        self.scoring = RunScoring(
            self.scorers, self.wildcards, scores, host.queue, lambda now: self.loras(now).source, self.profiles
        )
        self._answers = StudioAnswers(self.open_store)
        self._lora_names = LoraNames(host)
        self._meanings = Meanings(host.text_vectors, self.loras.vectors)
        self._checkpoints = CheckpointFamilies(host.checkpoint_file)
        self.queue = ForgeQueue(host, self.studio, self.open_store)

    def close(self) -> None:
        """End what runs in the background: the host is about to load the extension anew."""
        self.queue.close()
        self.loras.close()
        self.scorers.close()

    def studio(self) -> StudioEnvironment:
        return StudioEnvironment(
            targets=self.targets,
            wildcards=self.wildcards,
            settings=self.keeper,
            store=self.open_store,
            loras=self.loras,
            meanings=lambda: self._meanings.of(self.host.text_encoder()),
            profiles=self.profiles,
            stories=self.stories,
            books=self.books,
            models=self.models,
            learned=self.learned,
            marks=self.learned,
            desk=self.learned,
            scoring=self.scoring,
            queue=self.queue.place,
            send_to_host=_SEND,
            host="Forge",
        )

    def targets(self, settings: Settings) -> tuple[Target, ...]:
        own = Path(settings.output_folder).expanduser() if settings.output_folder else None
        day = f"{datetime.now().astimezone():%Y-%m-%d}"
        theirs = (own or Path(self.host.output_folder()) / "comfyui") / day

        def generator() -> InProcessGenerator:
            return InProcessGenerator(self.host, own)

        here = Target(
            "Forge",
            generator,
            lambda: generator().choices(),
            "this process",
            lora_names=self._lora_names,
            base_model=self._checkpoints,
            own_model=FORGES_OWN,
        )
        return here, comfy_target(settings.comfy_url, theirs)

    def tools(self, settings: Settings) -> Tools:
        """For the script, which is called in a job of the host's. Raises ConfigError."""
        model = self.models.in_job(settings)
        answers = self._answers.of(settings) if model is not None else None  # the rules answer the same in any case
        return Tools(self.profiles, self.books, self.stories, model, answers)

    def checkpoint(self, name: str) -> BaseModel:
        """What a checkpoint is, "" being the one that is set."""
        return self._checkpoints(name)

    def odds(self, profiles: str, genre: str, checkpoint: str) -> Odds:
        """What was learned for prompts with these profiles and this checkpoint, "" being the one that is set."""
        if not self.learned.number():
            return NO_ODDS
        return self.learned.odds(profiles, genre, self._checkpoints(checkpoint))

    def rated(self, runs: Sequence[Run], settings: Settings) -> None:
        """Scores the images of a job of the host's, which has the queue already. Raises OrchestratorError."""
        self.scoring.rated(runs, settings, self.host.is_interrupted, at_once)

    def _let_go(self, scorer: object) -> None:
        """The host's list would keep the weights of a scorer that is not set any more."""

        def work() -> None:
            with self.host.queue(never):
                release(scorer)

        threading.Thread(target=work, daemon=True, name="orchestrator lets go").start()

    def _folders(self, settings: Settings) -> list[Path]:
        """The person's own, other extensions', the host's, and those that come with the pack; the first wins."""
        chosen = [Path(folder).expanduser() for folder in settings.wildcard_folders]
        return [*chosen, data_folder() / "wildcards", *self.host.wildcard_folders(ROOT), ROOT / "wildcards"]

    def open_store(self) -> Store:
        """Raises StoreError."""
        from orchestrator_core.store import Store

        return Store.open()

    def settings(self) -> Settings:
        """The settings, or the defaults where they cannot be used."""
        try:
            return self.keeper.load()
        except ConfigError:
            return Settings()


def _profiles() -> ProfileLibrary:
    """The person's own, which win, and those that come with the pack."""
    from orchestrator_core.profiles.library import ProfileLibrary

    return ProfileLibrary((data_folder() / "profiles", ROOT / "profiles"))


def _stories(open_store: Callable[[], Store]) -> StoryLibrary:
    from orchestrator_core.memory.library import StoryLibrary

    return StoryLibrary(open_store)


def _books() -> BookFolder:
    from orchestrator_core.memory.book_folder import BookFolder

    return BookFolder((data_folder() / "lore",))
