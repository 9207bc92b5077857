"""Where a worker's jobs run: one lane for each generator, and what their stages may touch."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator_core.context import StageContext
from orchestrator_core.errors import ConfigError
from orchestrator_core.jobs.lane import Lane
from orchestrator_core.jobs.workplace import Workplace, nowhere, server_lane

if TYPE_CHECKING:
    from orchestrator_core.loras.ranking import LoraSource
    from orchestrator_core.vision.port import Scorer

KINDS = {"comfy": "comfyui", "comfyui": "comfyui", "forge": "forge", "embedded": "embedded"}


def lanes_of(texts: Sequence[str], output: Path, place: Workplace, loras: Sequence[str] = ()) -> list[Lane]:
    """A lane for each ``comfy=http://…``, ``forge=http://…`` or ``embedded=FOLDER``, and one for jobs without any.

    Raises ConfigError for what is none of these.
    """
    lanes = [_lane(text, output, place, loras) for text in texts]
    if len({lane.resource for lane in lanes}) < len(lanes):
        raise ConfigError("--generator names one server twice.")
    # Others' lanes take jobs that render nothing as well; without any, this one does.
    return lanes or [nowhere(place)]


def _lane(text: str, output: Path, place: Workplace, loras: Sequence[str]) -> Lane:
    name, equals, address = text.partition("=")
    kind = KINDS.get(name.strip().lower())
    if not equals or kind is None or not address.strip():
        raise ConfigError(f"--generator {text!r} names none; write it as --generator comfy=http://127.0.0.1:8188.")
    if kind == "embedded":
        return _embedded(address.strip(), output, place, loras)
    return server_lane(kind, address, output, place)


def _embedded(folder: str, output: Path, place: Workplace, loras: Sequence[str]) -> Lane:
    import socket

    from orchestrator_app.lora_library import known_folders
    from orchestrator_core.generators.embedded import EmbeddedGenerator

    generator = EmbeddedGenerator(output, folder, lora_folders=known_folders(loras))
    serves, resource = ("", "embedded", folder), f"{socket.gethostname()} {folder}"
    return Lane(f"embedded {folder}", lambda job: place.opened(job, generator), serves, resource, generator.connect)


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
        base = StageContext(
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
        )
        yield Workplace(lambda: base, ledger)


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
