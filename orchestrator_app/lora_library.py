"""The LoRA library as a command opens it: from the folders that are given, or those of the settings, looked at anew."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator_app.console import problem, remark
from orchestrator_core.errors import ConfigError, StoreError

if TYPE_CHECKING:
    from orchestrator_core.base_models import BaseModel
    from orchestrator_core.loras.library import Library
    from orchestrator_core.loras.ranking import LoraIndex
    from orchestrator_core.loras.record import LoraRecord
    from orchestrator_core.loras.semantic import SemanticPhrases
    from orchestrator_core.store import Store


def lora_folders(given: Sequence[str]) -> list[Path]:
    """Raises ConfigError where no folder is known, or one that was given is not there."""
    from orchestrator_app.studio.settings_file import SettingsFile
    from orchestrator_core.config import data_folder

    if not given:
        settings = SettingsFile(data_folder() / "settings.json")
        named = [Path(folder).expanduser() for folder in settings.load().lora_folders]
        if not named:
            raise ConfigError(
                "No LoRA folder is known. Give --loras FOLDER, or name your folders once: in orchestrator studio, on "
                f'the page Config, or in {settings.where} as {{"lora_folders": ["/models/loras"]}}.'
            )
        return named
    folders = [Path(folder).expanduser() for folder in given]
    for folder in folders:
        if not folder.is_dir():
            raise ConfigError(f"There is no folder {folder}. Give --loras the folder that the LoRAs are in.")
    return folders


def known_folders(given: Sequence[str]) -> list[Path]:
    """``lora_folders``, or none where none is known. Raises ConfigError where one that was given is not there."""
    try:
        return lora_folders(given)
    except ConfigError:
        if given:
            raise
        return []


@contextmanager
def open_library(given: Sequence[str]) -> Iterator[tuple[Library, Store | None]]:
    """The library, as its folders are now. What is in the way of the index or a folder is a warning.

    Raises ConfigError as ``lora_folders``.
    """
    from orchestrator_app.progress_bar import progress_bar
    from orchestrator_core.loras.library import Library

    folders = lora_folders(given)
    store, unkept = _store()
    try:
        library = Library(folders, store, problem=unkept)
        with progress_bar("reading LoRAs") as report:
            changes = library.refresh(progress=lambda done, of: report(done, of, ""))
        if changes.problem:
            problem("warning", changes.problem)
        unread = library.snapshot.problems
        for folder, why in sorted(unread.items()):
            problem("warning", f"{folder} cannot be read: {why}. What is known of its LoRAs is kept.")
        for folder in sorted(library.snapshot.offline - unread.keys()):
            problem("warning", f"{folder} is not there; its LoRAs are offline, and nothing of them is forgotten.")
        yield library, store
    finally:
        if store is not None:
            store.close()


def _store() -> tuple[Store | None, str]:
    """The database, or why there is none."""
    from orchestrator_core.store import Store

    try:
        return Store.open(), ""
    except StoreError as error:
        return None, f"what is read of the LoRAs is not kept for the next time: {error}"


def learned_meanings(folder: str | None, index: LoraIndex, store: Store | None) -> SemanticPhrases | None:
    """What all phrases of the library mean to the text encoder in a folder; None without a folder.

    The first time takes long. Raises ConfigError for an encoder that cannot be used.
    """
    if folder is None:
        return None
    from orchestrator_app.progress_bar import progress_bar
    from orchestrator_core.loras.folder_embedder import FolderEmbedder
    from orchestrator_core.loras.semantic import SemanticPhrases
    from orchestrator_core.store.embeddings import Embeddings

    cache = None if store is None else Embeddings(store)
    meanings = SemanticPhrases(FolderEmbedder(Path(folder).expanduser()), cache)
    meanings.follow(index.records)
    with progress_bar("comparing meanings") as report:
        of = left = meanings.learn(0)
        while left and not meanings.problem:
            left = meanings.learn(0.5)
            report(of - left, of, "")
    if meanings.problem:
        raise ConfigError(f"--embedder {folder}: {meanings.problem}.")
    return meanings


def find_lora(library: Library, name: str) -> LoraRecord:
    """By name, file name, title or hash; of several that are meant the first, which is said. Raises ConfigError."""
    record, named = library.find(name)
    if record is None and (found := library.find_hash(name)):
        record = found[0]
    if record is not None:
        if named.message and named.paths:
            remark(named.message)
        return record
    bases = {entry.name.rpartition("/")[2].casefold(): entry.name for entry in library.snapshot.usable()}
    near = difflib.get_close_matches(name.replace("\\", "/").rpartition("/")[2].casefold(), bases, 3)
    cure = f"Did you mean {' or '.join(bases[base] for base in near)}?" if near else "See: orchestrator loras list"
    raise ConfigError(f"{named.message} {cure}")


def base_model_for(said: str | None, checkpoint: str | None) -> BaseModel:
    """What a person said, or what the checkpoint is: from its file where the name is a path, else from its name.

    Raises ConfigError for a base model that nobody knows.
    """
    from orchestrator_core.base_models import (
        FAMILIES,
        SUB_FAMILIES,
        base_model_in,
        base_model_named,
        family_of_checkpoint,
    )

    if said:
        found = base_model_named(said)
        if not found.family:
            raise ConfigError(f"--base-model {said!r} is none that is known: {', '.join((*FAMILIES, *SUB_FAMILIES))}.")
        return found
    name = checkpoint or ""
    path = Path(name).expanduser()
    return family_of_checkpoint(str(path)) if name and path.is_file() else base_model_in(name)
