"""Hand-written stand-ins for what only a Forge process has: its processing objects, its rendering, its settings."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from forge_extension.job import Gate
from forge_extension.lora_names import Listed
from forge_extension.rendered import Look, Rendered, RenderedImage
from orchestrator_app.studio.environment import Settings
from orchestrator_app.studio.odds import NO_ODDS, Odds
from orchestrator_app.studio.preparing import Tools
from orchestrator_core.base_models import BaseModel, base_model_in
from orchestrator_core.enhancing.caching import RememberedAnswers
from orchestrator_core.errors import Cancelled, ScorerError
from orchestrator_core.generators.forge_names import Item, ServerNames
from orchestrator_core.llm.port import IsCancelled, LanguageModel
from orchestrator_core.llm.residence import PlainResidence, Residence
from orchestrator_core.memory.library import StoryLibrary
from orchestrator_core.profiles.library import ProfileLibrary
from orchestrator_core.run import Run
from orchestrator_core.template import Wildcards

ROOT = Path(__file__).resolve().parents[2]


class FakeJob:
    """A processing object after the host has made its lists; ``infotext`` is how the host writes pairs."""

    def __init__(
        self, prompt: Any = "", negative: str = "", seed: int = 1, batch_size: int = 1, n_iter: int = 1
    ) -> None:
        self.prompt, self.negative_prompt = prompt, negative
        self.batch_size, self.n_iter, self.iteration = batch_size, n_iter, 0
        count = batch_size * n_iter
        self.all_prompts = list(prompt) if isinstance(prompt, list) else [prompt] * count
        self.all_negative_prompts = [negative] * count
        self.all_seeds = [seed + number for number in range(count)]
        self.main_prompt = self.main_negative_prompt = ""
        self.extra_generation_params: dict[str, Any] = {}
        self.comments: list[str] = []
        self.all_hr_prompts: list[str] | None = None
        self.all_hr_negative_prompts: list[str] | None = None

    def with_hires(self, prompt: str, negative: str = "") -> FakeJob:
        self.all_hr_prompts = [prompt] * len(self.all_prompts)
        self.all_hr_negative_prompts = [negative] * len(self.all_prompts)
        return self

    def comment(self, text: str) -> None:
        self.comments.append(text)

    def pair(self, key: str, place: int) -> str | None:
        """The value under this key of an image's infotext, as the host asks for it: with the lists of its batch."""
        self.iteration, index = divmod(place, self.batch_size)
        batch = slice(self.iteration * self.batch_size, (self.iteration + 1) * self.batch_size)
        prompts, negatives = self.all_prompts[batch], self.all_negative_prompts[batch]
        value = self.extra_generation_params[key]
        return value(
            p=self, index=index, all_prompts=prompts, prompt_text=prompts[index], negative_prompt=negatives[index],
            use_main_prompt=False,
        )  # fmt: skip


@dataclass
class Processed:
    images: list[RenderedImage] = field(default_factory=list)


NAMES = ServerNames(
    samplers=(Item("Euler", "euler"), Item("DPM++ 2M", "dpmpp_2m")),
    schedulers=(Item("Normal", "normal"), Item("Karras", "karras")),
    checkpoints=(Item("a.safetensors [0123456789]", "a.safetensors", ("a",)),),
    loras=(Item("ink", "ink.safetensors"),),
    has_modules=True,
    fields=frozenset({"enable_hr", "hr_scale", "override_settings"}),
)
OPTIONS = {"samples_save": True, "save_incomplete_images": False, "enable_prompt_comments": True}
OPTIONS |= {"CLIP_stop_at_last_layers": 1, "sd_model_checkpoint": "a.safetensors [0123456789]"}


