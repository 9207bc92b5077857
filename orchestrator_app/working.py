"""Where a worker's jobs run: one lane for each generator, and what their stages may touch."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator_core.context import StageContext
from orchestrator_core.errors import ConfigError
from orchestrator_core.jobs.worker import Lane

if TYPE_CHECKING:
    from orchestrator_core.jobs.model import Job
    from orchestrator_core.loras.ranking import LoraSource
    from orchestrator_core.vision.port import Scorer
    from orchestrator_core.weights.ledger import Ledger

KINDS = {"comfy": "comfyui", "comfyui": "comfyui", "forge": "forge", "embedded": "embedded"}


@dataclass(frozen=True, slots=True)
class Workplace:
    """``base`` is the context of every job, but for what depends on the job."""

    base: StageContext
    ledger: Ledger

    @contextmanager
    def opened(self, job: Job, generator: Any) -> Iterator[StageContext]:
        """The context of one job: its checkpoint's family, and the odds that were learned for it."""
        from orchestrator_core.base_models import base_model_in
        from orchestrator_core.weights.overlay import overlay

        model = base_model_in(job.checkpoint)
        profiles, genre = _chosen(job)
        learned = overlay(self.ledger, profiles, genre, model.family)
        yield replace(self.base, generator=generator, checkpoint=model, weights=learned.weights, odds=learned.number)


def _chosen(job: Job) -> tuple[str, str]:
    """The profiles and the genre that its drawing is with."""
    for stage in job.pipeline.stages if job.pipeline else ():
        if stage.type == "generatePrompt":
            return str(stage.options.get("profiles") or ""), str(stage.options.get("genre") or "")
    return "", ""


def lanes_of(texts: Sequence[str], output: Path, place: Workplace, loras: Sequence[str] = ()) -> list[Lane]:
    """A lane for each ``comfy=http://…``, ``forge=http://…`` or ``embedded=FOLDER``, and one for jobs without any.

    Raises ConfigError for what is none of these.
    """
    lanes = [_lane(text, output, place, loras) for text in texts]
    if len({lane.resource for lane in lanes}) < len(lanes):
        raise ConfigError("--generator names one server twice.")
    # Others' lanes take jobs that render nothing as well; without any, this one does.
    return lanes or [Lane("no generator", lambda job: place.opened(job, None))]


def _lane(text: str, output: Path, place: Workplace, loras: Sequence[str]) -> Lane:
    name, equals, address = text.partition("=")
    kind = KINDS.get(name.strip().lower())
    if not equals or kind is None or not address.strip():
        raise ConfigError(f"--generator {text!r} names none; write it as --generator comfy=http://127.0.0.1:8188.")
    address = address.strip().rstrip("/")
    generator = _generator(kind, address, output, loras)

    def reach() -> None:
        _fresh(generator, kind)

    resource = f"{_machine()} {address}" if kind == "embedded" else address
    return Lane(f"{kind} {address}", lambda job: place.opened(job, generator), ("", kind, address), resource, reach)


def _machine() -> str:
    import socket

    return socket.gethostname()


def _generator(kind: str, address: str, output: Path, loras: Sequence[str]) -> Any:
    if kind == "comfyui":
        from orchestrator_core.generators.comfy_http import ComfyGenerator

        return ComfyGenerator(output, address)
    if kind == "forge":
        from orchestrator_core.generators.forge_http import ForgeGenerator

        return ForgeGenerator(output, address)
    from orchestrator_app.lora_library import known_folders
    from orchestrator_core.generators.embedded import EmbeddedGenerator

    return EmbeddedGenerator(output, address, lora_folders=known_folders(loras))


def _fresh(generator: Any, kind: str) -> None:
    """Asks the host anew what it has: it may be another since it was away. Raises GeneratorUnreachable."""
    if kind == "comfyui":
        generator.object_info(refresh=True)
    elif kind == "forge":
        generator.names(refresh=True)
    else:
        generator.connect()


@contextmanager
def workplace(arguments: Namespace) -> Iterator[Workplace]:
    """From the command line. Raises ConfigError, WildcardError, ProfileError for what is not there."""
    from orchestrator_app.asked_stages import given_values
    from orchestrator_app.enhancing import MODEL_FLAGS, Enhancing, answers_for, model_for
    from orchestrator_app.folders import open_profiles, open_wildcards
    from orchestrator_app.learning import open_ledger
    from orchestrator_app.storytelling import open_books, open_stories
    from orchestrator_core.vision.extras import ExtraModels

    ledger = open_ledger()
    settings = given_values(arguments, MODEL_FLAGS)
    if "backend" not in settings and {"url", "model", "folder"} & settings.keys():
        settings["backend"] = "transformers" if "folder" in settings else "openai"
    model = model_for(Enhancing(None, settings))
    with _loras(arguments.loras) as loras:
        yield Workplace(
            StageContext(
                open_wildcards(arguments.wildcards),
                loras=loras,
                profiles=open_profiles(arguments.profile_folder),
                stories=open_stories(),
                books=open_books(arguments.lore_folder),
                llm=model,
                answers=answers_for(model),
                scorer=_scorer(arguments.scorer),
                extras=ExtraModels(),
                learner=ledger,
            ),
            ledger,
        )


@contextmanager
def _loras(folders: Sequence[str]) -> Iterator[LoraSource | None]:
    """The library, where a folder is known."""
    from orchestrator_app.lora_library import known_folders, open_library
    from orchestrator_core.loras.source import LibrarySource

    if not known_folders(folders):
        yield None
        return
    with open_library(folders) as (library, _):
        yield LibrarySource(library)


def _scorer(folder: str | None) -> Scorer | None:
    if folder is None:
        return None
    from orchestrator_app.scorers import open_here

    return open_here(model=folder)