class FakeForge:
    """Renders nothing: ``work`` gives what comes back, in the thread that waits for the host."""

    def __init__(self, folder: Path = Path("fake")) -> None:
        self.folder = folder
        self.fields: list[dict[str, Any]] = []
        self.infotexts: list[dict[str, Any]] = []
        self.interrupts = self.busy = 0
        self.interrupted = False
        self.told: list[str] = []
        self.time = 1.0
        self.known: ServerNames = NAMES
        self.looks = Look(0, 0, (0, 1), 0)
        self.lock = threading.Lock()  # the host's queue
        self.data: dict[str, Any] = {}
        self.frozen = ""
        self.lora_dirs: list[str] = []
        self.listed: list[Listed] | None = []
        self.comes: list[Listed] = []  # what it finds when it looks again
        self.looked_for: list[list[str]] = []
        self.clip: Any = None  # of the checkpoint that is loaded
        self.encode: Callable[[Sequence[str]], Sequence[Sequence[float]]] = lambda texts: [(1.0, 0.0) for _ in texts]
        self.work: Callable[[FakeForge], Rendered] = lambda host: host.images(1)

    def images(self, count: int, **changes: Any) -> Rendered:
        fields = self.fields[-1]
        line = "Steps: 20, Sampler: Euler, Schedule type: Normal, CFG scale: 7.0, Size: 512x512, Model: a"
        made = [
            RenderedImage(
                str(self.folder / f"{number}.png"),
                f"{fields['prompt']}\n{line}, Seed: {fields['seed'] + number}",
                fields["seed"] + number,
                fields["prompt"],
                False,
            )
            for number in range(count)
        ]
        return Rendered(**{"images": tuple(made), "interrupted": False, **changes})

    def names(self, *, refresh: bool = False) -> ServerNames:
        return self.known

    def options(self) -> dict[str, Any]:
        return dict(OPTIONS)

    def render(self, task: str, fields: Mapping[str, Any], infotext: Mapping[str, Any], gate: Gate) -> Rendered | None:
        with self.lock:
            if not gate.begin():
                return None
            self.fields.append(dict(fields))
            self.infotexts.append(dict(infotext))
            try:
                return self.work(self)
            finally:
                gate.end()

    def jobs_there(self) -> int:
        return self.busy

    def own_url(self) -> str:
        return "http://127.0.0.1:7860"

    def look(self, preview_id: int) -> Look:
        return self.looks

    def interrupt(self) -> None:
        self.interrupts += 1

    def began(self) -> float:
        return self.time

    def rendered(self, job: Any, processed: Processed) -> Rendered:
        return Rendered(tuple(processed.images), False)

    def read(self, defaults: Mapping[str, Any]) -> dict[str, Any]:
        return {key: self.data.get(key, default) for key, default in defaults.items()}

    def write(self, values: Mapping[str, Any]) -> str:
        if not self.frozen:
            self.data |= values
        return self.frozen

    def where(self) -> str:
        return "Forge's settings"

    def output_folder(self) -> str:
        return str(self.folder)

    def wildcard_folders(self, own: Path) -> list[Path]:
        return []

    def lora_folders(self) -> list[str]:
        return list(self.lora_dirs)

    def listed_loras(self) -> list[Listed] | None:
        return self.listed

    def look_for_loras(self, stems: Iterable[str]) -> None:
        self.looked_for.append(list(stems))
        self.listed = [*(self.listed or ()), *self.comes]
        self.comes = []

    def checkpoint_file(self, name: str) -> str:
        return name

    def is_rendering(self) -> bool:
        return False

    def text_encoder(self) -> Any:
        return self.clip

    def residence(self) -> Residence:
        return PlainResidence("cpu")

    @contextmanager
    def queue(self, is_cancelled: IsCancelled, /) -> Iterator[None]:
        while not self.lock.acquire(timeout=0.01):
            if is_cancelled():
                raise Cancelled
        try:
            yield
        finally:
            self.lock.release()

    def is_interrupted(self) -> bool:
        return self.interrupted

    def tell(self, text: str) -> None:
        self.told.append(text)

    def text_vectors(self, clip: Any, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        return self.encode(texts)


class FakeEnvironment:
    """Settings, wildcards and what prompts are written with, without a host; ``open_store`` is what the test gives."""

    def __init__(self, wildcards: Wildcards, open_store: Any = None, model: LanguageModel | None = None) -> None:
        self._wildcards, self.open_store, self.model = wildcards, open_store, model
        self.remember_runs = open_store is not None
        self.profiles = ProfileLibrary((ROOT / "profiles",))
        self.answers = RememberedAnswers()
        self.learned = NO_ODDS
        self.score_images, self.scoring_fails = False, ""
        self.scored: list[Run] = []

    def settings(self) -> Settings:
        return Settings(remember_runs=self.remember_runs, score_images=self.score_images)

    def wildcards(self, settings: Settings) -> Wildcards:
        return self._wildcards

    def tools(self, settings: Settings) -> Tools:
        stories = StoryLibrary(self.open_store) if self.open_store else None
        return Tools(self.profiles, None, stories, self.model, self.answers)

    def checkpoint(self, name: str) -> BaseModel:
        return base_model_in(name)

    def rated(self, runs: Sequence[Run], settings: Settings) -> None:
        if self.scoring_fails:
            raise ScorerError(self.scoring_fails)
        self.scored.extend(runs)

    def odds(self, profiles: str, genre: str, checkpoint: str) -> Odds:
        return self.learned
